// The form with the four actions. Gives an action to `act`, as the protocol has it.
import { completes } from "./complete.js";
import { byId, fill, h, plain, plural } from "./dom.js";
import { Exact } from "./wire.js";

const VERBS = { describe: "Describe the table", sample: "Show some rows", query: "Run the query", answer: "Give this answer" };
const FORMS = {
  integer: ["Your answer, one whole number", "42"],
  float: ["Your answer, one number", "12.5"],
  string: ["Your answer, one text", "the text itself"],
  list: ["Your answer, a list of values as JSON", '["one", "two"]'],
  table: ["Your answer, a table as JSON: a list of rows", '[["one", 1], ["two", 2]]'],
};

// JSON of rows in which numbers stay as the server wrote them.
const json = (value) =>
  Array.isArray(value) ? `[${value.map(json).join(", ")}]` : value instanceof Exact ? value.source : JSON.stringify(value);

// What a result is worth as an answer of this type: text, or null where it does not fit.
export function answerOf(result, type) {
  if (type === "table") return json(result.rows);
  if (type === "list") return result.columns.length === 1 ? json(result.rows.map((row) => row[0])) : null;
  if (result.rows.length !== 1 || result.columns.length !== 1) return null;
  const [[value]] = result.rows;
  return value === null ? "NULL" : String(value);
}

export class Composer {
  #form = byId("act");
  #game;
  #act;

  constructor(game, act) {
    this.#game = game;
    this.#act = act;
    for (const radio of this.#form.elements.tool) radio.addEventListener("change", () => this.choose(radio.value));
    for (const radio of this.#form.elements.form) radio.addEventListener("change", () => this.#draw());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        this.#form.requestSubmit();
      } else if (event.key === "Escape" && event.target.matches("textarea, input, select")) byId("run").focus();
    });
    for (const field of [byId("sql"), byId("value")]) field.addEventListener("input", () => this.#grow(field));
    byId("from-result").addEventListener("click", () => this.#takeResult());
    byId("from-query").addEventListener("click", () => this.#takeQuery());
    completes([byId("sql"), byId("value")], byId("names"), () => this.#known());
  }

  get tool() {
    return this.#form.elements.tool.value;
  }

  // Shows an action's fields; `focus` puts the cursor there.
  choose(tool, focus = false) {
    this.#form.elements.tool.value = tool;
    for (const panel of this.#form.querySelectorAll(".panel")) panel.hidden = panel.dataset.tool !== tool;
    this.#draw();
    if (focus) byId({ describe: "describe-table", sample: "sample-table", query: "sql", answer: "value" }[tool]).focus();
  }

  // A new episode: its tables, its kind of answer, nothing written.
  begin() {
    for (const id of ["describe-table", "sample-table"]) fill(byId(id), this.#game.first.tables.map((name) => h("option", { value: name, text: plain(name) })));
    for (const id of ["sql", "value"]) {
      byId(id).value = "";
      this.#grow(byId(id));
    }
    this.#form.elements.form.value = "value";
    this.choose("query");
  }

  say(words) {
    byId("said").textContent = words;
  }

  // The state of the episode has changed.
  refresh() {
    this.#form.hidden = this.#game.done;
    this.#draw();
  }

  busy(is) {
    byId("run").setAttribute("aria-disabled", is ? "true" : "false");
    this.#form.setAttribute("aria-busy", is ? "true" : "false");
  }

  #draw() {
    const { tool } = this;
    const { now } = this.#game;
    byId("run").textContent = VERBS[tool];
    const bySql = this.#form.elements.form.value === "sql";
    const [label, example] = bySql ? ["One SELECT whose result is the answer", "SELECT …"] : (FORMS[now?.answer_type] ?? FORMS.string);
    byId("value-label").textContent = label;
    byId("value").placeholder = example;
    byId("from-result").hidden = bySql || !this.#last("result");
    byId("from-query").hidden = !this.#last("query");
    if (!now) return;
    const left = now.steps_left;
    byId("cost").textContent =
      tool === "answer" ? "This ends the episode." : left === 1 ? "Your last step: only an answer can still earn something." : `Takes one of ${plural(left, "step")}.`;
  }

  #last(what) {
    const steps = this.#game.steps.filter(({ action, observation }) => action.tool === "query" && observation.result);
    return what === "query" ? steps.at(-1)?.action.sql : steps.at(-1)?.observation.result;
  }

  #takeResult() {
    const { answer_type: type } = this.#game.now;
    const result = this.#last("result");
    const text = answerOf(result, type);
    if (text === null) {
      const wanted = type === "list" ? "one column" : "one row with one column";
      this.say(`The last result has ${plural(result.row_count, "row")} of ${plural(result.columns.length, "column")}; this answer needs ${wanted}.`);
      return;
    }
    this.say(result.truncated ? "Only the rows that were sent are taken: a query as the answer would take them all." : "");
    byId("value").value = text;
    this.#grow(byId("value"));
    byId("value").focus();
  }

  #takeQuery() {
    this.#form.elements.form.value = "sql";
    byId("value").value = this.#last("query");
    this.#draw();
    this.#grow(byId("value"));
    byId("value").focus();
  }

  // Names are for SQL: an answer's value gets none.
  #known() {
    if (!this.#game.first || (this.tool === "answer" && this.#form.elements.form.value !== "sql")) return { tables: [], columns: new Map() };
    return { tables: this.#game.first.tables, columns: this.#game.columns };
  }

  #grow(field) {
    field.style.height = "auto";
    if (field.scrollHeight) field.style.height = `${Math.min(field.scrollHeight + 2, 320)}px`;
  }

  #submit() {
    if (byId("run").getAttribute("aria-disabled") === "true") return;
    this.say("");
    const value = byId("value").value;
    const bySql = this.#form.elements.form.value === "sql";
    switch (this.tool) {
      case "describe":
        return this.#act({ tool: "describe", table: byId("describe-table").value });
      case "sample": {
        const rows = Number(byId("sample-rows").value);
        if (!Number.isInteger(rows) || rows < 1 || rows > 20) return this.say("Between 1 and 20 rows can be sampled.");
        return this.#act({ tool: "sample", table: byId("sample-table").value, rows });
      }
      case "query":
        if (!byId("sql").value.trim()) return this.say("Write a SELECT first.");
        return this.#act({ tool: "query", sql: byId("sql").value });
      default:
        if (!value.trim()) return this.say("Write an answer first.");
        return this.#act(bySql ? { tool: "answer", sql: value } : { tool: "answer", value });
    }
  }
}
