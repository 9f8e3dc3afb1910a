// The view of the episode: question, tables, budget, reward, steps, and its end.
import { address } from "./choose.js";
import { amount, byId, fill, h, plain, plural, shown, signed } from "./dom.js";
import { baselines } from "./mine.js";
import { card, spoken } from "./notebook.js";
import { chart, PARTS, parts } from "./reward.js";

const WANTED = {
  integer: "Answer with one whole number.",
  float: "Answer with one number.",
  string: "Answer with one text.",
  list: "Answer with a list of values.",
  table: "Answer with a table of two or more columns.",
};
const STEP_EFFICIENCY = 0.075;

export class Play {
  #game;
  #act;
  #again;

  // `act`: takes an action; `again`: starts another question, of a difficulty where one is given.
  constructor(game, act, again) {
    this.#game = game;
    this.#act = act;
    this.#again = again;
  }

  begin() {
    const { about, first, budget } = this.#game;
    fill(byId("meta"), shown(about.db_id), ` · ${about.difficulty} · `, shown(about.task_id));
    fill(byId("question"), shown(first.question));
    byId("wanted").textContent = WANTED[first.answer_type] ?? "";
    fill(byId("ticks"), Array.from({ length: budget }, () => h("i")));
    byId("of").textContent = `of ${budget}`;
    fill(byId("log"));
    history.replaceState(null, "", address(about));
    this.refresh();
  }

  step() {
    const at = this.#game.steps.length;
    const latest = this.#game.steps.at(-1);
    for (const older of byId("log").children) older.classList.remove("fresh");
    const made = card(latest, at);
    made.classList.add("fresh");
    byId("log").prepend(made);
    byId("live").textContent = spoken(latest, at);
    this.refresh();
  }

  refresh() {
    const { now, steps, budget, total } = this.#game;
    // At the end what counts is what it took, not that nothing can follow.
    byId("budget-title").textContent = this.#game.done ? "Steps taken" : "Steps left";
    byId("left").textContent = this.#game.done ? now.step_count : now.steps_left;
    [...byId("ticks").children].forEach((tick, at) => tick.classList.toggle("used", at < now.step_count));
    byId("ticks").parentElement.classList.toggle("few", !this.#game.done && now.steps_left <= 3);
    byId("return").textContent = amount(total) || "0.000";
    const open = new Set([...byId("parts").querySelectorAll("details[open]")].map((one) => one.dataset.part));
    fill(byId("parts"), parts(steps, open));
    fill(byId("chart"), chart(steps, budget));
    this.#tables();
    this.#end();
  }

  // Whether something is under way: nothing else can be started then.
  busy(is) {
    byId("tables").setAttribute("aria-busy", is ? "true" : "false");
  }

  #tables() {
    const game = this.#game;
    const columns = game.columns;
    const had = document.activeElement?.dataset?.table;
    fill(
      byId("tables"),
      game.first.tables.map((name) => {
        const seen = game.described(name);
        const words = seen ? `${plain(name)}: described, its columns are listed below` : `Describe ${plain(name)}`;
        const chip = h("button", { type: "button", class: `chip${seen ? " seen" : ""}`, "data-table": name, "aria-label": words }, shown(name));
        chip.addEventListener("click", () => {
          // Asking again would cost a step and tell nothing new.
          if (seen) byId("known").querySelector(`[data-table="${CSS.escape(name)}"]`)?.scrollIntoView({ block: "center" });
          else if (!game.done) this.#act({ tool: "describe", table: name });
        });
        return h("li", {}, chip);
      }),
    );
    if (had !== undefined) byId("tables").querySelector(`[data-table="${CSS.escape(had)}"]`)?.focus();
    fill(
      byId("known"),
      [...columns].map(([table, list]) =>
        h(
          "div",
          { "data-table": table },
          h("dt", {}, shown(table)),
          list.map(({ name, type, key, references }) =>
            h("dd", {}, shown(name, "code"), type || key ? h("small", {}, " ", shown([type.toLowerCase(), key].filter(Boolean).join(" "))) : null, references ? h("small", {}, " → ", shown(references)) : null),
          ),
        ),
      ),
    );
  }

  #end() {
    const { done, steps, now, about, total } = this.#game;
    const place = byId("end");
    place.hidden = !done;
    if (!done) return fill(place);
    const score = steps.at(-1).observation.score;
    const right = score?.verdict === "correct";
    const title = right ? "Right." : now.status === "truncated" ? "Out of steps." : "Not right.";
    place.classList.toggle("right", right);
    const sums = PARTS.map(([part, name]) => `${name.toLowerCase()} ${amount(steps.reduce((sum, step) => sum + (step.observation.score?.[part] ?? 0), 0))}`);
    const taken = steps.length;
    const reference = right ? Math.round(((score.terms.step_efficiency ?? 0) / STEP_EFFICIENCY) * taken) : 0;
    const harder = { easy: "medium", medium: "hard", hard: "extra" }[about.difficulty];
    const ideal = h("p", { id: "ideal" });
    const button = (text, run, strong) => h("button", { type: "button", class: strong ? "primary" : "small", text, on: { click: run } });
    fill(
      place,
      h("h3", { text: title }),
      h("p", {}, !right && score?.reason && now.status !== "truncated" ? shown(`${score.reason} `, "span") : null, now.status === "truncated" ? "The budget was spent before an answer was given. " : null, "Return ", h("strong", { text: amount(total) }), `: ${sums.join(", ")}.`),
      ideal,
      h(
        "div",
        { class: "buttons" },
        button("New question", () => this.#again(), true),
        button(right ? (taken > reference ? "Same again, in fewer steps" : "Same again") : "Try the same again", () => byId("again").click()),
        right && harder ? button(`A ${harder === "extra" ? "very hard" : harder} one`, () => this.#again(harder)) : null,
      ),
    );
    this.#ideal(ideal, right, taken, reference);
  }

  async #ideal(place, right, taken, reference) {
    const { about } = this.#game;
    let text = "";
    if (right) {
      text = reference >= taken ? `${plural(taken, "step")}: no more than the reference takes. ` : `You took ${plural(taken, "step")}; the reference takes ${reference}. `;
    }
    place.textContent = text;
    const known = (await baselines())?.agents.find(({ agent }) => agent === "oracle")?.by[about.difficulty];
    if (known && place.isConnected) place.textContent = `${text}An ideal episode at this difficulty takes ${known.mean_steps.toFixed(1)} steps and returns ${signed(known.mean_return, 2)} on average.`;
  }
}
