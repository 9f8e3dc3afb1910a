// The reward: its three components, every term in words, the chart of an episode.
import { amount, h, signed, svg } from "./dom.js";

export const PARTS = [
  ["execution", "Execution", "Did the action run, and did it tell something new?"],
  ["correctness", "Correctness", "Did a result come closer to the right one, and is the answer right?"],
  ["efficiency", "Efficiency", "For right answers: how few steps, and how little work for the database?"],
];

// Term: [component, name, what it is].
export const TERMS = {
  step: ["execution", "each step", "Every step costs 0.005, the answer too."],
  query_ran: ["execution", "the query ran", "A query that runs earns 0.02."],
  new_information: ["execution", "new information", "The first look at a table, or a result not seen before, earns 0.01; at most 0.10 an episode."],
  repeat: ["execution", "the same again", "Doing the same a second time costs 0.01."],
  failed: ["execution", "it failed", "An action that gives an error costs 0.02."],
  clamp: ["execution", "limit", "What is earned before the answer stays between −0.20 and +0.40, so that exploring never pays more than being right."],
  progress: ["correctness", "closer to the answer", "A result that is closer to the right one than any before earns up to 0.15, in four stages."],
  potential: ["correctness", "closer or further", "A result closer to the right one earns, one further away pays back."],
  correct: ["correctness", "the answer is right", "A right answer earns 1."],
  step_efficiency: ["efficiency", "few steps", "Up to 0.075: the steps of the reference divided by yours."],
  work_efficiency: ["efficiency", "little work", "Up to 0.075: the work of the reference query for the database divided by that of yours."],
};

// The terms of one step, with what each means.
export function terms(score) {
  const rows = Object.entries(score.terms).map(([name, value]) => {
    const [part, words, why] = TERMS[name] ?? ["execution", name, ""];
    return h("div", { class: `term ${part}` }, h("dt", { text: words }), h("dd", { class: "number", text: signed(value) }), h("dd", { class: "why", text: why }));
  });
  return rows.length ? h("dl", { class: "terms" }, rows) : h("p", { class: "note", text: "Nothing was earned or lost." });
}

// The three components over the episode, each unfolding into its terms.
export function parts(steps, open = new Set()) {
  const scores = steps.map(({ observation }) => observation.score).filter(Boolean);
  const largest = Math.max(0.1, ...PARTS.map(([part]) => Math.abs(scores.reduce((sum, score) => sum + score[part], 0))));
  return PARTS.map(([part, name, question]) => {
    const total = scores.reduce((sum, score) => sum + score[part], 0);
    const sums = {};
    for (const score of scores)
      for (const [term, value] of Object.entries(score.terms)) if ((TERMS[term]?.[0] ?? "execution") === part) sums[term] = (sums[term] ?? 0) + value;
    const known = Object.keys(TERMS).filter((term) => TERMS[term][0] === part && (term in sums || !["clamp", "potential"].includes(term)));
    const lines = known.map((term) =>
      h("div", { class: "term" }, h("dt", { text: TERMS[term][1] }), h("dd", { class: "number", text: term in sums ? signed(sums[term]) : "0" }), h("dd", { class: "why", text: TERMS[term][2] })),
    );
    const meter = svg("svg", { class: `meter ${part}`, viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true" });
    meter.append(svg("rect", { width: (Math.abs(total) / largest) * 100, height: 4, class: total < 0 ? "loss" : "gain" }));
    const summary = h("summary", {}, h("span", { class: `key ${part}` }), h("span", { text: name }), h("span", { class: "number", text: signed(total) }), meter);
    const made = h("details", { class: "part", "data-part": part, open: open.has(part) }, summary, h("p", { class: "why", text: question }), h("dl", { class: "terms" }, lines));
    return made;
  });
}

const WIDTH = 300;
const UP = 58;
const DOWN = 18;
const LEAST_TOP = 0.2;

// Bars step by step, by component. A right answer is worth two hundred steps, so heights go by the square root.
export function chart(steps, slots) {
  const top = Math.max(LEAST_TOP, ...steps.map(({ reward }) => reward));
  const height = (value) => Math.sqrt(Math.min(top, Math.abs(value)) / top) * UP;
  const width = WIDTH / slots;
  const drawn = svg("svg", { viewBox: `0 0 ${WIDTH} ${UP + DOWN}`, class: "chart", role: "img" });
  const words = steps.map(({ reward }, at) => `step ${at + 1}: ${amount(reward)}`).join(", ");
  drawn.setAttribute("aria-label", words ? `Reward by step. ${words}.` : "Reward by step: none yet.");
  for (let at = 0; at < slots; at += 1)
    drawn.append(svg("rect", { x: at * width + 1, y: UP - 0.5, width: width - 2, height: 1, class: at < steps.length ? "past" : "free" }));
  steps.forEach(({ observation: { score } }, at) => {
    if (!score) return;
    for (const sign of [1, -1]) {
      let sum = 0;
      for (const [part] of PARTS) {
        const value = score[part] * sign;
        if (value <= 0) continue;
        const from = height(sum);
        sum += value;
        const size = Math.max(1, height(sum) - from);
        const y = sign > 0 ? UP - from - size : UP + Math.min(from, DOWN - size);
        drawn.append(svg("rect", { x: at * width + 2, y, width: width - 4, height: size, class: part }));
      }
    }
  });
  return h("figure", { class: "plot" }, drawn, h("figcaption", { text: "reward of each step; heights by square root" }));
}
