// Puts the page together.
import { Chooser, wanted } from "./choose.js";
import { Composer } from "./composer.js";
import { show as showSnippets } from "./connect.js";
import { byId, plain } from "./dom.js";
import { Game } from "./game.js";
import { Mine } from "./mine.js";
import { Play } from "./play.js";
import { Replays } from "./replay.js";
import { watch } from "./status.js";

const game = new Game();
const composer = new Composer(game, act);
const play = new Play(game, act, another);
const chooser = new Chooser(start, () => game.about);
const mine = new Mine((which) => {
  byId("play").scrollIntoView();
  start(which);
});
const PATIENCE_MS = 3000;
let restoring = false;
let running = false;

game.addEventListener("start", () => {
  composer.begin();
  play.begin();
  composer.refresh();
  performance.mark("sqlenv-usable");
});
game.addEventListener("step", () => {
  play.step();
  composer.refresh();
  if (!game.done) return;
  mine.note(game);
  if (!restoring) byId("end").focus();
});

// One thing at a time: runs `work`, and says in words what went wrong. False where it did not come about.
async function alone(work) {
  if (running) return false;
  running = true;
  for (const part of [composer, play]) part.busy(true);
  document.body.classList.add("busy");
  composer.say("");
  try {
    await work();
    return true;
  } catch (error) {
    console.info(error.reason ?? "", error.message);
    composer.say(plain(`${error.message.replace(/^./, (first) => first.toUpperCase()).replace(/\.?$/, ".")}`));
    return false;
  } finally {
    running = false;
    for (const part of [composer, play]) part.busy(false);
    document.body.classList.remove("busy");
  }
}

function act(action) {
  if (!game.first) composer.say("There is no question yet.");
  return game.first && !game.done ? alone(() => game.act(action)) : false;
}

async function start(which) {
  const done = await alone(() => game.start(which));
  if (done) byId("question").focus({ preventScroll: scrolled() });
  return done;
}

// Focus moves to the new question; the page moves only where the question is out of sight.
function scrolled() {
  const { top, bottom } = byId("question").getBoundingClientRect();
  return top >= 0 && bottom <= innerHeight;
}

function another(difficulty) {
  if (difficulty) byId("difficulty").value = difficulty;
  return start(chooser.next());
}

// Single keys, where the focus is in the game and not in a field.
byId("play").addEventListener("keydown", (event) => {
  if (event.target.matches("textarea, select, input:not([type=radio])") || event.ctrlKey || event.metaKey || event.altKey) return;
  const tool = { d: "describe", s: "sample", q: "query", a: "answer" }[event.key.toLowerCase()];
  if (tool && game.first && !game.done) composer.choose(tool, true);
  else if (event.key.toLowerCase() === "n") start(chooser.next());
  else return;
  event.preventDefault();
});

async function begin() {
  watch(game.wire, byId("status"));
  game.wire.open();
  showSnippets();
  // What lies further down loads when it comes into view; until the question is there, everything is in view.
  const first = firstEpisode();
  await Promise.race([first, new Promise((done) => setTimeout(done, PATIENCE_MS))]);
  new Replays();
  mine.watch();
}

// The episode of before a reload, of the page's address, or a new one.
async function firstEpisode() {
  const asked = wanted();
  const kept = game.kept && JSON.parse(game.kept.reset).data.metadata;
  if (kept && (!asked || (asked.task_id === kept.task_id && asked.seed === kept.seed))) {
    restoring = true;
    const resumed = await alone(() => game.resume());
    restoring = false;
    if (resumed || game.first) return;
  }
  // A link to a task that this server does not have still gives something to play.
  if (!(asked && (await alone(() => game.start(asked))))) {
    const why = byId("said").textContent;
    await alone(() => game.start(chooser.next()));
    if (why) composer.say(`The link can’t be followed. ${why}`);
  }
}

begin();
