// One end of the port, in a worker or on the page: messages become calls of the wasm engine, and what it says becomes messages.
// The words of the port stand in index.js.
import init, { Engine } from "./jindou.js";
import { loaded } from "./module.js";
import { hasTrapped, notice, onTrap, recognise } from "./trap.js";

/** Bundlers know this form. */
const module = new URL("./jindou_bg.wasm", import.meta.url);

// One module for all clients of this thread.
let ready;

export function serve(port) {
  const asked = new Map();
  let questions = 0;
  let engine;
  let gone = false;
  // Nobody listens before `open` is answered.
  let early = [];

  const host = {
    recognise,
    events: (events) => (early ? early.push(events) : port.postMessage({ events })),
    ask: (name, body) =>
      new Promise((resolve, reject) => {
        questions += 1;
        asked.set(questions, { resolve, reject });
        port.postMessage({ ask: questions, name, body });
      }),
  };

  const forget = onTrap((place) => {
    console.error(`jindou: a bug at ${place}; this client has ended`);
    port.postMessage({ failed: place });
    // It cannot even be freed.
    engine = undefined;
    end();
  });

  const settle = (ticket, promise, after) =>
    promise.then(
      (value) => port.postMessage({ settled: ticket, value: after ? after(value) : value }),
      (error) => port.postMessage({ settled: ticket, error: info(error) }),
    );

  async function open(options) {
    if (hasTrapped()) throw { code: "unavailable", message: "the client failed by a bug, this page must be loaded anew", retryable: false };
    if (typeof DecompressionStream === "undefined") {
      throw { code: "not-supported", message: "this browser has no DecompressionStream to unpack the module with", retryable: false };
    }
    ready ??= init({ module_or_path: loaded(module) });
    try {
      await ready;
    } catch (cause) {
      ready = undefined;
      throw { code: "unavailable", message: `the WebAssembly module cannot be loaded (${cause?.name ?? "Error"})`, retryable: true };
    }
    const opened = await Engine.open(options, host);
    if (gone) opened.free();
    else engine = opened;
  }

  // In a worker nobody else is left then; on a page the other clients go on.
  function end() {
    gone = true;
    forget();
    engine?.free();
    engine = undefined;
    port.onmessage = null;
    port.close();
  }

  port.onmessage = ({ data }) => {
    if ("open" in data) settle(data.ticket, open(data.open), () => "null").then(tellEarly);
    else if ("call" in data) call(data);
    else if ("page" in data) engine?.page(data.page);
    else if ("answered" in data) answer(data);
    else if ("free" in data) end();
  };

  function tellEarly() {
    for (const events of early) port.postMessage({ events });
    early = undefined;
  }

  function call({ ticket, call: name, args, content }) {
    try {
      settle(ticket, engine.call(ticket, name, args, content));
    } catch (error) {
      notice(error);
      // The engine is gone: it takes no calls any more.
      port.postMessage({ settled: ticket, error: { code: "closed", message: "the client is closed", retryable: false } });
    }
  }

  function answer({ answered, value, error }) {
    const question = asked.get(answered);
    asked.delete(answered);
    if (error !== undefined) question?.reject(error);
    else question?.resolve(value);
  }
}

// The engine rejects with plain objects; anything else was thrown by the browser.
const info = (error) =>
  typeof error?.code === "string" ? error : { code: "storage", message: `the browser failed (${error?.name ?? "Error"})`, retryable: true };
