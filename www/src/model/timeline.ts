// The part of one channel that is on the screen: pages read from the client, and events merged into them by `key`. It owns no truth: whatever is
// in doubt is read again. It knows nothing of elements and scrolling.
import { signal } from "@preact/signals";
import type { Channel, Client, Message, MessageSeq, MessagesPage } from "jindou";
import { compareSeq, hasSeq, keyOf } from "./channel";

const pageSize = 40;
const largestPage = 200;
// What the client gives at once.
const mostAtOnce = 500;
// Milliseconds without news of older pages, after which what is shown is read again.
const quiet = 2000;
// Reading the newest page again lets go of what lies above it, so that an evening in a busy group does not fill the page with elements.
const mostKept = 400;
const mostPagesToLocate = 25;
// Milliseconds that somebody waits for one of them.
const patience = 10_000;

export class Timeline {
  readonly key: string;
  /** Ascending; what is not acknowledged yet stands last. */
  readonly messages = signal<readonly Message[]>([]);
  readonly status = signal<"loading" | "ready" | "failed">("loading");
  readonly older = signal<"idle" | "loading" | "waiting" | "failed">("idle");
  readonly reachedStart = signal(false);
  /** Newer messages that came from others while the reader was further up. */
  readonly fresh = signal(0);
  /** Everything above it had been read when the conversation was opened; the line "new messages" stands below it. */
  readonly readTo = signal<MessageSeq | undefined>(undefined);
  /** Told by the view: where it is scrolled to, and whether somebody can see the newest message. */
  atBottom = true;
  /** Set by the view: it tells where it is scrolled to if that is news. */
  lookForUntoldScroll = () => {};
  readonly newestInSight = signal(false);
  #closed = false;
  #later: ReturnType<typeof setTimeout> | undefined;
  #again = false;
  #reading: Promise<void> | undefined;

  constructor(private readonly client: Client, readonly channel: Channel) {
    this.key = keyOf(channel);
  }

  /** The newest messages, and all that are unread as far as that is a page. */
  async load(unread = 0): Promise<void> {
    try {
      const page = await this.#read({ limit: Math.max(pageSize, Math.min(unread + pageSize / 2, largestPage)) });
      // An empty page of a channel that the store does not know yet: a `history` event will tell what the server has.
      if (page) this.status.value = page.messages.length > 0 || page.complete || page.reachedStart ? "ready" : "loading";
    } catch {
      if (!this.#closed) this.status.value = "failed";
    }
  }

  async loadOlder(): Promise<void> {
    const before = this.oldestSeq();
    if (before === undefined || this.reachedStart.peek() || this.older.peek() === "loading") return;
    this.older.value = "loading";
    try {
      const page = await this.#read({ before });
      // Nothing older here, and the beginning not reached: the client has asked the server, and `history` follows.
      if (page) this.older.value = page.messages.length === 0 && !page.reachedStart ? "waiting" : "idle";
    } catch {
      if (!this.#closed) this.older.value = "failed";
    }
  }

  /** After `history`: what one waited for comes at once; what is shown is read again, but not for each page that somebody scrolls through. */
  async refresh(): Promise<void> {
    if (this.older.peek() !== "waiting") return this.#readAgain();
    this.older.value = "idle";
    clearTimeout(this.#later);
    this.#later = setTimeout(() => void this.#readAgain(), quiet);
    await this.loadOlder();
  }

  /** However often it is asked for meanwhile, it is read once more after the reading that is under way. */
  #readAgain(): Promise<void> {
    this.#again = true;
    return this.#reading ??= this.#readShown().finally(() => { this.#reading = undefined; });
  }

  async #readShown(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false;
      try {
        await this.#readShownNow();
        if (!this.#closed) this.status.value = "ready";
      } catch {
        if (!this.#closed && this.status.peek() !== "ready") this.status.value = "failed";
      }
    }
  }

  /** From the newest to the oldest that is shown, in few large pages, and shown all at once. What had a place and is not found there is gone. */
  async #readShownNow(): Promise<void> {
    const before = this.messages.peek().filter(hasSeq);
    const upTo = before[0]?.messageSeq;
    const found: Message[] = [];
    let [oldest, reachedStart]: [MessageSeq | undefined, boolean] = [undefined, false];
    do {
      const limit = Math.min(mostAtOnce, Math.max(pageSize, before.length + pageSize - found.length));
      const page = await this.client.messages(this.channel, { limit, ...(oldest === undefined ? {} : { before: oldest }) });
      if (this.#closed) return;
      found.push(...page.messages);
      reachedStart = page.reachedStart;
      const first = page.messages.find(hasSeq)?.messageSeq;
      if (first === undefined) break;
      oldest = first;
    } while (!reachedStart && upTo !== undefined && compareSeq(oldest, upTo) > 0);
    this.reachedStart.value ||= reachedStart;
    const keys = new Set(found.map(({ key }) => key));
    const gone = before.filter(({ key, messageSeq }) => !keys.has(key) && oldest !== undefined && compareSeq(messageSeq, oldest) >= 0);
    this.#merge(found, new Set(gone.map(({ key }) => key)));
  }

  put(message: Message): void {
    this.lookForUntoldScroll();
    const shown = this.messages.peek();
    const known = shown.some((other) => other.key === message.key);
    // A message from before what is shown comes with its page, when one scrolls there.
    const oldest = this.oldestSeq();
    if (!known && hasSeq(message) && oldest !== undefined && compareSeq(message.messageSeq, oldest) < 0 && !this.reachedStart.peek()) return;
    if (!known && !message.own && !this.atBottom && this.#isNewest(message)) this.fresh.value++;
    this.#merge([message]);
    if (this.atBottom) this.#trim();
    if (this.status.peek() === "loading") this.status.value = "ready";
  }

  remove(key: string): void {
    this.messages.value = this.messages.peek().filter((message) => message.key !== key);
  }

  /** The reader is at the newest message again. */
  caughtUp(): void {
    this.atBottom = true;
    this.fresh.value = 0;
    this.#trim();
  }

  /** The key of a message that may be far up, once it is read. */
  async locate(messageId: string, messageSeq: MessageSeq): Promise<string | undefined> {
    const find = () => this.messages.peek().find((message) => message.messageId === messageId)?.key;
    for (let page = 0; page < mostPagesToLocate && find() === undefined; page++) {
      const oldest = this.oldestSeq();
      if (this.#closed || oldest === undefined || compareSeq(oldest, messageSeq) <= 0 || this.reachedStart.peek()) break;
      await this.loadOlder();
      await this.#olderCame();
      if (this.older.peek() !== "idle") break;
    }
    return find();
  }

  /** Settles once nobody waits for older messages any more. */
  #olderCame(): Promise<void> {
    return new Promise((settle) => {
      const end = () => {
        clearTimeout(timer);
        stop();
        settle();
      };
      const timer = setTimeout(end, patience);
      // After a wait it is idle for an instant only, before what came is read.
      const stop = this.older.subscribe(() => queueMicrotask(() => {
        if (this.#closed || ["idle", "failed"].includes(this.older.peek())) end();
      }));
    });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#later);
    this.newestInSight.value = false;
    if (this.older.peek() === "waiting") this.older.value = "idle";
  }

  oldestSeq(): MessageSeq | undefined {
    return this.messages.peek().find(hasSeq)?.messageSeq;
  }

  #isNewest(message: Message): boolean {
    const newest = this.messages.peek().findLast(hasSeq)?.messageSeq;
    return !hasSeq(message) || newest === undefined || compareSeq(message.messageSeq, newest) > 0;
  }

  #trim(): void {
    const shown = this.messages.peek();
    if (shown.length <= mostKept) return;
    this.messages.value = shown.slice(-pageSize * 2);
    this.reachedStart.value = false;
  }

  /** Nothing where it was closed meanwhile. */
  async #read(options: { before?: MessageSeq; limit?: number }): Promise<MessagesPage | undefined> {
    const page = await this.client.messages(this.channel, { limit: pageSize, ...options });
    if (this.#closed) return undefined;
    this.reachedStart.value ||= page.reachedStart;
    this.#merge(page.messages);
    return page;
  }

  #merge(messages: readonly Message[], gone: ReadonlySet<string> = new Set()): void {
    const byKey = new Map(this.messages.peek().map((message) => [message.key, message]));
    for (const key of gone) byKey.delete(key);
    for (const message of messages) byKey.set(message.key, message);
    this.messages.value = [...byKey.values()].sort(compare);
  }
}

/** By messageSeq; what has none yet stands behind, in the order of its making. */
function compare(a: Message, b: Message): number {
  if (hasSeq(a)) return hasSeq(b) ? compareSeq(a.messageSeq, b.messageSeq) : -1;
  return hasSeq(b) ? 1 : a.timestamp - b.timestamp;
}
