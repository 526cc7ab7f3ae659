// One person who is logged in: the client, and what the page shows of it. Events become signals here; components read signals and call the verbs
// below. What the verbs fail with becomes a notice, since a person is there to read it.
import { batch, computed, signal } from "@preact/signals";
import { Client, type Channel, type Connection, type Conversation, type JindouErrorInfo, type Message, type MessageSeq } from "jindou";
import type { Account } from "./accounts";
import { compareSeq, group, hasSeq, keyOf } from "./channel";
import { changedGroup, kindOf, mentionsOf, mentionsPerson, noticeOf } from "./content";
import { Directory } from "./directory";
import { Draft } from "./draft";
import { Inspector } from "./inspector";
import type { Network, ServerError } from "./network";
import { Notices } from "./notices";
import { Server } from "./server";
import { Timeline } from "./timeline";
import { errorText } from "../words";

export interface ListEntry { channel: Channel; key: string; conversation?: Conversation; last?: Message; at: number }

export class Chat {
  readonly connection = signal<Connection>({ state: "idle" });
  /** When the next attempt to connect is made, in milliseconds since 1970. */
  readonly retryAt = signal(0);
  /** The browser refuses the gateway's address, for want of `wss://`. */
  readonly gatewayRefused = signal(false);
  readonly syncing = signal(false);
  readonly conversations = signal<ReadonlyMap<string, Conversation>>(new Map());
  /** Conversations with a message for me that I have not read. */
  readonly mentioned = signal<ReadonlySet<string>>(new Set());
  readonly current = signal<Timeline | undefined>(undefined);
  readonly outbox = signal<readonly Message[]>([]);
  /** Newest message for the ears: who reads the page with a screen reader hears it. */
  readonly heard = signal<Message | undefined>(undefined);
  /** The newest recall: whoever keeps words of that message lets go of them. */
  readonly withdrawn = signal<Message | undefined>(undefined);
  /** The session is over, by the business server's own word: the pane asks for a log-in. */
  readonly ended = signal(false);
  readonly inspector = new Inspector();
  readonly notices = new Notices();
  readonly drafts = new Map<string, Draft>();
  #entries: ReadonlyMap<string, ListEntry> = new Map();
  #outboxAsked = false;
  #outboxReading: Promise<void> | undefined;
  #doubting: Promise<void> | undefined;

  /** The newest conversation first; groups in which nothing was said yet stand last. */
  readonly list = computed<readonly ListEntry[]>(() => {
    const entries = new Map<string, ListEntry>();
    for (const { groupId } of this.directory.groups.value.values()) {
      const channel = { channelId: groupId, channelType: group };
      entries.set(keyOf(channel), { channel, key: keyOf(channel), at: 0 });
    }
    for (const [key, conversation] of this.conversations.value) {
      const { channelId, channelType } = conversation;
      const last = conversation.lastMessage;
      entries.set(key, { channel: { channelId, channelType }, key, conversation, last, at: last?.timestamp ?? 0 });
    }
    // A conversation tells of what the server has; what waits to be sent is the last word all the same.
    for (const message of this.outbox.value) {
      const { channelId, channelType, timestamp: at } = message;
      const key = keyOf(message);
      const entry = entries.get(key);
      if (!entry || at >= entry.at) entries.set(key, { channel: { channelId, channelType }, key, conversation: entry?.conversation, last: message, at });
    }
    // What is as it was stays the same object, and is not drawn again.
    for (const [key, entry] of entries) {
      const before = this.#entries.get(key);
      if (before && before.conversation === entry.conversation && before.last === entry.last && before.at === entry.at) entries.set(key, before);
    }
    this.#entries = entries;
    return [...entries.values()].sort((a, b) => b.at - a.at);
  });
  readonly unread = computed(() => [...this.conversations.value.keys()].reduce((sum, key) => sum + this.unreadOf(key), 0));

  private constructor(readonly account: Account, readonly client: Client, readonly network: Network, readonly server: Server, readonly directory: Directory) {}

  /** Opens what is stored; needs no network. What was written in `before`, which has ended, is written here. */
  static async open(account: Account, network: Network, worker: boolean, before?: Chat): Promise<Chat> {
    const server = new Server(network, account.token);
    const client = await Client.open({
      uid: account.uid,
      // Asked for at each attempt to connect, and so the place where a cut network stops one. The address is no such place: the client keeps the last.
      token: async () => {
        network.check();
        return account.token;
      },
      deviceFlag: account.deviceFlag,
      business: server.clientApi(),
      ...(worker ? {} : { worker: false }),
      trace: true,
    });
    const chat = new Chat(account, client, network, server, new Directory(server, account));
    chat.#listen();
    try {
      await chat.#readAll();
    } catch (error) {
      // It holds the account's lock, and would be the one that stands in the way of the next attempt.
      await chat.close().catch(() => {});
      throw error;
    }
    for (const [key, draft] of before?.drafts ?? []) chat.drafts.set(key, draft.written());
    chat.connect();
    return chat;
  }

  /** Connects; while it waits for its next attempt, at once. */
  connect(): void {
    this.client.connect().catch((error: JindouErrorInfo) => {
      if (error.code === "unauthorized") void this.#doubt();
    });
  }

  /** Closes the socket, and until it is undone every address and every request fails: the client meets what it meets without a network. */
  async setCut(cut: boolean): Promise<void> {
    this.network.setCut(cut);
    // A client that has ended has no socket; the switch holds for what the page asks itself.
    await this.client.disconnect().catch(() => {});
    this.connect();
  }

  select(channel: Channel): void {
    if (this.current.peek()?.key === keyOf(channel)) return;
    this.current.peek()?.close();
    const timeline = new Timeline(this.client, channel);
    const conversation = this.conversations.peek().get(timeline.key);
    if (conversation && conversation.unread > 0) timeline.readTo.value = conversation.readTo;
    this.current.value = timeline;
    void timeline.load(conversation?.unread);
  }

  leave(): void {
    this.current.peek()?.close();
    this.current.value = undefined;
  }

  /** What comes under somebody's eyes is not counted for the moment until it is marked as read. */
  unreadOf(key: string): number {
    const timeline = this.current.value;
    if (timeline?.key === key && timeline.newestInSight.value) return 0;
    return this.conversations.value.get(key)?.unread ?? 0;
  }

  draftOf(channel: Channel): Draft {
    const key = keyOf(channel);
    const draft = this.drafts.get(key) ?? new Draft();
    this.drafts.set(key, draft);
    return draft;
  }

  send(channel: Channel): void {
    // A client that has ended takes nothing; the banner says so, and the text stays where it is.
    if (this.connection.peek().state === "closed") return;
    const draft = this.draftOf(channel);
    const { text, reply, mentioned } = { text: draft.text.peek(), reply: draft.reply.peek(), mentioned: draft.mentioned.peek() };
    const content = draft.take((uid) => this.directory.personName(uid));
    if (!content) return;
    this.client.send(channel, content).catch((error: JindouErrorInfo) => {
      // A refusal by the server is shown at the message, which stays in the outbox. Anything else was never queued: the text is given back.
      if (error.code === "refused" || error.code === "closed" || error.code === "aborted") return;
      draft.giveBack(text, reply, mentioned);
      this.#complain(error);
    });
  }

  async markRead(channel: Channel, messageSeq: MessageSeq): Promise<void> {
    const known = this.conversations.peek().get(keyOf(channel));
    if (known && compareSeq(messageSeq, known.readTo) <= 0 && known.unread === 0) return;
    this.#forgetMention(keyOf(channel));
    // The client keeps it and tells the server when it can; what fails here is the disk.
    await this.client.markRead(channel, messageSeq).catch((error: JindouErrorInfo) => this.#complain(error));
  }

  recall(message: Message): Promise<void> {
    return this.#act(this.client.recall(message));
  }

  restore(message: Message): Promise<void> {
    return this.#act(this.client.restore(message));
  }

  /** Puts the recalled text into the composer. */
  async editAgain(message: Message): Promise<void> {
    await this.#act(this.client.reedit(message).then((content) => {
      const kind = kindOf(content);
      if (kind.kind !== "text") return this.notices.add("info", (words) => words.notEditable);
      const draft = this.draftOf(message);
      for (const uid of mentionsOf(content).uids) draft.mention({ uid, name: this.directory.personName(uid) });
      draft.fill(kind.text);
    }));
  }

  retry(message: Message): void {
    // It settles when the server has answered; until then the tick says so.
    this.client.retry(message.clientMsgNo).catch((error: JindouErrorInfo) => {
      if (error.code !== "refused" && error.code !== "closed") this.#complain(error);
    });
    void this.#readOutbox();
  }

  discard(message: Message): Promise<void> {
    return this.#act(this.client.discard(message.clientMsgNo).then(() => this.#readOutbox()));
  }

  /** Ends here; what is stored stays. */
  async close(): Promise<void> {
    this.leave();
    this.inspector.close();
    await this.client.close();
  }

  /** Ends here and deletes what is stored. */
  async wipe(): Promise<void> {
    this.leave();
    this.inspector.close();
    this.directory.forget();
    await this.client.wipe();
  }

  #listen(): void {
    const { client } = this;
    client.on("connection", ({ connection }) => this.#connectionChanged(connection));
    client.on("sync", ({ done }) => { this.syncing.value = !done; });
    client.on("conversation", ({ conversation }) => {
      this.conversations.value = new Map(this.conversations.peek()).set(keyOf(conversation), conversation);
      if (conversation.unread === 0) this.#forgetMention(keyOf(conversation));
      this.#learnGroup(conversation);
    });
    client.on("message", ({ message, live }) => this.#messageCame(message, live));
    client.on("message-changed", ({ message }) => {
      this.#timelineOf(message)?.put(message);
      if (message.state !== "normal") this.#withdraw(message);
      if (message.own) void this.#readOutbox();
    });
    client.on("message-removed", ({ channel, key }) => {
      this.#timelineOf(channel)?.remove(key);
      void this.#readOutbox();
    });
    // It says that something became of a group, and is no proof of it.
    client.on("command", ({ content }) => {
      const group = changedGroup(content);
      if (group !== undefined) this.directory.reread(group).catch(() => {});
    });
    client.on("history", ({ channel }) => void this.#timelineOf(channel)?.refresh());
    client.on("problem", ({ error }) => {
      if (error.code === "not-supported" && !navigator.locks) this.notices.add("info", (said) => said.noLocks);
      // Nobody did anything that he may not do: he is no member any more of a group that the client asked for.
      else if (error.code === "forbidden") this.directory.refresh().catch(() => {});
      // The banner says so as long as it is so.
      else if (this.#refusesGateway(error)) this.gatewayRefused.value = true;
      else this.#complain(error);
    });
    client.on("trace", ({ line }) => this.inspector.add(line));
  }

  #refusesGateway(error: JindouErrorInfo): boolean {
    return error.code === "unavailable" && this.server.plainGateway && location.protocol === "https:" && this.connection.peek().state !== "ready";
  }

  async #readAll(): Promise<void> {
    const conversations = await this.client.conversations();
    batch(() => {
      // Events that came meanwhile are newer than the answer.
      this.conversations.value = new Map([...conversations.map((one) => [keyOf(one), one] as const), ...this.conversations.peek()]);
      this.connection.value = this.client.connection;
    });
    await this.#readOutbox();
  }

  /** However often it is asked for meanwhile, it is read once more after the reading that is under way. */
  #readOutbox(): Promise<void> {
    this.#outboxAsked = true;
    return this.#outboxReading ??= this.#readOutboxNow().finally(() => { this.#outboxReading = undefined; });
  }

  async #readOutboxNow(): Promise<void> {
    while (this.#outboxAsked) {
      this.#outboxAsked = false;
      // It fails once the client is closed, when nobody looks any more.
      this.outbox.value = await this.client.outbox().catch(() => []);
    }
  }

  #connectionChanged(connection: Connection): void {
    batch(() => {
      this.connection.value = connection;
      if (connection.state === "ready") this.gatewayRefused.value = false;
      if (connection.state === "waiting") this.retryAt.value = Date.now() + connection.retryIn;
    });
    // A log-out elsewhere ends the session for every device of its kind, and WuKongIM tells of it as of another log-in.
    if (connection.state === "kicked" || (connection.state === "refused" && connection.error.code === "unauthorized")) void this.#doubt();
    // Names may have changed while we were away; a failure is mended by the next connect.
    if (connection.state === "ready") this.directory.refresh().catch(() => {});
  }

  #messageCame(message: Message, live: boolean): void {
    this.#timelineOf(message)?.put(message);
    if (message.own) void this.#readOutbox();
    if (message.own) return;
    if (message.channelType === group && noticeOf(message)) this.directory.reread(message.channelId).catch(() => {});
    if (mentionsPerson(message, this.account.uid) && this.#isUnread(message)) this.mentioned.value = new Set(this.mentioned.peek()).add(keyOf(message));
    if (!live) return;
    this.heard.value = message;
    this.#learnGroup(message);
  }

  #withdraw(message: Message): void {
    const is = (other: Message | undefined) => other?.messageId !== undefined && other.messageId === message.messageId;
    if (is(this.heard.peek())) this.heard.value = undefined;
    const reply = this.drafts.get(keyOf(message))?.reply;
    if (is(reply?.peek())) reply!.value = undefined;
    this.withdrawn.value = message;
  }

  #isUnread(message: Message): boolean {
    const readTo = this.conversations.peek().get(keyOf(message))?.readTo ?? 0;
    return hasSeq(message) && compareSeq(message.messageSeq, readTo) > 0;
  }

  #learnGroup(channel: Channel): void {
    if (channel.channelType === group) this.directory.learnGroup(channel.channelId).catch(() => {});
  }

  #timelineOf(channel: Channel): Timeline | undefined {
    const timeline = this.current.peek();
    return timeline?.key === keyOf(channel) ? timeline : undefined;
  }

  #forgetMention(key: string): void {
    if (!this.mentioned.peek().has(key)) return;
    const rest = new Set(this.mentioned.peek());
    rest.delete(key);
    this.mentioned.value = rest;
  }

  async #act(action: Promise<unknown>): Promise<void> {
    await action.catch((error: JindouErrorInfo) => this.#complain(error));
  }

  #complain(error: JindouErrorInfo): void {
    if (error.code === "unauthorized") void this.#doubt();
    this.notices.add("error", () => errorText(error));
  }

  /**
   * Is the session over? A message server says so by silence, and so do a cluster without a leader and a proxy that swallows: then the client goes
   * on asking, and may come to be let in. Only the business server knows, and only its 401 ends the session here.
   */
  #doubt(): Promise<void> {
    return this.#doubting ??= this.server.me()
      .then(() => {}, (error: ServerError) => { if (error.status === 401) this.ended.value = true; })
      .finally(() => { this.#doubting = undefined; });
  }
}
