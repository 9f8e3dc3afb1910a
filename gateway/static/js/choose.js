// Which question comes next: filters, a new one, the same again, a link to it.
import { byId, copy, fill, h, plural } from "./dom.js";

// A seed that any JSON parser reads as it was written.
const drawn = () => crypto.getRandomValues(new Uint32Array(1))[0];

// What the page's address asks for: {task_id, seed}, or null.
export function wanted() {
  const given = new URLSearchParams(location.search);
  const task = given.get("task");
  if (!task) return null;
  const seed = Number(given.get("seed") ?? 0);
  return { task_id: task, seed: Number.isSafeInteger(seed) && seed >= 0 ? seed : 0 };
}

export function address({ task_id, seed }) {
  const url = new URL(location.href);
  url.search = new URLSearchParams({ task: task_id, seed: String(seed) }).toString();
  url.hash = "";
  return url;
}

export class Chooser {
  #tasks = null;

  // `start`: starts an episode; `about()`: metadata of the one that is played, or null.
  constructor(start, about) {
    byId("new").addEventListener("click", () => start(this.next()));
    byId("again").addEventListener("click", () => {
      const { task_id, seed } = about() ?? {};
      start(task_id ? { task_id, seed } : this.next());
    });
    byId("share").addEventListener("click", (event) => about() && copy(String(address(about())), event.target));
    byId("more").addEventListener("toggle", () => this.#load());
    for (const id of ["split", "db", "difficulty"]) byId(id).addEventListener("change", () => this.#count());
  }

  // What a reset that asks for another question sends.
  next() {
    const which = { seed: drawn() };
    for (const [id, field] of [["difficulty", "difficulty"], ["split", "split"], ["db", "db_id"]]) if (byId(id).value) which[field] = byId(id).value;
    return which;
  }

  // The names of splits and databases come when somebody wants to see them: the list is larger than the page.
  async #load() {
    if (this.#tasks || !byId("more").open) return;
    byId("counted").textContent = "Loading…";
    try {
      const splits = await (await fetch("sqlenv/splits")).json();
      const found = [];
      for (const { name } of splits) {
        const answer = await fetch("sqlenv/tasks", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ split: name }) });
        found.push(...(await answer.json()).tasks);
      }
      this.#tasks = found;
      this.#offer("split", splits.map(({ name }) => name));
      this.#offer("db", [...new Set(found.map(({ db_id: db }) => db))].sort());
      this.#count();
    } catch {
      byId("counted").textContent = "The list could not be loaded. Close and open this to try again.";
    }
  }

  #offer(id, names) {
    const { value } = byId(id);
    fill(byId(id), h("option", { value: "", text: "any" }), names.map((name) => h("option", { text: name })));
    byId(id).value = names.includes(value) ? value : "";
  }

  #count() {
    if (!this.#tasks) return;
    const { difficulty, split, db_id: db } = this.next();
    const fits = this.#tasks.filter((task) => (!difficulty || task.difficulty === difficulty) && (!split || task.split === split) && (!db || task.db_id === db));
    byId("counted").textContent = `${plural(fits.length, "question")} to draw from.`;
  }
}
