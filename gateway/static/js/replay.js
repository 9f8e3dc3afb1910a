// Recorded episodes side by side, step by step.
import { amount, byId, fill, h, plural, shown } from "./dom.js";
import { card } from "./notebook.js";

const ROWS = 5;
const PACES = [["slow", 3200], ["steady", 1800], ["quick", 800]];
const TITLES = { random: "Random", oracle: "Oracle", before: "Before GRPO", after: "After GRPO" };

const ABOUT_AGENTS = "An agent that acts at random, beside an oracle that was told the answer and plays the shortest way to it.";
const percent = (share) => `${Math.round(100 * share)} %`;
const aboutPolicy = ({ weights, seed, databases, episodes, skilled, accuracy, looks_first: looks }) =>
  `A model of ${(weights / 1e6).toFixed(1)} million weights that imitated agents until ${percent(skilled)} of its answers were right, was then spoiled on purpose by one that guesses, and learned to look again by reinforcement (GRPO) over this environment’s gRPC services. On ${databases} databases that it never trained on, right answers to ${episodes} questions went from ${percent(accuracy[0])} to ${percent(accuracy[1])}, and episodes that begin with a look from ${percent(looks[0])} to ${percent(looks[1])} (seed ${seed}, always its likeliest action).`;

async function read(name) {
  const answer = await fetch(`static/replays/${name}.json`);
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}

export class Replays {
  #groups = [];
  #task = 0;
  #at = 0;
  #folding = true;
  #timer = 0;
  #loading = false;

  // Loads when the visitor comes near.
  constructor() {
    new IntersectionObserver((entries, watcher) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      watcher.disconnect();
      this.#load();
    }).observe(byId("replay"));
  }

  async #load() {
    if (this.#loading) return;
    this.#loading = true;
    try {
      const [agents, policy] = await Promise.all(["replays", "trained"].map(read));
      this.#groups = [
        { title: "Random agent and oracle", about: ABOUT_AGENTS, tasks: agents.tasks },
        { title: "A policy before and after reinforcement learning", about: aboutPolicy(policy.about), tasks: policy.tasks },
      ];
      this.#build();
    } catch {
      const again = h("button", { type: "button", class: "small", text: "Try again", on: { click: () => this.#load() } });
      fill(byId("replay"), h("p", { class: "error", text: "The recordings could not be loaded. " }), again);
    }
    this.#loading = false;
  }

  get #tasks() {
    return this.#groups.flatMap(({ tasks }) => tasks);
  }

  get #runs() {
    return this.#tasks[this.#task].runs;
  }

  get #last() {
    return Math.max(...this.#runs.map(({ steps }) => steps.length));
  }

  #build() {
    const button = (id, text, run) => h("button", { type: "button", class: "small", id, text, on: { click: run } });
    const task = h("select", { id: "replay-task", on: { change: (event) => this.#choose(Number(event.target.value)) } });
    let at = 0;
    for (const { title, tasks } of this.#groups)
      task.append(h("optgroup", { label: title }, tasks.map(({ question, difficulty }) => h("option", { value: at++, text: `${difficulty}: ${question}` }))));
    const pace = h("select", { id: "replay-pace" }, PACES.map(([name, ms]) => h("option", { value: ms, text: name, selected: name === "steady" })));
    const slide = h("input", { type: "range", id: "replay-at", min: 0, value: 0, step: 1, on: { input: (event) => this.#go(Number(event.target.value)) } });
    fill(
      byId("replay"),
      h("label", { class: "pick wide" }, "Question ", task),
      h("p", { class: "about", id: "replay-about" }),
      h("p", { class: "ask-again", id: "replay-question" }),
      h(
        "div",
        { class: "deck", role: "group", "aria-label": "Playback" },
        button("replay-play", "Play", () => this.#toggle()),
        button("replay-back", "Back", () => this.#go(this.#at - 1)),
        button("replay-step", "Step", () => this.#go(this.#at + 1)),
        h("label", { class: "pick" }, "Step ", slide, h("output", { id: "replay-count", for: "replay-at" })),
        h("label", { class: "pick" }, "Pace ", pace),
        h("label", { class: "pick" }, h("input", { type: "checkbox", id: "replay-fold", on: { change: (event) => this.#fold(!event.target.checked) } }), "Keep all results open"),
      ),
      h("div", { class: "sides", id: "replay-sides" }),
    );
    this.#choose(0);
  }

  #choose(at) {
    this.#task = at;
    const { question, db_id: db, difficulty, tables } = this.#tasks[at];
    byId("replay-about").textContent = this.#groups.find(({ tasks }) => tasks.includes(this.#tasks[at])).about;
    fill(byId("replay-question"), h("strong", {}, shown(question)), h("span", { class: "note" }, ` ${difficulty}, `, shown(db), `: ${tables.join(", ")}`));
    byId("replay-at").max = this.#last;
    fill(
      byId("replay-sides"),
      this.#runs.map(({ agent }) =>
        h("article", { "data-agent": agent, "aria-label": TITLES[agent] ?? agent }, h("h3", {}, TITLES[agent] ?? agent, h("span", { class: "sum number" })), h("p", { class: "verdict" }), h("ol", { class: "log" })),
      ),
    );
    this.#stop();
    this.#go(0);
  }

  #toggle() {
    if (this.#timer) return this.#stop();
    if (this.#at >= this.#last) this.#at = 0;
    byId("replay-play").textContent = "Pause";
    const on = () => {
      this.#go(this.#at + 1, true);
      if (this.#at >= this.#last) this.#stop();
      else this.#timer = setTimeout(on, Number(byId("replay-pace").value));
    };
    on();
  }

  #fold(is) {
    this.#folding = is;
    this.#go(this.#at, true);
  }

  #stop() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    byId("replay-play").textContent = "Play";
  }

  #go(at, playing = false) {
    if (!playing) this.#stop();
    this.#at = Math.min(this.#last, Math.max(0, at));
    byId("replay-at").value = this.#at;
    byId("replay-count").textContent = ` ${this.#at} of ${this.#last}`;
    this.#runs.forEach((run, side) => this.#draw(byId("replay-sides").children[side], run));
  }

  #draw(place, { steps, verdict }) {
    const shownSteps = steps.slice(0, this.#at);
    const over = this.#at >= steps.length;
    const total = shownSteps.reduce((sum, { reward }) => sum + reward, 0);
    place.querySelector(".sum").textContent = amount(total);
    const words = place.querySelector(".verdict");
    words.textContent = over ? `${verdict === "correct" ? "Right" : verdict ? "Not right" : "Out of steps"} after ${plural(steps.length, "step")}.` : this.#at === 0 ? "Sees the question and the tables’ names." : `After ${plural(this.#at, "step")}.`;
    words.className = `verdict ${over ? (verdict === "correct" ? "good" : "error") : ""}`;
    const log = place.querySelector(".log");
    while (log.children.length > shownSteps.length) log.lastChild.remove();
    shownSteps.slice(log.children.length).forEach((step) => log.append(card(step, log.children.length + 1, { rows: ROWS })));
    [...log.children].forEach((one, index) => {
      const latest = index === shownSteps.length - 1;
      one.classList.toggle("fresh", latest && !over);
      // The answer alone would say too little at the end: what it was read from stays.
      one.classList.toggle("folded", this.#folding && index < shownSteps.length - (over ? 2 : 1));
    });
  }
}
