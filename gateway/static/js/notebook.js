// One step of an episode, as the notebook shows it.
import { h, shown, signed } from "./dom.js";
import { counted, grid } from "./grid.js";
import { terms } from "./reward.js";

// What to try after an error of this kind, beyond what the message says.
const TRY = {
  no_such_table: "The tables’ names are listed above. One with blanks or odd characters needs double quotes.",
  no_such_column: "Describe the table first. Columns that have been seen are completed as you type.",
  no_such_function: "The functions are SQLite’s: strftime for dates, substr, instr, round, group_concat, window functions.",
  syntax: "The dialect is SQLite’s: double quotes around names, single quotes around text.",
  multiple_statements: "Send one SELECT; a WITH clause can hold several steps of thought.",
  not_allowed: "Databases are read-only here: SELECT, WITH and VALUES are what there is.",
  timeout: "Narrow the query: join on keys, filter early, take fewer rows.",
  too_large: "Narrow the query: fewer or shorter columns, a LIMIT, an aggregate.",
  out_of_memory: "Narrow the query: fewer rows before sorting and grouping.",
  empty_sql: "Write a SELECT first.",
  sql: "Look at the table’s columns again, and build the query up in small parts.",
};

const VERDICT = {
  correct: "right",
  incorrect: "not right",
  wrong_type: "not the type that was asked for",
  sql_failed: "the SQL failed",
  limit_exceeded: "the SQL took too much",
};

// The step in a few words, for listeners.
export function spoken({ observation, reward }, at) {
  const { result, error, score, steps_left: left, status } = observation;
  const what = error ? `error: ${error.message}` : result ? counted(result, Math.min(20, result.rows.length)) : score?.verdict ? `the answer is ${VERDICT[score.verdict] ?? score.verdict}` : "done";
  const rest = status === "running" ? `${left} steps left` : "the episode is over";
  return `Step ${at}: ${what}. Reward ${signed(reward)}. ${rest}.`;
}

// A card. `unfolded`: the reward's terms are open from the start; `rows`: how many rows are shown at first.
export function card(step, at, { unfolded = false, rows = 20 } = {}) {
  const { observation, reward, text } = step;
  const { result, error, score } = observation;
  const [, verb, rest] = /^(\S+(?: SQL:)?)\s*([^]*)$/.exec(text) ?? [null, text, ""];
  const head = h(
    "div",
    { class: "did" },
    h("span", { class: "at", text: `${at}` }),
    h("code", {}, h("b", { text: verb }), " ", shown(rest, "span", { class: "said-text" }, true)),
    h("span", { class: `worth ${reward < 0 ? "loss" : "gain"}`, text: signed(reward) || "0", "aria-label": `reward ${signed(reward) || 0}` }),
  );
  const body = [];
  if (error) {
    body.push(h("p", { class: "error" }, shown(error.message, "span")));
    if (TRY[error.kind]) body.push(h("p", { class: "try", text: TRY[error.kind] }));
  }
  if (result) body.push(grid(result, `Result of step ${at}`, verb === "DESCRIBE" ? { first: Infinity, blank: true } : { first: rows }));
  if (score?.verdict) {
    const right = score.verdict === "correct";
    body.push(h("p", { class: right ? "good" : "error", text: score.reason || `The answer is ${VERDICT[score.verdict] ?? score.verdict}.` }));
  }
  if (score) body.push(h("details", { class: "whyworth", open: unfolded }, h("summary", { text: `Why ${signed(reward) || "0"}?` }), terms(score)));
  return h("li", { class: `step${error ? " failed" : ""}`, "data-step": at }, head, body);
}
