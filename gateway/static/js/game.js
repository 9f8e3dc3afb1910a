// The episode that is being played: its record, what it has revealed, and how it is kept over a reload.
//
// The record is enough to play the episode again: it is a deterministic function of task, seed and actions. So a session
// that the server has forgotten is rebuilt without asking.
import { parse, Wire } from "./wire.js";

const KEY = "sqlenv.game";
const LOST = new Set(["SESSION_LOST", "NO_EPISODE", "EPISODE_NOT_FOUND"]);

function stored() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) ?? {};
  } catch {
    return {}; // forbidden or damaged storage: a fresh start
  }
}

// The text form of an action, as the server writes it too.
export function actionText(action) {
  switch (action.tool) {
    case "describe":
      return `DESCRIBE ${action.table}`;
    case "sample":
      return `SAMPLE ${action.table} ${action.rows}`;
    case "query":
      return `QUERY ${action.sql}`;
    default:
      return action.sql !== undefined ? `ANSWER SQL: ${action.sql}` : `ANSWER ${action.value}`;
  }
}

// Events: "start" when an episode begins, "step" after each step.
export class Game extends EventTarget {
  about = null; // reset's metadata
  first = null; // reset's observation
  steps = []; // {action, text, observation, reward, done}
  #raw = { reset: "", steps: [] };
  #next = null; // an action whose reply has not come

  constructor() {
    super();
    const kept = stored();
    this.wire = new Wire(kept.session ?? null);
    this.kept = kept.reset ? kept : null;
  }

  get now() {
    return this.steps.at(-1)?.observation ?? this.first;
  }

  get done() {
    return this.steps.at(-1)?.done ?? false;
  }

  get budget() {
    return this.first.steps_left;
  }

  get total() {
    return this.steps.reduce((sum, step) => sum + step.reward, 0);
  }

  // Columns by table, as far as DESCRIBE and SAMPLE have shown them: Map of table to [{name, type, key, references}].
  get columns() {
    const found = new Map();
    for (const { action, observation } of this.steps) {
      const { result } = observation;
      const table = result && this.first.tables.find((name) => name.toLowerCase() === action.table?.trim().toLowerCase());
      if (!table) continue;
      if (action.tool === "describe") {
        const [name, type, , key, references] = ["column", "type", "null", "key", "references"].map((heading) =>
          result.columns.indexOf(heading),
        );
        const read = (row, at) => (at < 0 ? "" : String(row[at] ?? ""));
        found.set(
          table,
          result.rows.map((row) => ({
            name: read(row, name),
            type: read(row, type),
            key: read(row, key),
            references: read(row, references),
          })),
        );
      } else if (action.tool === "sample" && !found.has(table)) {
        found.set(table, result.columns.map((name) => ({ name, type: "", key: "", references: "" })));
      }
    }
    return found;
  }

  described(table) {
    return this.steps.some(({ action, observation }) => action.tool === "describe" && action.table === table && observation.result);
  }

  // Starts an episode; `which` as in a reset's data. Rejects with WireError.
  async start(which) {
    this.#begin(await this.wire.request("reset", which));
  }

  // Takes a step. Rejects with WireError.
  async act(action) {
    const id = crypto.getRandomValues(new Uint32Array(4)).join("-");
    this.#next = { action, id };
    this.#keep();
    try {
      this.#took(action, await this.#request(action, id));
    } finally {
      this.#next = null;
      this.#keep();
    }
  }

  // Goes on with the episode that this tab played before a reload. False where there was none.
  async resume() {
    const kept = this.kept;
    this.kept = null;
    if (!kept) return false;
    this.#begin({ data: parse(kept.reset).data, raw: kept.reset });
    this.wire.session = kept.session;
    for (const { action, raw } of kept.steps) this.#took(action, { data: parse(raw).data, raw });
    // Its reply was on its way when the page went: the same id gives the same reply, and takes no second step.
    if (kept.next && !this.done) {
      this.#next = kept.next;
      this.#took(kept.next.action, await this.#request(kept.next.action, kept.next.id));
      this.#next = null;
    }
    this.#keep();
    return true;
  }

  async #request(action, id) {
    if (this.wire.session) {
      try {
        return await this.wire.request("step", action, id);
      } catch (error) {
        if (!LOST.has(error.reason)) throw error;
      }
    }
    const { task_id, seed, rubric } = this.about;
    await this.wire.request("reset", { task_id, seed, rubric });
    for (const step of this.steps) await this.wire.request("step", step.action);
    return this.wire.request("step", action);
  }

  #begin({ data, raw }) {
    this.about = { ...data.observation.metadata, ...data.metadata };
    this.first = data.observation;
    this.steps = [];
    this.#raw = { reset: raw, steps: [] };
    this.#keep();
    this.dispatchEvent(new Event("start"));
  }

  #took(action, { data, raw }) {
    this.steps.push({ action, text: actionText(action), observation: data.observation, reward: data.reward, done: data.done });
    this.#raw.steps.push({ action, raw });
    this.#keep();
    this.dispatchEvent(new Event("step"));
  }

  #keep() {
    try {
      sessionStorage.setItem(KEY, JSON.stringify({ session: this.wire.session, next: this.#next, ...this.#raw }));
    } catch {
      // No room, or forbidden: then a reload starts a new episode.
    }
  }
}
