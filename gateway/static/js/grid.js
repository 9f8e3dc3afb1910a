// Result tables: NULL told from text, invisible characters shown, long cells folded, rows shown of how many.
import { h, plural, shown } from "./dom.js";
import { Exact } from "./wire.js";

const FIRST_ROWS = 20;
const MORE_ROWS = 100;
const CELL_CHARS = 120;

const isNumber = (value) => typeof value === "number" || value instanceof Exact;

function cell(value, blank) {
  if (value === null) return h("td", {}, h("span", { class: "null", text: "NULL" }));
  if (isNumber(value)) return h("td", { class: "number", text: String(value) });
  if (value === "") return h("td", {}, blank ? null : h("span", { class: "null", text: "empty text" }));
  if (value.length <= CELL_CHARS) return h("td", {}, shown(value));
  const start = shown(`${value.slice(0, CELL_CHARS - 20)}…`);
  const summary = h("summary", {}, start, h("span", { class: "null", text: ` ${plural(value.length, "character")}` }));
  return h("td", {}, h("details", { class: "long" }, summary, shown(value, "div")));
}

// How many rows there are, in words.
export function counted(result, rows) {
  const total = plural(result.row_count, "row") + (result.row_count_is_lower_bound ? " or more" : "");
  if (rows === result.row_count) return total;
  return `${rows.toLocaleString("en")} rows shown of ${result.row_count_is_lower_bound ? "at least " : ""}${result.row_count.toLocaleString("en")}`;
}

// A result as a table; `name` says for listeners what it is. `blank`: empty text is left empty, as in descriptions.
export function grid(result, name, { first = FIRST_ROWS, blank = false } = {}) {
  const numeric = result.columns.map((_, at) => result.rows.some((row) => isNumber(row[at])) && result.rows.every((row) => row[at] === null || isNumber(row[at])));
  const head = h("tr", {}, result.columns.map((column, at) => h("th", { scope: "col", class: numeric[at] ? "number" : null }, shown(column))));
  const body = h("tbody");
  const count = h("span");
  const more = h("button", { type: "button", class: "small" });
  let rows = 0;
  const add = (wanted) => {
    const upto = Math.min(result.rows.length, rows + wanted);
    for (; rows < upto; rows += 1) body.append(h("tr", {}, result.rows[rows].map((value) => cell(value, blank))));
    count.textContent = counted(result, rows);
    const rest = result.rows.length - rows;
    more.hidden = rest === 0;
    more.textContent = `Show ${Math.min(rest, MORE_ROWS)} more`;
  };
  more.addEventListener("click", () => add(MORE_ROWS));
  add(first);
  const table = h("table", {}, h("thead", {}, head), body);
  const scroll = h("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": name }, table);
  const cut = result.truncated ? h("span", { text: `; the first ${result.rows.length.toLocaleString("en")} were sent` }) : null;
  return h("div", { class: "grid" }, scroll, h("p", { class: "count" }, count, cut, " ", more));
}
