// Completion of table and column names in SQL, from what the episode has revealed. Names are offered below the field.
import { fill, h, shown } from "./dom.js";

const WORD = /[\p{L}\p{N}_$"]*$/u;
const DOTTED = /(?:^|[^\p{L}\p{N}_$".])([\p{L}\p{N}_$]+|"(?:[^"]|"")*")\.$/u;
const ALIAS = /\b(?:from|join|,)\s+("(?:[^"]|"")+"|[\p{L}\p{N}_$]+)(?:\s+(?:as\s+)?([\p{L}\p{N}_$]+))?/giu;
const PLAIN = /^[\p{L}_][\p{L}\p{N}_$]*$/u;
const KEYWORDS = new Set(
  ("all and as asc between by case cast check collate create cross current default delete desc distinct drop else end " +
    "escape except exists for foreign from full glob group having if in index inner insert intersect into is join key left " +
    "like limit match natural not null of offset on or order outer over primary references right row select set table " +
    "then to transaction union unique update using values view when where window with").split(" "),
);
const MOST = 12;

export const quoted = (name) => (PLAIN.test(name) && !KEYWORDS.has(name.toLowerCase()) ? name : `"${name.replaceAll('"', '""')}"`);
const bare = (name) => (name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name);

// Names that fit at `at` in `text`: [{name, of}], `of` being the table of a column. `columns`: Map of table to columns.
export function fitting(text, at, tables, columns) {
  const before = text.slice(0, at);
  const word = WORD.exec(before)[0];
  const start = bare(word.replace(/^"?/, '"') + '"').toLowerCase();
  const dotted = DOTTED.exec(before.slice(0, before.length - word.length));
  if (!word && !dotted) return { word, names: [] };
  let offered = [];
  if (dotted) {
    const owner = bare(dotted[1]).toLowerCase();
    const meant = new Set([owner]);
    for (const [, table, alias] of text.matchAll(ALIAS)) if (alias?.toLowerCase() === owner) meant.add(bare(table).toLowerCase());
    for (const [table, list] of columns) if (meant.has(table.toLowerCase())) offered.push(...list.map(({ name }) => ({ name, of: table })));
  } else {
    offered = tables.map((name) => ({ name, of: "" }));
    for (const [table, list] of columns) for (const { name } of list) offered.push({ name, of: table });
  }
  const seen = new Map();
  for (const one of offered) {
    const known = seen.get(one.name);
    if (known) known.of = known.of && one.of ? `${known.of}, ${one.of}` : known.of || one.of;
    else seen.set(one.name, { ...one });
  }
  const all = [...seen.values()];
  const begins = all.filter(({ name }) => name.toLowerCase().startsWith(start));
  const holds = all.filter(({ name }) => !begins.some((one) => one.name === name) && start.length > 1 && name.toLowerCase().includes(start));
  const names = [...begins, ...holds].slice(0, MOST);
  // A word that is complete, and fits nothing else, needs no offer.
  return { word, names: names.length === 1 && quoted(names[0].name) === word ? [] : names };
}

// Completes in any of the `fields`, showing names in `box`. `known()` gives {tables, columns}.
export function completes(fields, box, known) {
  let names = [];
  let word = "";
  let chosen = 0;
  let moved = false;
  let field = null;

  const close = () => {
    names = [];
    fill(box);
    for (const one of fields) one.removeAttribute("aria-activedescendant");
  };

  const draw = () => {
    fill(
      box,
      names.map(({ name, of }, at) => {
        const option = h("div", { role: "option", id: `name-${at}`, "aria-selected": at === chosen ? "true" : "false" }, shown(name), of ? h("small", {}, shown(of)) : null);
        // Not click: the field must keep the focus.
        option.addEventListener("pointerdown", (event) => {
          event.preventDefault();
          chosen = at;
          take();
        });
        return option;
      }),
    );
    field.setAttribute("aria-activedescendant", `name-${chosen}`);
    box.children[chosen]?.scrollIntoView({ block: "nearest", inline: "nearest" });
  };

  const look = () => {
    if (field.selectionStart !== field.selectionEnd) return close();
    const { tables, columns } = known();
    ({ word, names } = fitting(field.value, field.selectionStart, tables, columns));
    chosen = 0;
    moved = false;
    if (names.length) draw();
    else close();
  };

  const take = () => {
    const at = field.selectionStart;
    field.setRangeText(quoted(names[chosen].name), at - word.length, at, "end");
    close();
    field.focus();
  };

  for (const one of fields) {
    one.setAttribute("aria-autocomplete", "list");
    one.setAttribute("aria-controls", box.id);
    one.addEventListener("input", () => {
      field = one;
      look();
    });
    one.addEventListener("blur", close);
    one.form.addEventListener("submit", close);
    one.addEventListener("keydown", (event) => {
      if (!names.length || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "Tab" && !event.shiftKey) take();
      else if (event.key === "Enter" && moved) take();
      else if (event.key === "Escape") close();
      else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        chosen = (chosen + (event.key === "ArrowDown" ? 1 : names.length - 1)) % names.length;
        moved = true;
        draw();
      } else return;
      event.preventDefault();
      event.stopPropagation();
    });
  }
}
