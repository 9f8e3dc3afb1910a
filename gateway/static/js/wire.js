// The gateway's OpenEnv WebSocket: one request at a time, sent again until it is answered, exactly once by its id.
//
// Events: "state" with {kind, ...}: connecting, ready, busy {since}, lost {at}, away {at, why}, full {at, why}, moved.

// A number that JavaScript would show otherwise than the server wrote it: 2.0, or an integer beyond 2^53.
export class Exact extends Number {
  constructor(source) {
    super(source);
    this.source = source;
  }
  toString() {
    return this.source;
  }
}

// Only cells stand in arrays; they keep the form in which the server wrote them.
export function parse(text) {
  return JSON.parse(text, function (key, value, context) {
    if (typeof value !== "number" || !Array.isArray(this) || !context?.source) return value;
    return String(value) === context.source ? value : new Exact(context.source);
  });
}

export class WireError extends Error {
  constructor(data) {
    super(data.message);
    Object.assign(this, data);
  }
}

const GONE = 4404;
const TAKEN_OVER = 4409;
const LONGEST_WAIT_S = 20;

export class Wire extends EventTarget {
  #socket = null;
  #pending = null;
  #failures = 0;
  #timer = 0;
  state = { kind: "connecting" };

  // `session`: the id of a session to resume, or null.
  constructor(session) {
    super();
    this.session = session;
    addEventListener("online", () => this.now());
  }

  open() {
    clearTimeout(this.#timer);
    const url = new URL("ws", document.baseURI);
    url.protocol = url.protocol.replace("http", "ws");
    url.search = this.session ? `?session_id=${encodeURIComponent(this.session)}` : "";
    url.hash = "";
    const socket = new WebSocket(url);
    this.#socket = socket;
    socket.addEventListener("open", () => {
      this.#failures = 0;
      if (this.#pending) this.#send();
      else this.#tell({ kind: "ready" });
    });
    socket.addEventListener("message", (event) => this.#received(event.data));
    socket.addEventListener("close", (event) => {
      if (this.#socket === socket) this.#closed(event.code);
    });
  }

  // Sends a request and gives the reply as {data, raw}. Rejects with WireError where sending it again would not help;
  // its reason is SESSION_LOST where the server has forgotten the session.
  request(type, data, id = crypto.getRandomValues(new Uint32Array(4)).join("-")) {
    if (this.#pending) return Promise.reject(new WireError({ message: "One thing at a time.", reason: "BUSY" }));
    return new Promise((resolve, reject) => {
      const message = data === undefined ? { type, request_id: id } : { type, data, request_id: id };
      this.#pending = { id, text: JSON.stringify(message), resolve, reject, tries: 0, since: Date.now() };
      if (this.#socket?.readyState === WebSocket.OPEN) this.#send();
      else if (this.state.kind === "moved") this.takeBack();
      else if (this.#socket?.readyState !== WebSocket.CONNECTING) this.open();
    });
  }

  get busy() {
    return this.#pending !== null;
  }

  // Tries at once what waits for its time.
  now() {
    if (this.state.kind === "ready" || this.state.kind === "busy" || this.state.kind === "moved") return;
    clearTimeout(this.#timer);
    if (this.#socket?.readyState === WebSocket.OPEN) this.#send();
    else if (this.#socket?.readyState !== WebSocket.CONNECTING) this.open();
  }

  // Another tab has the session: goes on with a new one.
  takeBack() {
    this.session = null;
    this.#tell({ kind: "connecting" });
    this.open();
  }

  #tell(state) {
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }

  #send() {
    if (!this.#pending) return;
    this.#tell({ kind: "busy", since: this.#pending.since });
    this.#socket.send(this.#pending.text);
  }

  #received(raw) {
    const reply = parse(raw);
    if (reply.type === "error" && reply.data.reason === "SESSION_NOT_FOUND") return; // the close code says it too
    if (!this.#pending || reply.request_id !== this.#pending.id) return; // the late answer of another request
    if (reply.type !== "error") {
      this.session = reply.data.metadata?.session_id ?? this.session;
      this.#settle("resolve", { data: reply.data, raw });
    } else if (reply.data.retry_after_s === undefined) {
      this.#settle("reject", new WireError(reply.data));
    } else {
      this.#later(reply.data.code === "CAPACITY_REACHED" ? "full" : "away", reply.data.retry_after_s, reply.data.message);
    }
  }

  #settle(how, value) {
    const pending = this.#pending;
    this.#pending = null;
    this.#tell({ kind: "ready" });
    pending[how](value);
  }

  // The server is there but can't serve now: the same request again, with growing patience.
  #later(kind, seconds, why) {
    const wait = Math.min(LONGEST_WAIT_S, Math.max(1, seconds) * 1.5 ** this.#pending.tries++);
    this.#timer = setTimeout(() => {
      if (this.#socket?.readyState === WebSocket.OPEN) this.#send();
    }, wait * 1000);
    this.#tell({ kind, at: Date.now() + wait * 1000, why });
  }

  #closed(code) {
    clearTimeout(this.#timer);
    if (code === TAKEN_OVER) {
      this.#tell({ kind: "moved" });
      this.#lose();
    } else if (code === GONE) {
      this.session = null;
      this.#lose();
      this.open();
    } else {
      this.#failures += 1;
      const wait = Math.min(LONGEST_WAIT_S, 0.25 * 2 ** this.#failures) * (0.75 + Math.random() / 2);
      this.#timer = setTimeout(() => this.open(), wait * 1000);
      this.#tell({ kind: this.#failures > 2 ? "away" : "lost", at: Date.now() + wait * 1000 });
      if (this.#failures === 3) this.#ask();
    }
  }

  #lose() {
    const pending = this.#pending;
    this.#pending = null;
    pending?.reject(new WireError({ message: "The session is gone.", reason: "SESSION_LOST" }));
  }

  // A browser tells a page nothing of why a socket failed; /ready does.
  async #ask() {
    let why = "The server does not answer.";
    try {
      const answer = await (await fetch("ready", { cache: "no-store" })).json();
      why = answer.reason ?? "The server answers, but takes no more connections.";
    } catch {
      // No answer: `why` says so.
    }
    if (this.state.kind === "away") this.#tell({ ...this.state, why });
  }
}
