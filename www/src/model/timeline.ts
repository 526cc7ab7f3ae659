// The part of one channel that is on the screen: a window of its timeline, read from the client page by page, and events merged into it by `key`. It
// owns no truth: whatever is in doubt is read again. It knows nothing of elements and scrolling.
//
//   [oldest … let go of or not read yet | shown: at most `mostShown` | let go of or not read yet … newest]
import { batch, signal } from "@preact/signals";
import type { Channel, Client, Message, MessageSeq, MessagesPage } from "jindou";
import { compareSeq, hasSeq, keyOf, seqPlus } from "./channel";

const pageSize = 40;
const largestPage = 200;
// What the client gives at once.
const mostAtOnce = 500;
// Milliseconds without news of older pages, after which what is shown is read again.
const quiet = 2000;
// Whatever is shown costs elements; what lies far from the reader is let go of, and read again when one comes back. Many times what a screen holds.
const mostShown = 240;
// For the same reason this many are left of a full window at its newest message, and shown where one goes to the newest or to the first.
const shownAtEnd = 80;
// Messages that are looked through for one whose place is not told.
const mostSearched = 10_000;
// Milliseconds that somebody waits for the server's next answer.
const patience = 10_000;

interface Search { wake: () => void }

export class Timeline {
  readonly key: string;
  /** Ascending; what is not acknowledged yet stands last. */
  readonly messages = signal<readonly Message[]>([]);
  readonly status = signal<"loading" | "ready" | "failed">("loading");
  readonly older = signal<"idle" | "loading" | "waiting" | "failed">("idle");
  readonly newer = signal<"idle" | "loading" | "failed">("idle");
  readonly reachedStart = signal(false);
  /** The newest message is among those that are shown. */
  readonly reachedEnd = signal(true);
  /** Something above what is shown was shown already, or passed over. */
  readonly cutAbove = signal(false);
  /** A message is being waited for that only the server has. */
  readonly searching = signal(false);
  /** Newer messages that came from others while the reader was further up. */
  readonly fresh = signal(0);
  /** Everything above it had been read when the conversation was opened; the line "new messages" stands below it. */
  readonly readTo = signal<MessageSeq | undefined>(undefined);
  /** How many were unread when the conversation was opened, where the first of them stands above what was shown then and nobody has been there. */
  readonly unreadAbove = signal(0);
  /** Told by the view: where it is scrolled to, the first message in sight, and whether somebody can see the newest one. */
  atBottom = true;
  reading: string | undefined;
  /** Set by the view: it tells where it is scrolled to if that is news. */
  lookForUntoldScroll = () => {};
  readonly newestInSight = signal(false);
  #closed = false;
  #later: ReturnType<typeof setTimeout> | undefined;
  #again = false;
  #rereading: Promise<void> | undefined;
  #newest: MessageSeq = 0;
  #unread = 0;
  #turn: Promise<unknown> = Promise.resolve();
  /** What events said while something was read: it is newer than what was read. Nothing for what was removed. */
  #meanwhile: Map<string, Message | undefined> | undefined;
  #search: Search | undefined;

  constructor(private readonly client: Client, readonly channel: Channel) {
    this.key = keyOf(channel);
  }

  /** The newest messages with all that are unread; where that is more than a page, what stands around the first of them, if it is here, else the newest. */
  async load(unread = this.#unread): Promise<void> {
    this.#unread = unread;
    try {
      const limit = Math.max(pageSize, unread + pageSize / 2);
      let page = limit <= largestPage ? await this.#readNewest(limit) : undefined;
      // What one has said oneself may stand between.
      if (page?.messages.length === limit && !this.#showsFirstUnread()) page = await this.#readNewest(largestPage);
      if ((!page || page.messages.length >= limit) && !this.#showsFirstUnread()) {
        await this.#inTurn(() => this.#readFirstUnread());
        if (this.#showsFirstUnread()) return this.#becomeReady();
      }
      page ??= await this.#readNewest(largestPage);
      // An empty page of a channel that the store does not know yet: a `history` event will tell what the server has.
      if (page && (page.messages.length > 0 || page.complete || page.reachedStart)) this.#becomeReady();
      else if (page) this.status.value = "loading";
    } catch {
      if (!this.#closed) this.status.value = "failed";
    }
  }

  async loadOlder(): Promise<void> {
    if (this.oldestSeq() === undefined || this.reachedStart.peek() || this.older.peek() === "loading") return;
    this.older.value = "loading";
    try {
      const page = await this.#inTurn(async () => {
        const page = await this.#read({ before: this.oldestSeq() });
        if (page) batch(() => {
          this.reachedStart.value ||= page.reachedStart;
          this.#merge(page.messages);
          this.#letGoBelow();
        });
        return page;
      });
      // Nothing older here, and the beginning not reached: the client has asked the server, and `history` follows.
      if (page) this.older.value = page.messages.length === 0 && !page.reachedStart ? "waiting" : "idle";
    } catch {
      if (!this.#closed) this.older.value = "failed";
    }
  }

  async loadNewer(): Promise<void> {
    if (this.reachedEnd.peek() || this.newer.peek() === "loading") return;
    this.newer.value = "loading";
    try {
      await this.#inTurn(() => this.#readNewer());
      if (!this.#closed) this.newer.value = "idle";
    } catch {
      if (!this.#closed) this.newer.value = "failed";
    }
  }

  /** Shows the newest messages, if others are shown, and stays there. */
  async toNewest(): Promise<void> {
    this.#endSearch();
    try {
      if (!this.reachedEnd.peek()) await this.#readNewest(shownAtEnd);
      if (!this.#closed) this.caughtUp();
    } catch {
      if (!this.#closed) this.newer.value = "failed";
    }
  }

  /** After `history`: what one waited for comes at once; what is shown is read again, but not for each page that somebody scrolls or looks through. */
  async refresh(): Promise<void> {
    this.#search?.wake();
    const waited = this.older.peek() === "waiting";
    if (!waited && !this.#search) return this.#readAgain();
    clearTimeout(this.#later);
    this.#later = setTimeout(() => void this.#readAgain(), quiet);
    if (!waited) return;
    this.older.value = "idle";
    await this.loadOlder();
  }

  put(message: Message): void {
    this.lookForUntoldScroll();
    this.#meanwhile?.set(message.key, message);
    const known = this.messages.peek().some((other) => other.key === message.key);
    if (!known && !message.own && !this.atBottom && this.#isNewest(message)) this.fresh.value++;
    if (!known && !this.#hasPlaceFor(message)) return this.#note([message]);
    batch(() => {
      this.#merge([message]);
      if (this.atBottom) this.#letGoAbove();
      else this.#letGoBelow();
    });
    if (this.status.peek() === "loading") this.#becomeReady();
  }

  remove(key: string): void {
    this.#meanwhile?.set(key, undefined);
    this.messages.value = this.messages.peek().filter((message) => message.key !== key);
  }

  /** The reader is at the newest message again. */
  caughtUp(): void {
    this.atBottom = true;
    this.fresh.value = 0;
    batch(() => this.#letGoAbove());
  }

  /**
   * The key of a message that may be anywhere, once it is shown. A later search ends this one. What the server stored twice is shown once, at its
   * first place and under one `messageId`: where the other copy is asked for, `isCopy` knows it.
   */
  async locate(messageId: string, messageSeq: MessageSeq, isCopy: (message: Message) => boolean = () => false): Promise<string | undefined> {
    this.#endSearch();
    const shown = this.#find(messageId);
    if (shown !== undefined) return shown;
    return this.#searchWith(async (search) => {
      const seq = compareSeq(messageSeq, 0) > 0 ? messageSeq : await this.#seqOf(messageId);
      let copy: string | undefined;
      if (seq !== undefined) await this.#readOn(search, () => this.#readAround(seq, search, ({ messages, complete }) => {
        const found = messages.find((message) => message.messageId === messageId);
        if (found || !complete) return found?.key;
        return copy = messages.findLast((message) => hasSeq(message) && compareSeq(message.messageSeq, seq) <= 0 && isCopy(message))?.key;
      }));
      return this.#find(messageId) ?? copy;
    });
  }

  /** Whether the first unread message is shown now, which only the server may have had; nothing where something else was looked for meanwhile. */
  async toFirstUnread(): Promise<boolean | undefined> {
    const shown = await this.#searchWith(async (search) => {
      if (!this.#showsFirstUnread()) await this.#readOn(search, () => this.#readFirstUnread(search));
      return this.#showsFirstUnread();
    });
    if (shown) this.unreadAbove.value = 0;
    return shown;
  }

  /** Whether the first message that can be had is shown now, which only the server may have had; nothing where something else was looked for meanwhile. */
  toOldest(): Promise<boolean | undefined> {
    return this.#searchWith(async (search) => {
      if (!this.reachedStart.peek()) await this.#readOn(search, () => this.#readOldest(search));
      return this.reachedStart.peek();
    });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#later);
    this.#endSearch();
    this.newestInSight.value = false;
    if (this.older.peek() === "waiting") this.older.value = "idle";
  }

  oldestSeq(): MessageSeq | undefined {
    return this.messages.peek().find(hasSeq)?.messageSeq;
  }

  #newestShown(): MessageSeq | undefined {
    return this.messages.peek().findLast(hasSeq)?.messageSeq;
  }

  #find(messageId: string): string | undefined {
    return this.messages.peek().find((message) => message.messageId === messageId)?.key;
  }

  #endSearch(): void {
    const search = this.#search;
    this.#search = undefined;
    this.searching.value = false;
    search?.wake();
  }

  /** What `look` finds; nothing where that fails, or where a later search has ended this one. */
  async #searchWith<T>(look: (search: Search) => Promise<T>): Promise<T | undefined> {
    this.#endSearch();
    const search = this.#search = { wake: () => {} };
    try {
      const found = await look(search);
      return this.#search === search ? found : undefined;
    } catch {
      return undefined;
    } finally {
      if (this.#search === search) this.#endSearch();
    }
  }

  /** Reads until there is nothing to wait for, each time that the server has answered. */
  async #readOn(search: Search, read: () => Promise<boolean>): Promise<void> {
    while (this.#search === search) {
      const heard = new Promise<boolean>((settle) => {
        const timer = setTimeout(() => settle(false), patience);
        search.wake = () => {
          clearTimeout(timer);
          settle(true);
        };
      });
      const complete = await this.#inTurn(read);
      if (complete) search.wake();
      else this.searching.value = this.#search === search;
      if (complete || !(await heard)) return;
    }
  }

  #becomeReady(): void {
    if (this.status.peek() === "ready") return;
    batch(() => {
      if (!this.#showsFirstUnread()) {
        this.unreadAbove.value = this.#unread;
        this.cutAbove.value = true;
      }
      this.status.value = "ready";
    });
  }

  #showsFirstUnread(): boolean {
    const [readTo, oldest] = [this.readTo.peek(), this.oldestSeq()];
    if (readTo === undefined || this.#unread === 0 || this.reachedStart.peek()) return true;
    if (oldest !== undefined && compareSeq(oldest, seqPlus(readTo, 1)) <= 0) return true;
    return this.messages.peek().filter((message) => !message.own && hasSeq(message) && compareSeq(message.messageSeq, readTo) > 0).length >= this.#unread;
  }

  #isNewest(message: Message): boolean {
    return !hasSeq(message) || compareSeq(message.messageSeq, this.#newest) > 0;
  }

  #note(messages: readonly Message[]): void {
    for (const message of messages) if (hasSeq(message) && compareSeq(message.messageSeq, this.#newest) > 0) this.#newest = message.messageSeq;
  }

  /** A message from before or behind what is shown comes with its page, when one scrolls there. */
  #hasPlaceFor(message: Message): boolean {
    const [oldest, newest] = [this.oldestSeq(), this.#newestShown()];
    if (!hasSeq(message) || newest === undefined || compareSeq(message.messageSeq, newest) > 0) return this.reachedEnd.peek();
    return this.reachedStart.peek() || compareSeq(message.messageSeq, oldest!) >= 0;
  }

  #letGoAbove(left = this.atBottom ? shownAtEnd : mostShown): void {
    const shown = this.messages.peek();
    if (shown.length <= mostShown) return;
    this.messages.value = shown.slice(-left);
    this.reachedStart.value = false;
    this.cutAbove.value = true;
  }

  #letGoBelow(): void {
    const shown = this.messages.peek();
    if (shown.length <= mostShown) return;
    this.messages.value = shown.slice(0, mostShown);
    this.reachedEnd.value = false;
  }

  /** One reading after the other: each begins where the last one ended. */
  #inTurn<T>(read: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(() => {
      this.#meanwhile = new Map();
      return read().finally(() => { this.#meanwhile = undefined; });
    });
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /** Nothing where it was closed meanwhile. */
  async #read(options: { before?: MessageSeq; limit?: number }): Promise<MessagesPage | undefined> {
    const page = await this.client.messages(this.channel, { limit: pageSize, ...options });
    return this.#closed ? undefined : page;
  }

  #readNewest(limit: number): Promise<MessagesPage | undefined> {
    return this.#inTurn(async () => {
      const page = await this.#read({ limit });
      if (page) {
        if (!this.reachedEnd.peek()) this.atBottom = this.cutAbove.value = true;
        this.#show(page.messages, page.reachedStart, true);
      }
      return page;
    });
  }

  /** Shows the first unread message with what stands around it, if it is here; answers whether there is nothing to wait for. */
  async #readFirstUnread(search?: Search): Promise<boolean> {
    const readTo = this.readTo.peek();
    const page = readTo === undefined ? undefined : await this.#read({ before: seqPlus(readTo, pageSize + 1), limit: pageSize * 2 });
    if (!page || this.#search !== search) return true;
    if (!page.complete) return false;
    if (!page.messages.some((message) => hasSeq(message) && compareSeq(message.messageSeq, readTo!) > 0)) return true;
    this.#note((await this.#read({ limit: 1 }))?.messages ?? []);
    if (this.#closed || this.#search !== search) return true;
    this.atBottom = false;
    this.cutAbove.value = !page.reachedStart;
    this.#show(page.messages, page.reachedStart, false);
    return true;
  }

  async #readOldest(search: Search): Promise<boolean> {
    let page = await this.#read({ before: seqPlus(0, shownAtEnd + 1), limit: shownAtEnd });
    const oldest = this.oldestSeq();
    // A log that was shortened begins further up.
    if (page?.complete && page.messages.length === 0 && oldest !== undefined) {
      page = await this.#read({ before: seqPlus(await this.#seqBehind(0, oldest), shownAtEnd), limit: shownAtEnd });
    }
    if (!page || this.#search !== search || page.messages.length === 0) return page?.complete ?? true;
    if (!page.complete || !page.reachedStart) return false;
    this.atBottom = false;
    this.cutAbove.value = false;
    this.#show(page.messages, true, false);
    return true;
  }

  async #readNewer(): Promise<void> {
    const after = this.#newestShown();
    if (after === undefined || this.reachedEnd.peek()) return;
    const known = (message: Message) => hasSeq(message) && compareSeq(message.messageSeq, after) <= 0;
    const read = async (options: { before?: MessageSeq }) => (await this.#read(options))?.messages ?? [];
    let page = await read({ before: seqPlus(after, pageSize + 1) });
    let end = false;
    if (page.every(known)) {
      page = await read({});
      const next = page.find(hasSeq);
      end = next === undefined || page.some(known);
      // Numbers without a message: the next one that has one is looked for.
      if (!end) page = await read({ before: seqPlus(await this.#seqBehind(after, next!.messageSeq), pageSize) });
    }
    if (this.#closed) return;
    const found = page.filter((message) => !known(message));
    batch(() => {
      this.#merge(found);
      this.reachedEnd.value = end;
      this.#letGoAbove();
    });
  }

  /** The first number behind `after` that has a message, by halving; `upper` has one. */
  async #seqBehind(after: MessageSeq, upper: MessageSeq): Promise<MessageSeq> {
    let [low, high] = [BigInt(after), BigInt(upper)];
    while (high - low > 1n && !this.#closed) {
      const middle = (low + high) / 2n;
      const [message] = (await this.#read({ before: seqPlus(0, middle + 1n), limit: 1 }))?.messages.filter(hasSeq) ?? [];
      if (message && compareSeq(message.messageSeq, after) > 0) high = BigInt(message.messageSeq);
      else low = middle;
    }
    return seqPlus(0, high);
  }

  /** Shows the message with what stands around it, if it is here; answers whether there is nothing to wait for. */
  async #readAround(messageSeq: MessageSeq, search: Search, find: (page: MessagesPage) => string | undefined): Promise<boolean> {
    const page = await this.#read({ before: seqPlus(messageSeq, pageSize / 2 + 1), limit: pageSize * 2 });
    if (!page || this.#search !== search) return true;
    const key = find(page);
    if (key === undefined) return page.complete;
    if (this.messages.peek().some((message) => message.key === key)) return true;
    this.atBottom = false;
    this.cutAbove.value = true;
    this.#show(page.messages, page.reachedStart, false);
    return true;
  }

  /** For a quotation that does not tell where it was taken from. */
  async #seqOf(messageId: string): Promise<MessageSeq | undefined> {
    let before = this.oldestSeq();
    for (let searched = 0; searched < mostSearched && before !== undefined && !this.#closed; searched += mostAtOnce) {
      const page = await this.#read({ before, limit: mostAtOnce });
      const found = page?.messages.find((message) => message.messageId === messageId);
      if (found) return found.messageSeq;
      before = page?.reachedStart ? undefined : page?.messages.find(hasSeq)?.messageSeq;
    }
    return undefined;
  }

  /** However often it is asked for meanwhile, it is read once more after the reading that is under way. */
  #readAgain(): Promise<void> {
    this.#again = true;
    return this.#rereading ??= this.#readShown().finally(() => { this.#rereading = undefined; });
  }

  async #readShown(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false;
      try {
        await this.#inTurn(() => this.#readShownNow());
        if (!this.#closed) this.#becomeReady();
      } catch {
        if (!this.#closed && this.status.peek() !== "ready") this.status.value = "failed";
      }
    }
  }

  /** What had a place and is not found there is gone. */
  async #readShownNow(): Promise<void> {
    const shown = this.messages.peek().filter(hasSeq);
    const oldest = shown[0]?.messageSeq;
    if (this.reachedEnd.peek()) {
      const page = await this.#read({ limit: Math.max(pageSize, shown.length + pageSize / 2) });
      if (!page) return;
      const first = page.messages.find(hasSeq)?.messageSeq;
      const whole = oldest === undefined || first === undefined || page.reachedStart || compareSeq(first, oldest) <= 0;
      if (whole || this.atBottom) {
        if (!whole) this.cutAbove.value = true;
        const least = page.messages.length - Math.max(pageSize, shown.length);
        const messages = page.messages.filter((message, index) => index >= least || !hasSeq(message) || oldest === undefined || compareSeq(message.messageSeq, oldest) >= 0);
        const known = new Set(messages.map(({ key }) => key));
        const waiting = this.messages.peek().filter((message) => !hasSeq(message) && !known.has(message.key));
        this.#show([...messages, ...waiting], page.reachedStart && messages.length === page.messages.length, true);
        return;
      }
    }
    // More came to light than fits between what is shown: what stands around the reader is kept.
    const at = Math.max(0, shown.findIndex(({ key }) => key === this.reading));
    const reader = shown[at]?.messageSeq;
    if (reader === undefined) return;
    const page = await this.#read({ before: seqPlus(reader, shown.length - at), limit: Math.max(pageSize, shown.length) });
    if (!page) return;
    this.cutAbove.value = true;
    this.#show(page.messages, page.reachedStart, false);
  }

  /** Takes the place of everything that was shown. */
  #show(messages: readonly Message[], reachedStart: boolean, reachedEnd: boolean): void {
    batch(() => {
      if (this.older.peek() === "waiting") this.older.value = "idle";
      this.messages.value = [];
      this.reachedStart.value = reachedStart;
      this.reachedEnd.value = reachedEnd;
      this.#merge(messages);
      for (const [key, message] of this.#meanwhile ?? []) {
        if (!message) this.messages.value = this.messages.peek().filter((other) => other.key !== key);
        else if (this.#hasPlaceFor(message)) this.#merge([message]);
      }
    });
  }

  #merge(messages: readonly Message[]): void {
    this.#note(messages);
    const byKey = new Map(this.messages.peek().map((message) => [message.key, message]));
    for (const message of messages) byKey.set(message.key, message);
    this.messages.value = [...byKey.values()].sort(compare);
  }
}

/** By messageSeq; what has none yet stands behind, in the order of its making. */
function compare(a: Message, b: Message): number {
  if (hasSeq(a)) return hasSeq(b) ? compareSeq(a.messageSeq, b.messageSeq) : -1;
  return hasSeq(b) ? 1 : a.timestamp - b.timestamp;
}
