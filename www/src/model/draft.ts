// What stands in the composer of one conversation. In memory only: the content of a recalled message that is edited again must not touch the disk.
import { signal } from "@preact/signals";
import type { Content, Message, Reply, TextContent } from "jindou";
import type { Person } from "./server";
import { pieces } from "./text";

/** Stands in the place of a uid for "everyone". */
export const everyone = "";

export class Draft {
  readonly text = signal("");
  readonly reply = signal<Message | undefined>(undefined);
  /** Whom the picker has put into the text, as "@name ". */
  readonly mentioned = signal<readonly Person[]>([]);
  /** Counts up when something else than the keyboard has filled it: the composer takes the focus. */
  readonly filled = signal(0);

  fill(text: string): void {
    this.text.value = text;
    this.filled.value++;
  }

  /** What was not taken stands before what was written since. */
  giveBack(text: string, reply: Message | undefined, mentioned: readonly Person[]): void {
    const since = this.text.peek();
    this.fill(since ? `${text}\n${since}` : text);
    this.reply.value ??= reply;
    this.mentioned.value = [...mentioned, ...this.mentioned.peek()];
  }

  replyTo(message: Message): void {
    this.reply.value = message;
    this.filled.value++;
  }

  mention(person: Person): void {
    this.mentioned.value = [...this.mentioned.peek().filter(({ uid }) => uid !== person.uid), person];
  }

  /** The content to send, and an empty draft; nothing for blank text. */
  take(nameOf: (uid: string) => string): Content | undefined {
    const text = this.text.peek().trim();
    if (!text) return undefined;
    const content: TextContent = { type: 1, content: text };
    const standing = whoStands(text, this.mentioned.peek());
    const uids = standing.map(({ uid }) => uid).filter((uid) => uid !== everyone);
    const all = standing.some(({ uid }) => uid === everyone);
    if (all || uids.length > 0) content.mention = { ...(all ? { all: 1 as const } : {}), ...(uids.length > 0 ? { uids } : {}) };
    const quoted = this.reply.peek();
    if (quoted?.messageId !== undefined) content.reply = replyOf(quoted, nameOf);
    this.clear();
    return content;
  }

  /** The text alone, for another client: what was answered may have been recalled meanwhile. */
  written(): Draft {
    const written = new Draft();
    written.text.value = this.text.peek();
    written.mentioned.value = this.mentioned.peek();
    return written;
  }

  clear(): void {
    this.text.value = "";
    this.reply.value = undefined;
    this.mentioned.value = [];
  }
}

/** Who was picked and then deleted from the text is not mentioned; of several who have one name, those who were picked last. */
function whoStands(text: string, picked: readonly Person[]): Person[] {
  const written = pieces(text, picked).filter(({ kind }) => kind === "mention").map((piece) => piece.text.slice(1).toLowerCase());
  return picked.toReversed().filter(({ name }) => {
    const at = written.indexOf(name.toLowerCase());
    if (at >= 0) written.splice(at, 1);
    return at >= 0;
  }).toReversed();
}

function replyOf(quoted: Message, nameOf: (uid: string) => string): Reply {
  const content = typeof quoted.content === "object" && !(quoted.content instanceof Uint8Array) ? quoted.content : undefined;
  // A quote quotes no quote, and mentions nobody again.
  const { reply, mention, ...payload } = content ?? { reply: undefined, mention: undefined };
  return {
    message_id: quoted.messageId!,
    message_seq: quoted.messageSeq ?? 0,
    from_uid: quoted.from,
    from_name: nameOf(quoted.from),
    root_message_id: reply?.root_message_id || reply?.message_id || quoted.messageId!,
    payload: payload as Reply["payload"],
  };
}
