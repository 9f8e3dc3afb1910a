// The visitor's own finished episodes, in this tab alone, beside the baseline agents.
import { amount, byId, fill, h, shown } from "./dom.js";

const KEY = "sqlenv.mine";
const MOST = 200;
let loading = null;

// The baselines' figures on the bundled data set, or null where they can't be had.
export function baselines() {
  loading ??= fetch("static/replays/baselines.json")
    .then((answer) => (answer.ok ? answer.json() : null))
    .catch(() => null);
  return loading;
}

const mean = (list) => list.reduce((sum, value) => sum + value, 0) / list.length;
const percent = (share) => `${(share * 100).toFixed(share > 0 && share < 0.01 ? 1 : 0)} %`;

export class Mine {
  #played = [];
  #replay;
  #seen = false;

  // `replay`: plays an episode again, given {task_id, seed}.
  constructor(replay) {
    this.#replay = replay;
    try {
      this.#played = JSON.parse(sessionStorage.getItem(KEY)) ?? [];
    } catch {
      // Forbidden or damaged storage: the list starts empty.
    }
  }

  // Draws the section when the visitor comes to it.
  watch() {
    new IntersectionObserver((entries, watcher) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      watcher.disconnect();
      this.#seen = true;
      this.#draw();
    }).observe(byId("board"));
  }

  // Notes the finished episode of `game`, once.
  note(game) {
    const { about, first, steps, total } = game;
    if (this.#played.some(({ episode }) => episode === about.episode_id)) return;
    const score = steps.at(-1).observation.score;
    this.#played.unshift({
      episode: about.episode_id,
      task_id: about.task_id,
      seed: about.seed,
      question: first.question,
      difficulty: about.difficulty,
      dataset: about.dataset_version,
      steps: steps.length,
      total,
      right: score?.verdict === "correct",
    });
    this.#played.length = Math.min(MOST, this.#played.length);
    try {
      sessionStorage.setItem(KEY, JSON.stringify(this.#played));
    } catch {
      // Then it lasts as long as the page.
    }
    if (this.#seen) this.#draw();
  }

  async #draw() {
    const known = await baselines();
    const own = this.#played;
    const row = (name, right, total, steps, count, mine = false) =>
      h("tr", { class: mine ? "me" : null }, h("th", { scope: "row", text: name }), [count.toLocaleString("en"), percent(right), amount(total), steps.toFixed(1)].map((text) => h("td", { class: "number", text })));
    const rows = (known?.agents ?? []).map((one) => row(one.agent, one.accuracy, one.mean_return, one.mean_steps, one.episodes));
    if (own.length) rows.push(row("you", own.filter(({ right }) => right).length / own.length, mean(own.map(({ total }) => total)), mean(own.map(({ steps }) => steps)), own.length, true));
    const head = h("tr", {}, h("th", { scope: "col", text: "agent" }), ["episodes", "right", "return", "steps"].map((text) => h("th", { scope: "col", class: "number", text })));
    const about = known ? `Baselines: every question of the bundled set once, played by this project’s agents. Random acts blindly; explorer looks around by rules; oracle is told the answer.` : "The baselines’ figures could not be loaded.";
    const other = known && own.some(({ dataset }) => dataset !== known.dataset_version) ? " This server has another data set, so compare with care." : "";
    fill(
      byId("board"),
      h("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": "You beside the baselines" }, h("table", { class: "board" }, h("thead", {}, head), h("tbody", {}, rows))),
      h("p", { class: "note", text: about + other }),
      own.length ? h("ol", { class: "played" }, own.map((one) => this.#line(one))) : h("p", { class: "note", text: "You have not finished an episode yet." }),
    );
  }

  #line({ task_id, seed, question, difficulty, steps, total, right }) {
    const again = h("button", { type: "button", class: "small", text: "Again", on: { click: () => this.#replay({ task_id, seed }) } });
    return h(
      "li",
      {},
      h("span", { class: right ? "good" : "error", text: right ? "right" : "not right" }),
      shown(question, "span", { class: "asked" }),
      h("span", { class: "note", text: `${difficulty}, ${steps} steps, ${amount(total)}` }),
      again,
    );
  }
}
