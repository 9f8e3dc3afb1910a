// Makes elements. What comes from a server goes in as text only, with characters that can't be seen made visible.

const CONTROL =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb]|[\u{e0000}-\u{e0fff}]|\p{Surrogate}/gu;

export const byId = (id) => document.getElementById(id);

// An element. `props`: "class", "text", "on" {event: handler}; anything else is an attribute, left out where it is
// null or false. Children are nodes or text.
export function h(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, run] of Object.entries(value)) made.addEventListener(event, run);
    else if (name === "text") made.textContent = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

export function svg(tag, props = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(props)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// Unicode has pictures of these, but fonts seldom have them.
const NAMES = (
  "NUL SOH STX ETX EOT ENQ ACK BEL BS TAB LF VT FF CR SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US"
).split(" ");

function mark(character) {
  const code = character.codePointAt(0);
  if (code < 0x20) return NAMES[code];
  if (code === 0x7f) return "DEL";
  return `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

// Text from the server in an element that its writing direction can't leave; invisible characters get names. `lines`:
// line breaks and tabs stay what they are.
export function shown(text, tag = "bdi", props = {}, lines = false) {
  const made = h(tag, { dir: "auto", ...props });
  let from = 0;
  for (const found of text.matchAll(CONTROL)) {
    if (lines && (found[0] === "\n" || found[0] === "\t")) continue;
    if (found.index > from) made.append(text.slice(from, found.index));
    made.append(h("span", { class: "ctl", text: mark(found[0]) }));
    from = found.index + found[0].length;
  }
  made.append(text.slice(from));
  return made;
}

// The same as plain text, for labels and announcements.
export const plain = (text) => text.replace(CONTROL, (character) => `⟨${mark(character)}⟩`);

export function fill(element, ...children) {
  element.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const signed = (value, digits = 3) => {
  const text = Math.abs(value).toFixed(digits);
  return (Number(text) === 0 ? "" : value < 0 ? "−" : "+") + text;
};

export const amount = (value, digits = 3) => signed(value, digits).replace("+", "");

export const plural = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;

// Copies text; says on the button what came of it.
export async function copy(text, button) {
  const before = button.dataset.label || button.textContent;
  button.dataset.label = before;
  try {
    if (navigator.clipboard) await navigator.clipboard.writeText(text);
    else copyOldWay(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Select and copy by hand";
  }
  setTimeout(() => (button.textContent = before), 2000);
}

// Without TLS browsers offer no clipboard; a page on a plain host name still wants to copy.
function copyOldWay(text) {
  const field = h("textarea", { class: "sr", "aria-hidden": "true" });
  field.value = text;
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  if (!done) throw new Error("refused");
}
