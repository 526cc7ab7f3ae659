// What a message says, for a list, a quote or a screen reader: kinds of content and what they are called. Everything in it came over the wire, from
// anybody: each field is asked for its type before it is used.
import type { Content, Message } from "jindou";

export type Kind =
  | { kind: "text"; text: string }
  | { kind: "link"; what: "image" | "gif" | "voice" | "video" | "file" | "card" | "location" | "merged"; text: string; url?: string }
  | ({ kind: "notice" } & Notice)
  | { kind: "unknown"; type: number }
  | { kind: "raw" };

/** Somebody in a notice, as it names them. */
export interface Noticed { uid: string; name: string }

export interface Notice {
  type: number;
  template: string;
  people: Noticed[];
  /** Who did it, where the notice says that it is the first of them. */
  by?: Noticed;
  /** How many it is about beside that one, where it does not name them all. */
  count?: number;
  /** The new name of a group. */
  name?: string;
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

export function kindOf(content: Message["content"]): Kind {
  if (typeof content === "string" || content instanceof Uint8Array || content === undefined) return { kind: "raw" };
  const fields = content as Record<string, unknown>;
  switch (content.type) {
    case 1: return { kind: "text", text: text(fields.content) };
    case 2: return { kind: "link", what: "image", text: "", url: text(fields.url) };
    case 3: return { kind: "link", what: "gif", text: "", url: text(fields.url) };
    case 4: return { kind: "link", what: "voice", text: typeof fields.timeTrad === "number" ? `${fields.timeTrad}″` : "", url: text(fields.url) };
    case 5: return { kind: "link", what: "video", text: "", url: text(fields.url) };
    case 6: return { kind: "link", what: "location", text: [fields.title, fields.address].map(text).filter(Boolean).join(" · ") };
    case 7: return { kind: "link", what: "card", text: text(fields.name) || text(fields.uid) };
    case 8: return { kind: "link", what: "file", text: text(fields.name), url: text(fields.url) };
    case 11: return { kind: "link", what: "merged", text: list(fields.users).map((one) => text((one as { name?: unknown } | null)?.name)).filter(Boolean).join(", ") };
  }
  if (content.type >= 1000 && content.type <= 2000) {
    const people = list(fields.extra).map((one) => {
      const { uid, name } = (one ?? {}) as { uid?: unknown; name?: unknown };
      return { uid: text(uid), name: text(name) };
    });
    const [first] = people;
    return {
      kind: "notice",
      type: content.type,
      template: text(fields.content),
      people,
      ...(first?.uid && first.uid === fields.from_uid ? { by: first } : {}),
      ...(typeof fields.count === "number" ? { count: fields.count } : {}),
      ...(typeof (fields.data as { name?: unknown } | undefined | null)?.name === "string" ? { name: (fields.data as { name: string }).name } : {}),
    };
  }
  return { kind: "unknown", type: Number(content.type) };
}

/** Only the system tells what became of a group; in anybody else's mouth it is a sentence like others. */
export function noticeOf(message: Message): Notice | undefined {
  const kind = message.state === "normal" && message.from === "" ? kindOf(message.content) : undefined;
  return kind?.kind === "notice" ? kind : undefined;
}

/** A notice says "{0} joined" and names its people beside it. */
export function noticeText(template: string, names: readonly string[]): string {
  return template.replace(/\{(\d{1,2})\}/g, (place, index) => names[Number(index)] ?? place);
}

/** The group that a command wants to be read again. */
export function changedGroup(content: Message["content"]): string | undefined {
  if (typeof content !== "object" || content instanceof Uint8Array || content.type !== 99 || content.cmd !== "memberUpdate") return undefined;
  const { group_no: group } = (content.param ?? {}) as { group_no?: unknown };
  return text(group) || undefined;
}

export interface Quote { messageId: string; messageSeq: unknown; from: string; name: string; payload: Content | undefined }

export function quoteOf(content: Message["content"]): Quote | undefined {
  if (typeof content !== "object" || content instanceof Uint8Array) return undefined;
  const reply = content.reply as Partial<Record<string, unknown>> | undefined;
  if (typeof reply !== "object" || reply === null || typeof reply.message_id !== "string") return undefined;
  const payload = reply.payload as Content | undefined;
  const whole = typeof payload === "object" && payload !== null && typeof payload.type === "number";
  return { messageId: reply.message_id, messageSeq: reply.message_seq, from: text(reply.from_uid), name: text(reply.from_name), payload: whole ? payload : undefined };
}

/** Whether it is of the same author and says the same: what the server stored twice is quoted by the id of either copy. */
export function saysQuoted(message: Message, quote: Quote): boolean {
  const kind = kindOf(quote.payload);
  if (kind.kind === "raw" || kind.kind === "unknown" || message.from !== quote.from) return false;
  return JSON.stringify(kindOf(message.content)) === JSON.stringify(kind);
}

export interface Mentioned { all: boolean; uids: readonly string[] }

export function mentionsOf(content: Message["content"]): Mentioned {
  if (typeof content !== "object" || content instanceof Uint8Array) return { all: false, uids: [] };
  const mention = content.mention as { all?: unknown; uids?: unknown } | undefined | null;
  return { all: mention?.all === 1, uids: list(mention?.uids).filter((uid) => typeof uid === "string") as string[] };
}

export function mentionsPerson(message: Message, uid: string): boolean {
  const { all, uids } = mentionsOf(message.content);
  return !message.own && (all || uids.includes(uid));
}

/** Where an address may lead: http and https, nothing that runs. */
export function safeUrl(address: string | undefined): string | undefined {
  if (!address || !URL.canParse(address)) return undefined;
  const { protocol } = new URL(address);
  return protocol === "https:" || protocol === "http:" ? address : undefined;
}
