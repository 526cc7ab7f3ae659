// Stands in the place of `jindou` where a test wants to decide what the client says: several clients in one page, a message server in its memory, no
// network, no storage. Tests reach it as `globalThis.scripted`. It knows how things look, not how they are done: what the real client does is tested
// with the real client.
const clients = new Map();
const log = new Map();
let nextId = 1000;
let now = Date.now();

export const version = "scripted";

export class JindouError extends Error {
  constructor(code, more = {}) {
    super(code);
    Object.assign(this, { name: "JindouError", code, retryable: false, ...more });
  }
}

const placeOf = (uid, { channelId, channelType }) => (channelType === 1 ? [uid, channelId].sort().join("|") : channelId);
const keyOf = ({ channelId, channelType }) => `${channelType}:${channelId}`;

/** What `tests` set before the page asks. */
export const script = {
  /** Rejects `Client.open`: a function of the uid that answers an error code, or nothing. */
  refuseToOpen: () => undefined,
  /** Clients opened so far. */
  opened: 0,
  /** Whose database was deleted. */
  wiped: [],
  /** How many of the newest messages of each channel are here; asked for the others, the server brings a hundred more. */
  held: Infinity,
  /** What is stored cannot be read. */
  unreadable: false,
  members: new Map(),
  /** Every attempt to connect is refused, as after too much silence. */
  refuseToConnect: false,
  /** Until it settles no message is acknowledged. */
  acknowledging: Promise.resolve(),
  refuse: undefined,
  error: (code, more) => new JindouError(code, more),
  clients,
  say,
  log,
};
globalThis.scripted = script;

/** Puts a message into the log, `at` milliseconds since 1970, and gives it to everybody who is connected. */
function say(from, channel, content, { at = (now = Math.max(Date.now(), now + 1)), quiet = false, clientMsgNo = crypto.randomUUID() } = {}) {
  const place = placeOf(from, channel);
  const messages = log.get(place) ?? [];
  log.set(place, messages);
  const message = { place, channel, from, content, at, clientMsgNo, messageId: String(nextId++), messageSeq: messages.length + 1, state: "normal" };
  messages.push(message);
  if (!quiet) for (const client of clients.values()) client._incoming(message);
  return message;
}

export class Client {
  #listeners = new Map();
  #read = new Map();
  #owed = new Map();
  #wanted = false;
  audited = [];
  connection = { state: "idle" };
  mode = "page";

  static async open(options) {
    await new Promise((done) => setTimeout(done, 20));
    const refused = script.refuseToOpen(options.uid) ?? (clients.has(options.uid) ? "in-use" : undefined);
    if (refused) throw new JindouError(refused);
    return new Client(options);
  }

  constructor(options) {
    this.options = options;
    this.uid = options.uid;
    this.mode = options.worker === false ? "page" : "worker";
    clients.set(this.uid, this);
    script.opened += 1;
  }

  on(type, listener) {
    const all = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, all.add(listener));
    return () => all.delete(listener);
  }

  emit(type, fields) {
    for (const listener of this.#listeners.get(type) ?? []) listener({ type, ...fields });
  }

  become(connection) {
    this.connection = connection;
    this.emit("connection", { connection });
  }

  refused() {
    const error = new JindouError("unauthorized");
    this.become({ state: "refused", error: { code: error.code, message: "", retryable: false } });
    return error;
  }

  trace(line) {
    this.emit("trace", { line });
  }

  async connect() {
    if (this.connection.state === "closed") throw new JindouError("closed");
    this.#wanted = true;
    this.become({ state: "connecting" });
    try {
      await this.options.token();
      await this.options.business.gateway();
    } catch {
      this.become({ state: "waiting", retryIn: 50_000, error: { code: "unavailable", message: "", retryable: true } });
      setTimeout(() => { if (this.#wanted && this.connection.state === "waiting") this.connect(); }, 50_000);
      return;
    }
    await new Promise((done) => setTimeout(done, 30));
    if (!this.#wanted) return;
    if (script.refuseToConnect) throw this.refused();
    this.trace({ what: "packet", sent: true, kind: "CONNECT", bytes: 112 });
    this.trace({ what: "packet", sent: false, kind: "CONNACK", bytes: 84, reasonCode: 1 });
    this.become({ state: "ready" });
    await this.options.business.policy().catch(() => {});
    this.emit("sync", { done: true });
    for (const conversation of await this.conversations()) this.emit("conversation", { conversation });
    for (const message of this.#owed.values()) if (message.delivery === "queued") this.#transmit(message, 2);
  }

  async disconnect() {
    if (this.connection.state === "closed") throw new JindouError("closed");
    this.#wanted = false;
    this.become({ state: "idle" });
  }

  #seen(message) {
    if (message.place.includes("|")) return message.place.split("|").includes(this.uid);
    return script.members.get(message.place)?.includes(this.uid) ?? false;
  }

  #channelOf(message) {
    const people = message.place.split("|");
    return people.length === 2 ? { channelId: people.find((uid) => uid !== this.uid), channelType: 1 } : { channelId: message.place, channelType: 2 };
  }

  #view(message) {
    const recalled = message.state !== "normal";
    return {
      ...this.#channelOf(message), key: message.clientMsgNo, clientMsgNo: message.clientMsgNo, messageId: message.messageId, messageSeq: message.messageSeq,
      from: message.from, own: message.from === this.uid, timestamp: message.at, delivery: message.delivery ?? "sent", state: message.state, expire: 0,
      ...(recalled ? { recall: message.recall } : { content: message.content }),
    };
  }

  #conversation(channel) {
    const messages = log.get(placeOf(this.uid, channel)) ?? [];
    const readTo = this.#read.get(keyOf(channel)) ?? 0;
    const unread = messages.filter((message) => message.messageSeq > readTo && message.from !== this.uid && message.state === "normal").length;
    const owed = [...this.#owed.values()].filter((message) => keyOf(message) === keyOf(channel)).at(-1);
    return { ...channel, unread, readTo, lastSeq: messages.length, lastMessage: owed ?? (messages.length ? this.#view(messages.at(-1)) : undefined) };
  }

  _incoming(message) {
    if (this.connection.state !== "ready" || !this.#seen(message)) return;
    const own = message.from === this.uid;
    this.trace({ what: "packet", sent: false, kind: own ? "SENDACK" : "RECV", bytes: own ? 21 : 160, messageId: message.messageId, messageSeq: message.messageSeq, clientMsgNo: message.clientMsgNo });
    this.trace({ what: "stored", changes: 3 });
    if (!own) this.trace({ what: "packet", sent: true, kind: "RECVACK", bytes: 14, messageId: message.messageId });
    this.emit(own && this.#owed.delete(message.clientMsgNo) ? "message-changed" : "message", { message: this.#view(message), live: true });
    this.emit("conversation", { conversation: this.#conversation(this.#channelOf(message)) });
  }

  changed(message) {
    if (!this.#seen(message)) return;
    this.emit("message-changed", { message: this.#view(message) });
    this.emit("conversation", { conversation: this.#conversation(this.#channelOf(message)) });
  }

  async send(channel, content) {
    const clientMsgNo = crypto.randomUUID();
    const message = { ...channel, key: clientMsgNo, clientMsgNo, from: this.uid, own: true, timestamp: Date.now(), delivery: "queued", state: "normal", content, expire: 0 };
    this.#owed.set(clientMsgNo, message);
    this.emit("message", { message, live: true });
    this.emit("conversation", { conversation: this.#conversation(channel) });
    return this.#transmit(message, 1);
  }

  async #transmit(message, attempt) {
    if (this.connection.state !== "ready") return new Promise(() => {});
    if (attempt > 1) this.trace({ what: "retry", clientMsgNo: message.clientMsgNo, attempt });
    this.trace({ what: "packet", sent: true, kind: "SEND", bytes: 140, clientMsgNo: message.clientMsgNo });
    await Promise.all([script.acknowledging, new Promise((done) => setTimeout(done, 30))]);
    if (script.refuse) {
      Object.assign(message, { delivery: "parked", reasonCode: script.refuse });
      this.emit("message-changed", { message: { ...message } });
      throw new JindouError("refused", { reasonCode: script.refuse });
    }
    if (!this.#owed.has(message.clientMsgNo)) return undefined;
    const { channelId, channelType, content, clientMsgNo } = message;
    const sent = say(this.uid, { channelId, channelType }, content, { clientMsgNo, at: message.timestamp });
    return { type: "sent", message: this.#view(sent), unconfirmed: false };
  }

  async messages(channel, { before, limit = 50 } = {}) {
    await new Promise((done) => setTimeout(done, 10));
    const whole = log.get(placeOf(this.uid, channel)) ?? [];
    const here = whole.slice(-script.held);
    const all = here.filter((message) => before === undefined || message.messageSeq < before);
    const complete = here.length === whole.length || all.length >= limit;
    if (!complete) this.#fetch(channel);
    const messages = all.slice(-limit).map((message) => this.#view(message));
    if (before === undefined) messages.push(...[...this.#owed.values()].filter((message) => keyOf(message) === keyOf(channel)));
    return { messages, reachedStart: here.length === whole.length && all.length <= limit, complete };
  }

  #fetch(channel) {
    this.fetching ??= setTimeout(() => {
      this.fetching = undefined;
      script.held += 100;
      this.emit("history", { channel, reachedStart: false, complete: true });
    }, 30);
  }

  async conversations() {
    if (script.unreadable) throw new JindouError("storage");
    const channels = new Map();
    for (const [message] of log.values()) if (this.#seen(message)) channels.set(keyOf(this.#channelOf(message)), this.#channelOf(message));
    return [...channels.values()].map((channel) => this.#conversation(channel));
  }

  async markRead(channel, messageSeq) {
    if ((this.#read.get(keyOf(channel)) ?? 0) >= messageSeq) return;
    this.#read.set(keyOf(channel), messageSeq);
    this.emit("conversation", { conversation: this.#conversation(channel) });
  }

  #find({ clientMsgNo }) {
    return [...log.values()].flat().find((message) => message.clientMsgNo === clientMsgNo);
  }

  async recall(target) {
    const message = this.#find(target);
    message.state = "recalled";
    message.recall = { operator: this.uid, role: "author", at: Date.now(), deadline: Date.now() + 300_000 };
    for (const client of clients.values()) client.changed(message);
    return this.#view(message);
  }

  async restore(target) {
    const message = this.#find(target);
    message.state = "normal";
    for (const client of clients.values()) client.changed(message);
    return this.#view(message);
  }

  async reedit(target) {
    return this.#find(target).content;
  }

  async outbox() {
    return [...this.#owed.values()];
  }

  async retry(clientMsgNo) {
    const message = this.#owed.get(clientMsgNo);
    Object.assign(message, { delivery: "queued", reasonCode: undefined });
    this.emit("message-changed", { message: { ...message } });
    return this.#transmit(message, 2);
  }

  async discard(clientMsgNo) {
    const message = this.#owed.get(clientMsgNo);
    this.#owed.delete(clientMsgNo);
    this.emit("message-removed", { channel: message, key: message.key });
  }

  async audit() {
    return this.audited;
  }

  /** Commits a line, and emits nothing of it but the commit. */
  note(what, by, operator, channel) {
    this.audited = [...this.audited, { ordinal: this.audited.length + 1, at: Date.now(), channel, operator, clientMsgNo: "", copies: [], what, by }];
    this.trace({ what: "stored", changes: 1 });
  }

  async close() {
    this.#wanted = false;
    clients.delete(this.uid);
  }

  async wipe() {
    if (clients.get(this.uid) !== this) throw new JindouError("closed");
    script.wiped.push(this.uid);
    await this.close();
  }
}
