// One line that says how the connection is, and what can be done where it is not well.
import { fill, h } from "./dom.js";

const SLOW_MS = 1500;

export function watch(wire, place) {
  let timer = 0;

  // `ticking` changes every second: it is shown, but not read out.
  const show = (kind, words, ticking, ...buttons) => {
    place.dataset.kind = kind;
    const line = place.querySelector(".words");
    if (line.dataset.words !== words) fill(line, words, " ", h("span", { "aria-hidden": "true" }));
    line.dataset.words = words;
    line.lastChild.textContent = ticking;
    // Buttons stay as they are while their labels do: a countdown must not take the focus away.
    const labels = buttons.map((button) => button.textContent).join("|");
    if (place.dataset.buttons === labels) return;
    place.dataset.buttons = labels;
    fill(place, h("span", { class: "dot" }), line, buttons);
  };

  const draw = () => {
    clearTimeout(timer);
    const { kind, at, since, why } = wire.state;
    const seconds = Math.max(0, Math.ceil((at - Date.now()) / 1000));
    const now = h("button", { type: "button", class: "small", text: "Try now", on: { click: () => wire.now() } });
    const because = why ? `${why.replace(/^./, (first) => first.toUpperCase()).replace(/\.?$/, ".")} ` : "";
    if (kind === "ready") show("ready", "Connected. The session is yours alone.", "");
    else if (kind === "connecting") show("wait", "Connecting…", "");
    else if (kind === "busy") {
      const waited = Date.now() - since;
      if (waited >= SLOW_MS) show("wait", "Still working on it:", `${Math.round(waited / 1000)} s so far…`);
      timer = setTimeout(draw, waited < SLOW_MS ? SLOW_MS - waited : 1000);
    } else if (kind === "moved") {
      const take = h("button", { type: "button", class: "small", text: "Continue here", on: { click: () => wire.takeBack() } });
      show("bad", "This episode went on in another tab.", "", take);
    } else {
      const words = {
        lost: "The connection was lost. Nothing you did is.",
        away: `${because || "The server is away. "}Nothing you did is lost.`,
        full: "Every place is taken just now.",
      }[kind];
      show("bad", words, `Next try in ${seconds} s.`, now);
      timer = setTimeout(draw, 500);
    }
  };
  wire.addEventListener("state", draw);
  draw();
}
