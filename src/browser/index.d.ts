/**
 * Jindou, the browser client for WuKongIM.
 *
 * 64-bit ids (`messageId`) are decimal strings. A `messageSeq` is a number while a double holds it exactly, else a decimal string.
 * Times are milliseconds since 1970.
 */

export type MessageSeq = number | string;

export interface Channel {
  channelId: string;
  /** 1 person (`channelId` is the peer's uid), 2 group, others as WuKongIM numbers them. */
  channelType: number;
}

export interface Mention {
  all?: 1 | 0;
  uids?: string[];
}

export interface Reply {
  message_id: string;
  message_seq: MessageSeq;
  from_uid: string;
  from_name: string;
  root_message_id?: string;
  /** A copy of the quoted content; `{}` once that was recalled. */
  payload: Partial<Content> | Record<string, never>;
}

export interface ContentExtras {
  mention?: Mention;
  reply?: Reply;
  visibles?: string[];
  invisibles?: string[];
}

export interface TextContent extends ContentExtras { type: 1; content: string }
export interface ImageContent extends ContentExtras { type: 2; url: string; width: number; height: number }
export interface GifContent extends ContentExtras { type: 3; url: string; width: number; height: number }
export interface VoiceContent extends ContentExtras { type: 4; url: string; timeTrad: number; waveform?: string }
export interface VideoContent extends ContentExtras { type: 5; url: string; cover: string; size: number; width: number; height: number; second: number }
export interface LocationContent extends ContentExtras { type: 6; lng: number; lat: number; title: string; address: string; img?: string }
export interface CardContent extends ContentExtras { type: 7; uid: string; name: string; vercode?: string; avatar?: string }
export interface FileContent extends ContentExtras { type: 8; url: string; name: string; size: number }
export interface MergedContent extends ContentExtras { type: 11; users: { uid: string; name: string }[]; msgs: unknown[] }
/** Any other type: yours. It passes through untouched. */
export interface CustomContent extends ContentExtras { type: number; [field: string]: unknown }

export type KnownContent =
  | TextContent | ImageContent | GifContent | VoiceContent | VideoContent
  | LocationContent | CardContent | FileContent | MergedContent;
export type Content = KnownContent | CustomContent;

export type Delivery = "queued" | "sent" | "unconfirmed" | "parked";
export type MessageState = "normal" | "hidden" | "recalled" | "deleted";
export type Role = "author" | "member" | "admin" | "owner" | "system" | "other";

export interface RecallInfo {
  operator: string;
  role: Role;
  at: number;
  /** Until when its author may restore it or edit it again. */
  deadline?: number;
}

export interface Message extends Channel {
  /** Never changes: the key of a list item. */
  key: string;
  clientMsgNo: string;
  messageId?: string;
  messageSeq?: MessageSeq;
  /** "" for the system. */
  from: string;
  own: boolean;
  timestamp: number;
  delivery: Delivery;
  /** `parked`: the server's reason code. */
  reasonCode?: number;
  state: MessageState;
  recall?: RecallInfo;
  /** Absent when hidden, recalled or deleted; a string or bytes if what was sent is not a JSON object. */
  content?: Content | string | Uint8Array;
  expire: number;
  topic?: string;
  transient?: true;
}

export interface Conversation extends Channel {
  unread: number;
  readTo: MessageSeq;
  lastSeq: MessageSeq;
  lastMessage?: Message;
}

export type Connection =
  | { state: "idle" }
  | { state: "connecting" }
  | { state: "authenticating" }
  | { state: "ready" }
  | { state: "waiting"; retryIn: number; error?: JindouErrorInfo }
  | { state: "kicked"; reason: string }
  | { state: "refused"; error: JindouErrorInfo }
  | { state: "closed" };

export type ErrorCode =
  | "invalid-argument" | "too-large" | "in-use" | "closed" | "aborted" | "storage" | "unauthorized" | "kicked"
  | "refused" | "recall-denied" | "not-supported" | "not-found" | "unavailable" | "bad-response" | "forbidden";

export type DenyReason =
  | "window" | "not-author" | "not-member" | "unknown-message" | "deleted" | "not-recalled" | "not-supported" | "other";

export interface JindouErrorInfo {
  code: ErrorCode;
  message: string;
  retryable: boolean;
  reasonCode?: number;
  reason?: DenyReason;
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
  /** `recall-denied` by the window: until when it would have been possible. */
  readonly deadline?: number;
  readonly cause?: unknown;
}

/** A recall, a restore or a deletion, as the business server recorded it. */
export interface Mark {
  version: number;
  state: "recalled" | "restored" | "deleted";
  clientMsgNo: string;
  copies: { messageId: string; messageSeq: MessageSeq }[];
  author: string;
  operator: string;
  role: Role;
  at: number;
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

export interface Events {
  connection: { type: "connection"; connection: Connection };
  /** A message not shown before. `live`: pushed just now, not found while catching up. It may also stand in a page that you read meanwhile: merge by `key`. */
  message: { type: "message"; message: Message; live: boolean };
  "message-changed": { type: "message-changed"; message: Message };
  "message-removed": { type: "message-removed"; channel: Channel; key: string };
  conversation: { type: "conversation"; conversation: Conversation };
  /** Missing or older messages have come into the store: read the page again. */
  history: { type: "history"; channel: Channel; reachedStart: boolean; complete: boolean };
  recall: { type: "recall"; channel: Channel; mark: Mark };
  command: { type: "command"; channel: Channel; from: string; messageId: string; content: Content | string | Uint8Array };
  stream: { type: "stream"; id: string; kind: string; timestamp: number; data: unknown };
  sync: { type: "sync"; done: boolean };
  quarantined: { type: "quarantined"; messageId: string; why: string };
  problem: { type: "problem"; error: JindouErrorInfo };
  trace: { type: "trace"; line: Trace };
}
export type EventType = keyof Events;
export type Event = Events[EventType];
/** The reader fell behind; `missed` events were dropped before this one. Read the pages again. */
export interface Lagged { type: "lagged"; missed: number }

export interface HistoryMessage {
  messageId: string;
  messageSeq: MessageSeq;
  clientMsgNo?: string;
  fromUid?: string;
  /** Seconds. */
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
 * (see `/v1/openapi.json` of the business server). What is missing is `not-supported`: without `history` there is only what was pushed.
 */
export interface BusinessApi {
  gateway?(): Promise<{ addresses: string[] }>;
  policy?(): Promise<{ serverTime?: number; recallWindow?: number | null; restoreWindow?: number | null; roles?: (Channel & { role: Role })[] }>;
  online?(): Promise<{ online: boolean | null }>;
  history?(request: Channel & { start: MessageSeq; end: MessageSeq; limit: number; pull: "older" | "newer" }): Promise<{ messages: HistoryMessage[]; more?: boolean; marksVersion?: number }>;
  conversations?(request: { cursors: (Channel & { messageSeq: MessageSeq })[]; recents: number }): Promise<{ conversations: (Channel & { unread?: number; readTo?: MessageSeq; lastMessageSeq?: MessageSeq; timestamp?: number; marksVersion?: number; recents?: HistoryMessage[] })[] }>;
  read?(request: Channel & { messageSeq: MessageSeq }): Promise<unknown>;
  commands?(request: { limit: number }): Promise<{ commands: HistoryMessage[] }>;
  commandsAck?(request: { messageSeq: MessageSeq }): Promise<unknown>;
  marks?(request: { channels: (Channel & { since: number })[]; limit: number }): Promise<{ channels: (Channel & { version: number; more?: boolean; marks?: (Mark & { payload?: string })[] })[] }>;
  recall?(request: Channel & Target): Promise<{ mark: Mark }>;
  restore?(request: Channel & Target): Promise<{ mark: Mark & { payload?: string } }>;
  reedit?(request: Channel & Target): Promise<{ payload: string }>;
  lookup?(request: Channel & { clientMsgNos: string[] }): Promise<{ found: HistoryMessage[] }>;
}

/** A message by any of its names; a `Message` is one. */
export interface Target {
  clientMsgNo?: string;
  messageId?: string;
  messageSeq?: MessageSeq;
}

export interface Options {
  uid: string;
  /** For WuKongIM and the business server alike. A function is asked at each connection. */
  token: string | (() => string | Promise<string>);
  /** `ws://` or `wss://` addresses; without it the business server names them. */
  gateway?: string | string[] | (() => string | string[] | Promise<string | string[]>);
  /** The address of the business server, or functions in its place. */
  business?: string | BusinessApi;
  /** 0 app, 1 web (default), 2 PC: the one for which the token is registered. */
  deviceFlag?: number;
  /** The name of the IndexedDB database; default `jindou-<uid>`. */
  database?: string;
  /** Makes clientMsgNos; default UUIDs. They must never repeat. */
  clientMsgNo?: () => string;
  /** Milliseconds for which a duplicate is recognised by its clientMsgNo; default for ever. */
  dedupWindow?: number;
  /** Largest content in bytes: 24559 by default, which every cluster keeps; a single node takes 32767. */
  maxContent?: number;
  /** `false`: on the page itself; default: in a dedicated worker where one can be had. */
  worker?: boolean;
  /** Emit `trace` events. */
  trace?: boolean;
}

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
  topic?: string;
  /** Instead of a generated one. */
  clientMsgNo?: string;
}

export type SendResult =
  | { type: "sent"; message: Message; unconfirmed: boolean }
  | { type: "pending"; clientMsgNo: string };

export interface MessagesPage {
  /** Ascending; after the newest page's come those that are not acknowledged yet. */
  messages: Message[];
  reachedStart: boolean;
  /** No hole in it, and nothing newer at the server. If not, a `history` event follows. */
  complete: boolean;
}

export interface AuditLine {
  ordinal: number;
  at: number;
  channel: Channel;
  operator: string;
  clientMsgNo: string;
  copies: { messageId: string; messageSeq: MessageSeq }[];
  what: string;
  by: string;
}

export interface CallOptions { signal?: AbortSignal }

export class Client {
  private constructor();
  /** Opens the database and reads what is there; no network. Rejects with `in-use` while another tab has this database. */
  static open(options: Options): Promise<Client>;
  readonly uid: string;
  /** The newest `connection` event. */
  readonly connection: Connection;
  /** Where it runs. */
  readonly mode: "worker" | "page";
  on<T extends EventType>(type: T, listener: (event: Events[T]) => void): () => void;
  /** Every event from now on, at most `limit` (1024) waiting; a reader that falls behind gets a `lagged` item. */
  events(options?: { limit?: number; signal?: AbortSignal }): AsyncIterableIterator<Event | Lagged>;
  /** Resolves when ready; waits while offline; rejects on what is final. Reconnects by itself from then on. */
  connect(options?: CallOptions): Promise<void>;
  /** Stays offline until the next `connect()`. */
  disconnect(): Promise<void>;
  /** Settles with the truth: the server has it, or refused it (`refused`, still in the outbox), or the deadline passed. */
  send(channel: Channel, content: Content, options?: SendOptions): Promise<SendResult>;
  messages(channel: Channel, options?: { before?: MessageSeq; limit?: number } & CallOptions): Promise<MessagesPage>;
  conversations(): Promise<Conversation[]>;
  markRead(channel: Channel, messageSeq: MessageSeq): Promise<void>;
  recall(message: Channel & Target, options?: CallOptions): Promise<Message>;
  restore(message: Channel & Target, options?: CallOptions): Promise<Message>;
  /** The content of one's own recalled message, for editing it again. */
  reedit(message: Channel & Target, options?: CallOptions): Promise<Content | string | Uint8Array>;
  outbox(): Promise<Message[]>;
  retry(clientMsgNo: string): Promise<SendResult>;
  discard(clientMsgNo: string): Promise<void>;
  audit(options?: { limit?: number }): Promise<AuditLine[]>;
  /** Stores what is under way and ends; everything that waits rejects with `closed`. */
  close(): Promise<void>;
  /** Closes and deletes the database. */
  wipe(): Promise<void>;
}

/** The version of this package. */
export const version: string;
