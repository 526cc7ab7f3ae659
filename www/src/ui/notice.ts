// What became of a group, as the one who reads it would say it. A notice of a kind that is not known here says it in its own words.
import type { Chat } from "../model/chat";
import { noticeText, type Notice, type Noticed } from "../model/content";
import { cleanName } from "../model/text";
import { words } from "../words";

// Beyond this a sentence is a list.
const mostNamed = 5;

export function noticeSentence(notice: Notice, chat: Chat): string {
  const said = words.value;
  const me = chat.account.uid;
  const name = ({ uid, name }: Noticed) => chat.directory.people.value.get(uid) ?? (cleanName(name) || cleanName(uid));
  const { by } = notice;
  if (!by) return noticeText(notice.template, notice.people.map((one) => one.name));
  const who = by.uid === me ? said.you : name(by);
  const own = by.uid === me;
  const others = notice.people.slice(1);
  const named = others.slice(0, mostNamed).map((one) => (one.uid === me ? said.youToo : name(one)));
  const whom = said.peopleNamed(named, Math.max(notice.count ?? 0, others.length) - named.length);
  switch (notice.type) {
    case 1001: return others.length > 0 ? said.notices.madeWith(who, whom) : said.notices.made(who);
    case 1002: return said.notices.added(who, whom);
    case 1003: return said.notices.removed(who, whom);
    case 1005: if (notice.name !== undefined) return said.notices.renamed(who, cleanName(notice.name)); break;
    case 1008: return said.notices.follows(who, own);
    case 1021: return said.notices.left(who);
  }
  return noticeText(notice.template, notice.people.map((one) => one.name));
}
