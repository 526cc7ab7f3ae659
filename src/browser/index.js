// The public face of Jindou. The client itself is WebAssembly and lives in a dedicated worker, or on the page; this is the same over both,
// and the only part that knows of a page: its events, the application's functions, the promises and the listeners.
//
// The words of the port, from here:          { open, ticket } { call, ticket, args } { page } { answered, value | error } { free }
//                         from the engine:   { settled, value | error } { events } { ask, name, body } { failed }
// `args`, `value` and `events` are JSON texts.
//
// Nothing here touches `window` until a client is opened, so a server may import it.
import { JindouError, errorOf } from "./errors.js";
import { eventOf, json, messageOf, payloadOf } from "./contents.js";
import { link } from "./link.js";
import { Readers, onAbort } from "./readers.js";

export { JindouError };
export const version = "0.1.0";

/** What is called by name at the business server, and may be a function of the application instead. */
const functions = [
  "gateway", "policy", "online", "history", "conversations", "read", "commands", "commandsAck", "marks", "recall", "restore", "reedit", "lookup",
];

const ours = Symbol("jindou");
/** Milliseconds that closing waits for the database. Then it is let go of, or nobody else could open it as long as this page is here. */
const patience = 20_000;

export class Client {
  #link;
  #options;
  #connection = { state: "idle" };
  #listeners = new Map();
  #readers = new Readers();
  #calls = new Map();
  #tickets = 0;
  #ending;
  #ended;
  #forget = [];

  constructor(key, options) {
    if (key !== ours) throw new TypeError("a client is made by Client.open");
    this.#options = options;
  }

  static async open(options) {
    const client = new Client(ours, readable(() => checked(options)));
    await client.#open();
    return client;
  }

  get uid() {
    return this.#options.uid;
  }

  get connection() {
    return this.#connection;
  }

  get mode() {
    return this.#link.mode;
  }

  on(type, listener) {
    if (typeof listener !== "function") throw wrong("a listener must be a function");
    // A function may be given twice, and each time is undone for itself.
    const entry = { listener };
    const of = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, of.add(entry));
    return () => void of.delete(entry);
  }

  events(options) {
    return readable(() => {
      const { limit = 1024, signal } = options ?? {};
      if (!Number.isInteger(limit) || limit < 1) throw wrong("the limit of events must be a whole number above 0");
      return this.#readers.read(limit, signal, this.#ended !== undefined);
    });
  }

  async connect(options) {
    await this.#call("connect", () => ({ signal: options?.signal }));
  }

  async disconnect() {
    await this.#call("disconnect");
  }

  async send(channel, content, options) {
    const result = await this.#call("send", () => {
      const { signal, ...rest } = options ?? {};
      const clientMsgNo = rest.clientMsgNo ?? this.#newClientMsgNo();
      return { args: { ...rest, clientMsgNo, channel: channelOf(channel) }, signal, content: json(content) };
    });
    return sent(result);
  }

  async messages(channel, options) {
    const page = await this.#call("messages", () => {
      const { signal, before, limit } = options ?? {};
      return { args: { channel: channelOf(channel), before, limit }, signal };
    });
    return { messages: page.messages.map(messageOf), reachedStart: page.reachedStart, complete: page.complete };
  }

  async conversations() {
    const { conversations } = await this.#call("conversations");
    return conversations.map((conversation) => eventOf({ type: "conversation", conversation }).conversation);
  }

  async markRead(channel, messageSeq) {
    await this.#call("markRead", () => ({ args: { channel: channelOf(channel), messageSeq } }));
  }

  async recall(message, options) {
    return messageOf((await this.#call("recall", () => actOn(message, options))).message);
  }

  async restore(message, options) {
    return messageOf((await this.#call("restore", () => actOn(message, options))).message);
  }

  async reedit(message, options) {
    return payloadOf((await this.#call("reedit", () => actOn(message, options))).content);
  }

  async outbox() {
    return (await this.#call("outbox")).messages.map(messageOf);
  }

  async retry(clientMsgNo) {
    return sent(await this.#call("retry", () => ({ args: { clientMsgNo } })));
  }

  async discard(clientMsgNo) {
    await this.#call("discard", () => ({ args: { clientMsgNo } }));
  }

  async audit(options) {
    return (await this.#call("audit", () => ({ args: { limit: options?.limit } }))).lines;
  }

  async close() {
    // A second closing waits for the first; of a wiping that failed its own caller hears.
    if (this.#ending) await this.#ending.catch(() => {});
    else await (this.#ending = this.#close("close"));
  }

  async wipe() {
    // A closed client has let go of its database, so there is nothing here to delete it with.
    if (this.#ending) throw closed();
    await (this.#ending = this.#close("wipe"));
  }

  async #open() {
    const { token, gateway, business, clientMsgNo, worker, ...plain } = this.#options;
    const offered = functions.filter((name) => (name === "gateway" && gateway !== undefined) || readable(() => typeof business?.[name] === "function"));
    const options = { ...plain, functions: offered, ...(typeof business === "string" && { business }) };
    try {
      if (!globalThis.indexedDB) throw new JindouError({ code: "not-supported", message: "there is no IndexedDB here: a client is opened in a browser" });
      const died = () => this.#end(new JindouError({ code: "closed", message: "the worker died", retryable: true }));
      this.#link = await link(worker !== false, (message) => this.#heard(message), died);
      await this.#ask({ open: readable(() => textOf(options)) });
    } catch (error) {
      this.#end(error);
      throw error;
    }
    this.#watchPage();
  }

  async #close(how) {
    let late;
    const silence = new Promise((_, reject) => {
      late = setTimeout(() => reject(new JindouError({ code: "storage", message: "the database does not answer", retryable: true })), patience);
    });
    try {
      await Promise.race([this.#call(how), silence]);
    } catch (error) {
      // Another tab has taken the database over, or the worker is dead: closed is what the caller wants it to be.
      if (how !== "close" || error.code !== "closed") throw error;
    } finally {
      clearTimeout(late);
      this.#end(closed());
    }
  }

  /** Sends a call, with the arguments that `read` gives, and gives the promise of its answer. */
  async #call(call, read = () => ({})) {
    if (this.#ended) throw this.#ended;
    if (this.#ending) throw closed();
    const [message, signal] = readable(() => {
      const { args = {}, signal, content } = read();
      return [{ call, args: textOf(args), content }, signal];
    });
    return this.#ask(message, signal);
  }

  /** An abort ends the waiting at once, and tells the engine. */
  #ask(message, signal) {
    return new Promise((resolve, reject) => {
      const ticket = (this.#tickets += 1);
      const stop = () => {
        this.#calls.delete(ticket);
        this.#link.post({ call: "abort", ticket: (this.#tickets += 1), args: textOf({ ticket }) });
        reject(aborted(signal));
      };
      const forget = readable(() => onAbort(signal, stop));
      if (!forget) return reject(aborted(signal));
      const settle = (how) => (value) => {
        this.#calls.delete(ticket);
        how(value);
        forget();
      };
      this.#calls.set(ticket, { resolve: settle(resolve), reject: settle(reject) });
      this.#link.post({ ...message, ticket });
    });
  }

  #heard(message) {
    if (message.settled !== undefined) {
      const call = this.#calls.get(message.settled);
      if (message.error) call?.reject(errorOf(message.error));
      else call?.resolve(JSON.parse(message.value));
    } else if (message.events) {
      for (const event of JSON.parse(message.events)) this.#tell(eventOf(event));
    } else if (message.ask !== undefined) {
      void this.#answer(message);
    } else if (message.failed !== undefined) {
      this.#end(new JindouError({ code: "closed", message: "the client failed by a bug and has ended" }));
    }
  }

  #tell(event) {
    if (event.type === "connection") this.#connection = event.connection;
    this.#readers.push(event);
    for (const { listener } of [...(this.#listeners.get(event.type) ?? [])]) {
      try {
        listener(event);
      } catch (error) {
        // The application's own, so it goes where its errors go, and the other listeners still hear.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  async #answer({ ask, name, body }) {
    try {
      this.#link.post({ answered: ask, value: JSON.stringify(await this.#asked(name, body)) ?? "null" });
    } catch (error) {
      this.#link.post({ answered: ask, error: failureOf(name, error) });
    }
  }

  async #asked(name, body) {
    const { token, gateway, business } = this.#options;
    if (name === "token") return stringFrom(name, typeof token === "function" ? await token() : token);
    if (name === "gateway" && gateway !== undefined) {
      const addresses = typeof gateway === "function" ? await gateway() : gateway;
      return { addresses: [addresses].flat().map((address) => stringFrom(name, address)) };
    }
    return business[name](JSON.parse(body));
  }

  #newClientMsgNo() {
    const make = this.#options.clientMsgNo;
    if (!make) return undefined;
    try {
      return stringFrom("clientMsgNo", make());
    } catch (cause) {
      throw wrong("clientMsgNo() failed", cause);
    }
  }

  /** What only a page sees. In a worker of the application's own there is no page, and nothing of this happens. */
  #watchPage() {
    const { document } = globalThis;
    const say = (page) => this.#link.post({ page });
    const listen = (target, type, listener) => {
      target?.addEventListener?.(type, listener);
      this.#forget.push(() => target?.removeEventListener?.(type, listener));
    };
    listen(document, "visibilitychange", () => say(document.visibilityState === "hidden" ? "hidden" : "visible"));
    listen(globalThis, "online", () => say("online"));
    listen(globalThis, "offline", () => say("offline"));
    listen(globalThis, "pageshow", (event) => event.persisted && say("shown"));
    listen(globalThis, "pagehide", () => say("hidden"));
    if (document?.visibilityState === "hidden") say("hidden");
    if (globalThis.navigator?.onLine === false) say("offline");
  }

  /** Nothing comes any more: whoever waits is told so. */
  #end(error) {
    if (this.#ended) return;
    this.#ended = error;
    for (const forget of this.#forget.splice(0)) forget();
    for (const { reject } of [...this.#calls.values()]) reject(error);
    this.#link?.end();
    if (this.#connection.state !== "closed") this.#tell({ type: "connection", connection: { state: "closed" } });
    this.#readers.end();
  }
}

const wrong = (message, cause) => new JindouError({ code: "invalid-argument", message, cause });

/** Reading an argument runs what it brings along, like a getter; whatever that throws, the argument is wrong. */
function readable(read) {
  try {
    return read();
  } catch (cause) {
    throw cause instanceof JindouError ? cause : wrong("an argument cannot be read, or JSON cannot hold it", cause);
  }
}

/** A copy, so that nothing of it is another thing later. */
function checked(given) {
  const options = { ...given };
  const { uid, token, gateway, business, clientMsgNo } = options;
  if (typeof uid !== "string" || uid === "") throw wrong("uid must be a string that is not empty");
  if (typeof token !== "string" && typeof token !== "function") throw wrong("token must be a string or a function");
  if (gateway !== undefined && typeof gateway !== "function") {
    // Not all browsers make `ws` of `http`, or take what stands relative to the page.
    options.gateway = [gateway].flat().map((one) => addressOf(one, /^wss?:[^#]*$/));
    if (!options.gateway[0] || options.gateway.includes(undefined)) throw wrong("gateway must be a ws:// or wss:// address, a list of such, or a function");
  }
  if (typeof business === "string") {
    // Paths are put behind it.
    options.business = business && addressOf(business, /^https?:\/\/[^/@]*\/[^?#]*$/, globalThis.location?.href);
    if (!options.business) throw wrong("business must be an http:// or https:// address without a query");
  } else if (business !== undefined && (typeof business !== "object" || business === null)) throw wrong("business must be an address or an object of functions");
  if (gateway === undefined && business === undefined) throw wrong("either gateway or business is needed");
  if (clientMsgNo !== undefined && typeof clientMsgNo !== "function") throw wrong("clientMsgNo must be a function");
  return options;
}

/** In full; nothing where it is no address, or none of this kind. */
function addressOf(given, kind, base) {
  try {
    const { href } = new URL(stringFrom("an option", given), base);
    return kind.test(href) ? href : undefined;
  } catch {
    return undefined;
  }
}

/** Arguments for which infinity is as good as nothing. */
const mayBeInfinite = ["before", "deadline", "dedupWindow", "expire"];

/**
 * Arguments cross the port as JSON, which leaves out a function and makes null of NaN without a word. So that these do not look as if nothing
 * had been given, each becomes a list: no argument is one.
 */
function textOf(args) {
  return JSON.stringify(args, (name, value) => {
    if (typeof value === "function" || typeof value === "symbol") return [];
    if (typeof value !== "number" || Number.isFinite(value)) return value;
    return value === Infinity && mayBeInfinite.includes(name) ? value : [];
  });
}

/** What a function of the application gives: what is missing must not become the word "undefined" on its way to a server. */
function stringFrom(name, given) {
  if (typeof given !== "string") throw new JindouError({ code: "bad-response", message: `${name}() gave no string`, retryable: true });
  return given;
}

const channelOf = (channel) => ({ channelId: channel?.channelId, channelType: channel?.channelType });

function actOn(message, options) {
  const { clientMsgNo = "", messageId, messageSeq } = message ?? {};
  return { args: { channel: channelOf(message), target: { clientMsgNo, messageId, messageSeq } }, signal: options?.signal };
}

/** An error like the business server's as its JSON. Of any other only the kind is told: its text may hold what is private. */
function failureOf(asked, error) {
  try {
    const { code, name, message, retryable, retryAfter, reason, deadline } = error;
    if (typeof code === "string") return JSON.stringify({ code, message, retryable, retryAfter, reason, deadline });
    return typeof name === "string" ? JSON.stringify({ code: "unavailable", message: `the application's ${asked} failed (${name})`, retryable: true }) : "";
  } catch {
    return "";
  }
}

const sent = (result) => (result.type === "sent" ? { ...result, message: messageOf(result.message) } : result);
const closed = () => new JindouError({ code: "closed", message: "the client is closed" });
const aborted = (signal) => new JindouError({ code: "aborted", message: "the call was aborted", cause: signal.reason });
