// A WebSocket without a network. It replaces the real one wherever this module is loaded, on a page or in a worker, takes the handshake
// of the client, and floods it with messages that a real gateway's cipher sealed for this very session.
//
// It is told what to do over a BroadcastChannel:  { prepare: { count, channels, content } }  { go: true }
// and it tells:                                   { prepared: true }  { acknowledged: { from, to } }   (milliseconds since 1970, exact)
import { Gateway, Script } from "/bench/wasm.js";

const orders = new BroadcastChannel("flood");
/** How many messages may be unacknowledged: some 2 MB, so that a slow client is not cut off for want of memory. */
const WINDOW = 4096;
/** How many messages one task of the event loop brings, as when several wait in a socket's buffer. */
const TOGETHER = 64;
/** How many are sealed before the client gets a turn. */
const SLICE = 500;

let current;
const now = () => performance.timeOrigin + performance.now();
const turn = () => new Promise((done) => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => done(port1.close());
  port2.postMessage(null);
});

class FalseSocket extends EventTarget {
  static CONNECTING = 0;
  static OPEN = 1;
  static CLOSING = 2;
  static CLOSED = 3;

  onopen = null;
  onmessage = null;
  onclose = null;
  onerror = null;
  binaryType = "blob";
  bufferedAmount = 0;
  readyState = FalseSocket.CONNECTING;

  #gateway = new Gateway();
  #packets = [];
  #next = 0;
  #flooding = false;
  #started = 0;
  #pump = new MessageChannel();

  constructor(url) {
    super();
    this.url = url;
    current = this;
    this.#pump.port1.onmessage = () => this.#flood();
    queueMicrotask(() => setTimeout(() => {
      if (this.readyState !== FalseSocket.CONNECTING) return;
      this.readyState = FalseSocket.OPEN;
      this.onopen?.(new Event("open"));
    }));
  }

  send(data) {
    for (const answer of this.#gateway.answer(new Uint8Array(data))) setTimeout(() => this.#give(answer));
    if (!this.#flooding) return;
    if (this.#gateway.acknowledged() >= this.#packets.length) {
      this.#flooding = false;
      orders.postMessage({ acknowledged: { from: this.#started, to: now() } });
    } else {
      this.#pump.port2.postMessage(null);
    }
  }

  close() {
    this.readyState = FalseSocket.CLOSED;
    this.#flooding = false;
    this.#pump.port1.close();
  }

  async prepare({ count, channels, content }) {
    const script = new Script(channels, content);
    for (let first = 0; first < count; first += SLICE) {
      this.#packets.push(...this.#gateway.seal(script, first, Math.min(SLICE, count - first)));
      await turn();
    }
    orders.postMessage({ prepared: true });
  }

  go() {
    this.#flooding = true;
    this.#started = now();
    this.#flood();
  }

  #flood() {
    const end = Math.min(this.#packets.length, this.#next + TOGETHER, this.#gateway.acknowledged() + WINDOW);
    while (this.#next < end && this.#flooding) {
      const packet = this.#packets[this.#next];
      // What was given is not kept.
      this.#packets[this.#next] = undefined;
      this.#next += 1;
      this.#give(packet);
    }
    // Where the window is full, the next acknowledgement goes on.
    const more = this.#next < this.#packets.length && this.#next < this.#gateway.acknowledged() + WINDOW;
    if (more && this.#flooding) this.#pump.port2.postMessage(null);
  }

  #give(data) {
    if (this.readyState === FalseSocket.OPEN) this.onmessage?.(new MessageEvent("message", { data }));
  }
}

globalThis.WebSocket = FalseSocket;
orders.onmessage = ({ data }) => {
  if (data.prepare) void current.prepare(data.prepare);
  if (data.go) current.go();
};
