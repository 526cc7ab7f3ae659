/**
 * Jindou, the browser client for WuKongIM.
 *
 * 64-bit ids (`messageId`) are decimal strings. A `messageSeq` is a number while a double holds it exactly, else a decimal string.
 * Times are milliseconds since 1970.
 */

/** The place of a message in its channel, counted from 1 by WuKongIM. */
export type MessageSeq = number | string;

/** A conversation as this person sees it. */
export interface Channel {
  channelId: string;
  /** 1 person (`channelId` is the peer's uid), 2 group, others as WuKongIM numbers them. */
  channelType: number;
}

/** Who is called: everybody, or these. */
export interface Mention {
  all?: 1 | 0;
  uids?: string[];
}

/** What a message answers, with the field names that WuKongIM's clients have in common. */
export interface Reply {
  message_id: string;
  message_seq: MessageSeq;
  from_uid: string;
  from_name: string;
  /** The first message of the thread. */
  root_message_id?: string;
  /** A copy of the quoted content; `{}` once that was recalled. */
  payload: Partial<Content> | Record<string, never>;
}

/** What any content may carry. */
export interface ContentExtras {
  mention?: Mention;
  reply?: Reply;
  /** Shown to these alone. An application's agreement: WuKongIM delivers it to all. */
  visibles?: string[];
  /** Not shown to these. */
  invisibles?: string[];
}

export interface TextContent extends ContentExtras { type: 1; content: string }
export interface ImageContent extends ContentExtras { type: 2; url: string; width: number; height: number }
export interface GifContent extends ContentExtras { type: 3; url: string; width: number; height: number }
/** `timeTrad`: seconds. */
export interface VoiceContent extends ContentExtras { type: 4; url: string; timeTrad: number; waveform?: string }
/** `cover`: the address of a picture; `second`: how long it is. */
export interface VideoContent extends ContentExtras { type: 5; url: string; cover: string; size: number; width: number; height: number; second: number }
export interface LocationContent extends ContentExtras { type: 6; lng: number; lat: number; title: string; address: string; img?: string }
/** A person, to be added. */
export interface CardContent extends ContentExtras { type: 7; uid: string; name: string; vercode?: string; avatar?: string }
export interface FileContent extends ContentExtras { type: 8; url: string; name: string; size: number }
/** Messages that were passed on together. */
export interface MergedContent extends ContentExtras { type: 11; users: { uid: string; name: string }[]; msgs: unknown[] }
/** Any other type: yours. It passes through untouched. */
export interface CustomContent extends ContentExtras { type: number; [field: string]: unknown }

/** The contents that WuKongIM's clients have in common. */
export type KnownContent =
  | TextContent | ImageContent | GifContent | VoiceContent | VideoContent
  | LocationContent | CardContent | FileContent | MergedContent;
export type Content = KnownContent | CustomContent;

/** Not acknowledged yet; WuKongIM has it; one node of a cluster has it and it may be taken back; refused, and in the outbox until a person retries or drops it. */
export type Delivery = "queued" | "sent" | "unconfirmed" | "parked";
/** `hidden`: a command says that it was recalled, and the business server has not confirmed it yet; it may be shown again. */
export type MessageState = "normal" | "hidden" | "recalled" | "deleted";
/** As whom somebody acted on a message. */
export type Role = "author" | "member" | "admin" | "owner" | "system" | "other";

/** Who recalled a message, and when. */
export interface RecallInfo {
  /** The uid. */
  operator: string;
  role: Role;
  /** Milliseconds since 1970, on the server's clock. */
  at: number;
  /** Until when its author may restore it or edit it again; as `at`. */
  deadline?: number;
}

/** A message as a person sees it: every copy that the server stored of it is this one. */
export interface Message extends Channel {
  /** Never changes: the key of a list item. */
  key: string;
  /** Names the act of sending; "" where the sender gave none. */
  clientMsgNo: string;
  /** Absent until WuKongIM has it. */
  messageId?: string;
  messageSeq?: MessageSeq;
  /** "" for the system. */
  from: string;
  /** Sent by this person, from whatever device. */
  own: boolean;
  /** Milliseconds since 1970, on the server's clock as far as that is known; a `Date` holds it, whatever the server said. */
  timestamp: number;
  delivery: Delivery;
  /** `parked`: the server's reason code. */
  reasonCode?: number;
  state: MessageState;
  /** `recalled`: by whom and when. */
  recall?: RecallInfo;
  /** Absent when hidden, recalled or deleted; a string or bytes if what was sent is not a JSON object. */
  content?: Content | string | Uint8Array;
  /** Seconds after which receivers should forget it; 0: never. */
  expire: number;
  topic?: string;
  /** Passed on to who was online, and stored nowhere. */
  transient?: true;
}

/** A line of a conversation list. */
export interface Conversation extends Channel {
  unread: number;
  /** Read up to here, on any device. */
  readTo: MessageSeq;
  /** The newest that the server is known to have. */
  lastSeq: MessageSeq;
  /** The newest that is here. */
  lastMessage?: Message;
}

/**
 * The connection as a person would put it. `authenticating`: the socket is open and nothing is proven yet. `waiting`: the next attempt is in `retryIn` ms.
 * `kicked` is final: logged in elsewhere. `refused`: the token, as far as can be told (WuKongIM 2 answers a wrong one with silence); it is asked again once a minute.
 */
export type Connection =
  | { state: "idle" }
  | { state: "connecting" }
  | { state: "authenticating" }
  | { state: "ready" }
  | { state: "waiting"; retryIn: number; error?: JindouErrorInfo }
  | { state: "kicked"; reason: string }
  | { state: "refused"; error: JindouErrorInfo }
  | { state: "closed" };

/**
 * Stable across versions.
 * - `invalid-argument`, `too-large` (a content, an id or a topic): nothing was done. `not-found`: no such message, or nothing in the outbox
 *   under that number.
 * - `in-use`: another tab has this database. `storage`: IndexedDB failed, and what the call asked for may not have been kept.
 * - `closed`: the client was closed, or its worker died. `aborted`: by your signal, by `disconnect()` or `discard()`.
 * - `unauthorized`: the token is refused; or the gateway has met it with silence for so long that it probably is. `kicked`: the person logged
 *   in elsewhere.
 * - `refused`: WuKongIM does not take the message (`reasonCode`); it stays in the outbox.
 * - `recall-denied`: `reason` and `deadline` say why. `forbidden`, `not-supported`: the business server does not allow it, or there is none; or this is no browser, or too old.
 * - `unavailable`: the gateway, the business server or a function in its place gave no answer, or not now. `bad-response`: an answer that cannot
 *   be read.
 */
export type ErrorCode =
  | "invalid-argument" | "too-large" | "in-use" | "closed" | "aborted" | "storage" | "unauthorized" | "kicked"
  | "refused" | "recall-denied" | "not-supported" | "not-found" | "unavailable" | "bad-response" | "forbidden";

/** Why a recall or a restore cannot be; `window`: its time has passed. */
export type DenyReason =
  | "window" | "not-author" | "not-member" | "unknown-message" | "deleted" | "not-recalled" | "not-supported" | "other";

/** The fields of a `JindouError`, where one is part of an event. */
export interface JindouErrorInfo {
  code: ErrorCode;
  /** In English, for a log. */
  message: string;
  /** Trying again may help. */
  retryable: boolean;
  /** `refused`: the reason code of the message server. */
  reasonCode?: number;
  /** `recall-denied`: why. */
  reason?: DenyReason;
  /** `recall-denied` by the window: until when it would have been possible, in milliseconds since 1970 on the server's clock. */
  deadline?: number;
}

/** What every promise of this package rejects with. */
export class JindouError extends Error implements JindouErrorInfo {
  readonly name: "JindouError";
  readonly code: ErrorCode;
  readonly retryable: boolean;
  /** `refused`: the reason code of the message server. */
  readonly reasonCode?: number;
  /** `recall-denied`: why. */
  readonly reason?: DenyReason;
  /** `recall-denied` by the window: until when it would have been possible, in milliseconds since 1970 on the server's clock. */
  readonly deadline?: number;
  readonly cause?: unknown;
}

/** A recall, a restore or a deletion, as the business server recorded it. */
export interface Mark {
  /** Grows by one with each change in the channel. */
  version: number;
  state: "recalled" | "restored" | "deleted";
  clientMsgNo: string;
  /** Every stored copy that is known; the first by `messageSeq` places the message. */
  copies: { messageId: string; messageSeq: MessageSeq }[];
  /** The uid of whoever wrote the message; "" for the system. */
  author: string;
  /** The uid of whoever changed it last, and as whom. */
  operator: string;
  role: Role;
  /** Milliseconds since 1970, on the server's clock. */
  at: number;
  /** Until when its author may restore it or edit it again; as `at`. */
  deadline?: number;
}

/** A line for an inspector; never content. */
export type Trace =
  | { what: "packet"; sent: boolean; kind: string; bytes: number; messageId?: string; messageSeq?: MessageSeq; clientMsgNo?: string; reasonCode?: number }
  | { what: "duplicate"; clientMsgNo: string; messageId: string }
  | { what: "retry"; clientMsgNo: string; attempt: number }
  | ({ what: "gap"; channel: Channel; first: MessageSeq; last: MessageSeq })
  | { what: "stored"; changes: number }
  | { what: "request"; path: string };

/** The events, by their type. */
export interface Events {
  connection: { type: "connection"; connection: Connection };
  /** A message not shown before. `live`: pushed just now, not found while catching up. It may also stand in a page that you read meanwhile: merge by `key`. */
  message: { type: "message"; message: Message; live: boolean };
  /** The same `key`, changed: sent, parked, recalled, restored. */
  "message-changed": { type: "message-changed"; message: Message };
  /**
   * Nothing has this `key` any more: it was dropped from the outbox, or recalled before it had a place, or stands here under another number.
   * (What a cluster takes back is told by `history`.)
   */
  "message-removed": { type: "message-removed"; channel: Channel; key: string };
  /** Its last message, unread figure or read position changed. */
  conversation: { type: "conversation"; conversation: Conversation };
  /** Missing or older messages have come into the store: read the page again. */
  history: { type: "history"; channel: Channel; reachedStart: boolean; complete: boolean };
  /** A recall, a restore or a deletion took effect. The message comes as `message-changed` too, if it is here. */
  recall: { type: "recall"; channel: Channel; mark: Mark };
  /** A command (SyncOnce) that is none of Jindou's. */
  command: { type: "command"; channel: Channel; from: string; messageId: string; content: Content | string | Uint8Array };
  /** A piece of a stream of WuKongIM 2.2, as it came. `timestamp` is the server's, which may be 0. */
  stream: { type: "stream"; id: string; kind: string; timestamp: number; data: unknown };
  /** Catching up begins, or everything that the server had is here (`done`). */
  sync: { type: "sync"; done: boolean };
  /** A message that cannot be read was acknowledged and kept aside. */
  quarantined: { type: "quarantined"; messageId: string; why: string };
  /** Something failed that no call waits for. */
  problem: { type: "problem"; error: JindouErrorInfo };
  /** With `trace: true` only. */
  trace: { type: "trace"; line: Trace };
}
/** The names of events. */
export type EventType = keyof Events;
/** Any event. */
export type Event = Events[EventType];
/** The reader fell behind; `missed` events were dropped before this one. Read the pages again. */
export interface Lagged { type: "lagged"; missed: number }

/** A message as a business server gives it. */
export interface HistoryMessage {
  messageId: string;
  messageSeq: MessageSeq;
  clientMsgNo?: string;
  fromUid?: string;
  /** Seconds since 1970. */
  timestamp?: number;
  /** Base64 of the content; absent when recalled. */
  payload?: string;
  setting?: number;
  expire?: number;
  noPersist?: boolean;
  redDot?: boolean;
  syncOnce?: boolean;
  mark?: Mark & { payload?: string };
  channelId?: string;
  channelType?: number;
}

/**
 * Answers what the client asks its business server, in place of an address. Each takes and gives the JSON of the HTTP API
 * (see `/v1/openapi.json` of the business server), and may throw what its errors have: `code`, `retryable`, `retryAfter`. What is missing is `not-supported`: without `history` there is only what was pushed.
 */
export interface BusinessApi {
  /** Where WuKongIM's WebSockets are. */
  gateway?(): Promise<{ addresses: string[] }>;
  /**
   * Who may recall and until when (milliseconds; `null`: no limit), and the server's clock. `restoreModerated` is for the application, which offers an
   * author to restore what an owner or admin recalled where it is true.
   */
  policy?(): Promise<{ serverTime?: number; recallWindow?: number | null; restoreWindow?: number | null; restoreModerated?: boolean; roles?: (Channel & { role: Role })[] }>;
  /** Whether WuKongIM knows this device as online; `null` where that cannot be said. */
  online?(): Promise<{ online: boolean | null }>;
  /** `older`: (end, start], or the newest where both are 0. `newer`: [start, end), without an end where it is 0. For members only. */
  history?(request: Channel & { start: MessageSeq; end: MessageSeq; limit: number; pull: "older" | "newer" }): Promise<{ messages: HistoryMessage[]; more?: boolean; marksVersion?: number }>;
  /**
   * What changed beyond the cursors, each with its newest messages. With `since` (seconds) it is asked each minute whether a message was
   * stored and not pushed: name only conversations with a message of that time or later, and leave out what is at its cursor. `timestamp`, of
   * the newest message, is in seconds too.
   */
  conversations?(request: { cursors: (Channel & { messageSeq: MessageSeq; messageId: string | null; marksVersion: number })[]; recents: number; since: number | null }): Promise<{ conversations: (Channel & { unread?: number; readTo?: MessageSeq; lastMessageSeq?: MessageSeq; timestamp?: number; marksVersion?: number; recents?: HistoryMessage[] })[] }>;
  /** The read position of this person. */
  read?(request: Channel & { messageSeq: MessageSeq }): Promise<unknown>;
  /** Commands that were missed; more than `limit` where an acknowledgement would cover more. `commandsAck` says up to where they are here. */
  commands?(request: { limit: number }): Promise<{ commands: HistoryMessage[] }>;
  commandsAck?(request: { messageSeq: MessageSeq }): Promise<unknown>;
  /** Recalls, restores and deletions since a version of each channel. */
  marks?(request: { channels: (Channel & { since: number })[]; limit: number }): Promise<{ channels: (Channel & { version: number; more?: boolean; marks?: (Mark & { payload?: string })[] })[] }>;
  /** Decides and records a recall, and tells every device. */
  recall?(request: Channel & Target): Promise<{ mark: Mark }>;
  /** Takes it back; `payload` is what was recalled. */
  restore?(request: Channel & Target): Promise<{ mark: Mark & { payload?: string } }>;
  /** The content of one's own recalled message. */
  reedit?(request: Channel & Target): Promise<{ payload: string }>;
  /** One's own messages with these numbers, as far as they are stored: the first copy of each is enough. */
  lookup?(request: Channel & { clientMsgNos: string[] }): Promise<{ found: HistoryMessage[] }>;
}

/** A message by any of its names; a `Message` is one. */
export interface Target {
  clientMsgNo?: string;
  messageId?: string;
  messageSeq?: MessageSeq;
}

/** What a client is opened with. */
export interface Options {
  /** The person who is logged in. */
  uid: string;
  /** For WuKongIM and the business server alike. A function is asked at each connection. */
  token: string | (() => string | Promise<string>);
  /** `ws://` or `wss://` addresses, each in full; without it the business server names them. */
  gateway?: string | string[] | (() => string | string[] | Promise<string | string[]>);
  /** The address of the business server, `http://` or `https://` or relative to the page, without a query; or functions in its place. */
  business?: string | BusinessApi;
  /** 0 app, 1 web (default), 2 PC: the one for which the token is registered. */
  deviceFlag?: number;
  /** The name of the IndexedDB database; default `jindou-<uid>`. Another account needs another name. */
  database?: string;
  /** Makes clientMsgNos of 1 to 128 bytes; default UUIDs. They must never repeat. */
  clientMsgNo?: () => string;
  /** Whole milliseconds, by the server's clock, for which a duplicate is recognised by its clientMsgNo; default for ever. One that comes later is a message with a `clientMsgNo` of "". */
  dedupWindow?: number;
  /** Largest content in bytes: 24559 by default, which every cluster keeps; a single node takes 32767. */
  maxContent?: number;
  /** `false`: on the page itself; default: in a dedicated worker where one can be had. */
  worker?: boolean;
  /** Emit `trace` events. */
  trace?: boolean;
}

/** How a message is sent. */
export interface SendOptions {
  /** Aborting stops the waiting (`aborted`); a message that is still queued stays in the outbox: `discard` drops it. */
  signal?: AbortSignal;
  /** Seconds after which receivers should forget it; WuKongIM only carries it. */
  expire?: number;
  /** Settle as `pending` after this many milliseconds; the message stays in the outbox. */
  deadline?: number;
  /** Raise the receivers' unread figure; default true. */
  redDot?: boolean;
  /** Passed on to who is online and not stored. */
  noPersist?: boolean;
  /** At most 1,024 bytes. */
  topic?: string;
  /**
   * Instead of a generated one, 1 to 128 bytes. It names one act of sending in its channel: given again once it was sent, it is the same message.
   * While a message with this number is in the outbox, in whatever channel, another is `invalid-argument`.
   */
  clientMsgNo?: string;
}

/**
 * `unconfirmed`: one node of a cluster has it, the others perhaps not. It stays in the outbox until that is settled: a `message-changed`
 * event says so, or it is sent again by itself.
 */
export interface Sent { type: "sent"; message: Message; unconfirmed: boolean }
/** `pending`: the deadline passed and it is still in the outbox. */
export type SendResult = Sent | { type: "pending"; clientMsgNo: string };

/** A page of a timeline. */
export interface MessagesPage {
  /** Ascending; after the newest page's come those that are not acknowledged yet. */
  messages: Message[];
  /** Nothing lies before it; where nobody answers `history`, nothing that can be had. */
  reachedStart: boolean;
  /**
   * No hole in it, and nothing newer at the server. If not, a `history` event follows. Where nobody answers `history` only a hole is known, and the event
   * comes if it is closed by what is pushed.
   */
  complete: boolean;
}

/** A line of the audit that this database keeps of recalls, restores and re-edits. */
export interface AuditLine {
  /** Lines are numbered as they are written. */
  ordinal: number;
  /** Milliseconds since 1970, on this device's clock. */
  at: number;
  channel: Channel;
  /** The uid of whoever did it, or asked for it; "" for the system. */
  operator: string;
  clientMsgNo: string;
  copies: { messageId: string; messageSeq: MessageSeq }[];
  /**
   * A command alone is `hidden`, and `forged` where the business server does not confirm it. The application's own recalls are `requested` or `denied`,
   * and so, by their names, are its restores and re-edits.
   */
  what:
    | "recalled" | "restored" | "deleted" | "hidden" | "forged" | "requested" | "denied"
    | "restore-requested" | "restore-denied" | "reedit-requested" | "reedit-denied";
  /** How it became known. What is denied `by` the `application` never left this device; the `business` server refused the rest. */
  by: "command" | "feed" | "history" | "application" | "business";
}

/** Aborting ends the waiting (`aborted`); what has reached a server may still happen. */
export interface CallOptions { signal?: AbortSignal }

/** One person on one device: a connection, a timeline and an outbox. */
export class Client {
  private constructor();
  /** Opens the database and reads what is there; no network. Rejects with `in-use` while another tab has this database, and with `invalid-argument` where it is another account's. */
  static open(options: Options): Promise<Client>;
  /** As it was opened. */
  readonly uid: string;
  /** The newest `connection` event. */
  readonly connection: Connection;
  /** Where it runs. */
  readonly mode: "worker" | "page";
  /** Calls the listener at each event of this type, in order; the answer ends that. What a listener throws goes to the page's error handler. */
  on<T extends EventType>(type: T, listener: (event: Events[T]) => void): () => void;
  /** Every event from now on, at most `limit` (1024) waiting; a reader that falls behind gets a `lagged` item. */
  events(options?: { limit?: number; signal?: AbortSignal }): AsyncIterableIterator<Event | Lagged>;
  /** Resolves when ready; waits while offline; rejects on what is final. Reconnects by itself from then on. */
  connect(options?: CallOptions): Promise<void>;
  /** Stays offline until the next `connect()`. */
  disconnect(): Promise<void>;
  /** Settles with the truth: the server has it, or refused it (`refused`, still in the outbox), or the deadline passed. */
  send(channel: Channel, content: Content, options?: SendOptions & { deadline?: undefined }): Promise<Sent>;
  send(channel: Channel, content: Content, options?: SendOptions): Promise<SendResult>;
  /**
   * The newest messages, or those before a seq: what is here, at once. `limit` is 1 to 500, default 50. From the first call on, the channel is kept up
   * to date, holes in it are asked for, and a `history` event tells when the page is worth reading again.
   */
  messages(channel: Channel, options?: { before?: MessageSeq; limit?: number } & CallOptions): Promise<MessagesPage>;
  /** Every conversation that is known here, the newest first. */
  conversations(): Promise<Conversation[]>;
  /** Everything up to here is read. Never goes back, and is told to the business server for the other devices; kept here at once. */
  markRead(channel: Channel, messageSeq: MessageSeq): Promise<void>;
  /**
   * Recalls a message, on every device. Rejects with `recall-denied` before any round trip where it is hopeless, and with `not-supported` without a
   * business server. A message that is not sent yet is no matter for a recall: `discard` it.
   */
  recall(message: Channel & Target, options?: CallOptions): Promise<Message>;
  /** Takes one's own recall back, while its deadline has not passed. */
  restore(message: Channel & Target, options?: CallOptions): Promise<Message>;
  /** The content of one's own recalled message, for editing it again. */
  reedit(message: Channel & Target, options?: CallOptions): Promise<Content | string | Uint8Array>;
  /** What is not acknowledged yet, in the order of sending: queued, parked or unconfirmed. */
  outbox(): Promise<Message[]>;
  /** Sends a parked message again under the same clientMsgNo; settles as `send` does. `not-found` where nothing of it is in the outbox. */
  retry(clientMsgNo: string): Promise<Sent>;
  /** Drops a message from the outbox. What is on its way may still reach the server, and comes back as a message then. */
  discard(clientMsgNo: string): Promise<void>;
  /** The newest lines first. `limit` is at least 1, by default 50; whoever asks for more than 1,000 gets the newest 1,000. */
  audit(options?: { limit?: number }): Promise<AuditLine[]>;
  /**
   * Stores what is under way and ends; everything that waits rejects with `closed`. Rejects with `storage` where the database gives no answer for 20 s:
   * then it has ended, too, and what was under way may not be stored. However often it is called, and whoever has ended the client before, it is closed then.
   */
  close(): Promise<void>;
  /** Closes and deletes the database. */
  wipe(): Promise<void>;
}

/** The version of this package. */
export const version: string;
