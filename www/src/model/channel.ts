// Words about channels and places in them that everything here uses.
import type { Channel, Message, MessageSeq } from "jindou";

export const person = 1;
export const group = 2;

/** A key for maps. A channel id may hold any character, so the type stands first. */
export const keyOf = ({ channelId, channelType }: Channel): string => `${channelType}:${channelId}`;
export const sameChannel = (a: Channel, b: Channel): boolean => a.channelId === b.channelId && a.channelType === b.channelType;

/** Beyond 2^53 a messageSeq is a string. 0 stands for "none". */
export function compareSeq(a: MessageSeq, b: MessageSeq): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  const [left, right] = [BigInt(a), BigInt(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

export function seqPlus(seq: MessageSeq, more: number | bigint): MessageSeq {
  const sum = BigInt(seq) + BigInt(more);
  return sum <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(sum) : String(sum);
}

export function hasSeq(message: Message): message is Message & { messageSeq: MessageSeq } {
  return message.messageSeq !== undefined && compareSeq(message.messageSeq, 0) > 0;
}
