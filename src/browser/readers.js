// `for await (const event of im.events())`: each reader has a bounded queue of its own, so that a slow one costs memory once and not for ever.

export class Readers {
  #all = new Set();

  push(event) {
    for (const reader of this.#all) reader.push(event);
  }

  end() {
    for (const reader of this.#all) reader.end();
    this.#all.clear();
  }

  read(limit, signal, ended) {
    let forget;
    const reader = new Reader(limit, () => {
      this.#all.delete(reader);
      forget?.();
    });
    forget = onAbort(signal, () => reader.end());
    if (ended || !forget) reader.end();
    else this.#all.add(reader);
    return reader;
  }
}

/** Calls `stop` at an abort, and answers how to take that back; nothing where it was aborted before. */
export function onAbort(signal, stop) {
  if (signal == null) return () => {};
  const heard = new AbortController();
  signal.addEventListener("abort", stop, { once: true, signal: heard.signal });
  return signal.aborted ? undefined : () => heard.abort();
}

class Reader {
  #limit;
  #left;
  #events = [];
  #missed = 0;
  #waiting = [];
  #ended = false;

  constructor(limit, left) {
    this.#limit = limit;
    this.#left = left;
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  push(event) {
    const waiting = this.#waiting.shift();
    if (waiting) return waiting({ done: false, value: event });
    if (this.#events.length >= this.#limit) {
      this.#events.shift();
      this.#missed += 1;
    }
    this.#events.push(event);
  }

  /** What is queued is still given. */
  end() {
    if (this.#ended) return;
    this.#ended = true;
    this.#left();
    for (const waiting of this.#waiting.splice(0)) waiting({ done: true, value: undefined });
  }

  async next() {
    if (this.#missed > 0) {
      const missed = this.#missed;
      this.#missed = 0;
      return { done: false, value: { type: "lagged", missed } };
    }
    if (this.#events.length > 0) return { done: false, value: this.#events.shift() };
    if (this.#ended) return { done: true, value: undefined };
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async return() {
    this.end();
    this.#events = [];
    this.#missed = 0;
    return { done: true, value: undefined };
  }
}
