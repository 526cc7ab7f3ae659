// Messages arranged for the eye: by days, in runs of one author, with the line above the first that is new.
import type { Message, MessageSeq } from "jindou";
import { compareSeq, hasSeq, seqPlus } from "../model/channel";
import { dayKey } from "../words";

// Milliseconds between two messages of one run.
const longestPause = 5 * 60_000;

export interface Row {
  message: Message;
  /** Of its run: it carries the author. */
  first: boolean;
  newLine: boolean;
  /** In the whole conversation, of which other messages may be shown in a moment. */
  position: MessageSeq;
}
export interface Day { key: number; rows: Row[] }

/** `isOwn`: what the reader has done himself is not new to him. `cutAbove`: the first that is new may stand further up. */
export function rowsOf(messages: readonly Message[], readTo: MessageSeq | undefined, isOwn: (message: Message) => boolean, cutAbove: boolean): Day[] {
  const days: Day[] = [];
  let before: Message | undefined;
  let position: MessageSeq = 0;
  const first = messages.find(hasSeq);
  let lineDrawn = readTo === undefined || (cutAbove && first !== undefined && compareSeq(first.messageSeq, readTo) > 0);
  for (const message of messages) {
    const key = dayKey(message.timestamp);
    // Clocks differ: a message whose time is before the day that stands above it joins that day, for its place is its seq's.
    let day = days.at(-1);
    if (!day || key > day.key) days.push(day = { key, rows: [] });
    const newLine = !lineDrawn && hasSeq(message) && !isOwn(message) && compareSeq(message.messageSeq, readTo!) > 0;
    lineDrawn ||= newLine;
    const opens = newLine || day.rows.length === 0 || !before || before.from !== message.from
      || before.state !== "normal" || message.timestamp - before.timestamp > longestPause;
    position = hasSeq(message) ? message.messageSeq : seqPlus(position, 1);
    day.rows.push({ message, first: opens, newLine, position });
    before = message;
  }
  return days;
}
