// A message in one line: for the list of conversations, for quotes, and for the ears.
import type { Message } from "jindou";
import type { Chat } from "../model/chat";
import { kindOf, noticeOf, noticeText } from "../model/content";
import { words } from "../words";
import { noticeSentence } from "./notice";

// One line shows some dozens; more would only make work for the layout.
const longest = 160;

export function digest(message: Message, chat: Chat): string {
  const notice = noticeOf(message);
  if (notice) return noticeSentence(notice, chat);
  switch (message.state) {
    case "recalled": return recalledText(message, chat);
    case "hidden": return words.value.hidden;
    case "deleted": return words.value.deleted;
    case "normal": return contentDigest(message.content);
  }
}

export function contentDigest(content: Message["content"]): string {
  const said = words.value;
  const kind = kindOf(content);
  switch (kind.kind) {
    case "text": return kind.text.slice(0, longest);
    case "link": return `[${said.kinds[kind.what]}] ${kind.text.slice(0, longest)}`.trimEnd();
    case "notice": return noticeText(kind.template, kind.people.map(({ name }) => name)).slice(0, longest);
    case "unknown": return said.unknownKind(kind.type);
    case "raw": return said.rawKind;
  }
}

/** Who recalled whose message, as the one who reads it would say it. */
export function recalledText(message: Message, chat: Chat): string {
  const said = words.value;
  const me = chat.account.uid;
  const operator = message.recall?.operator || message.from;
  const name = (uid: string) => (uid ? chat.directory.personName(uid) : said.system);
  if (operator === me) return message.own ? said.recalledByYou : said.youRecalledOf(name(message.from));
  if (message.own) return said.recalledYours(name(operator));
  return operator === message.from ? said.recalledBy(name(operator)) : said.recalledOf(name(operator), name(message.from));
}
