// What a message says. Everything becomes text nodes; an address becomes a link only if it leads to http or https.
import { useSignal } from "@preact/signals";
import type { Message } from "jindou";
import { kindOf, mentionsOf, noticeText, safeUrl } from "../model/content";
import { beginning, pieces, type Named } from "../model/text";
import { languages, words } from "../words";
import { useChat } from "./context";
import "./message-content.css";

const longest = 1200;
const mostLines = 24;
// A message that names more people than this is no conversation; the rest stays plain.
const mostMentions = 100;

export function MessageContent({ message }: { message: Message }) {
  const said = words.value;
  const kind = kindOf(message.content);
  switch (kind.kind) {
    case "text": return <Text text={kind.text} message={message} />;
    case "link": {
      const url = safeUrl(kind.url);
      const label = kind.text || url || "";
      return (
        <span class="text">
          <span class="soft">[{said.kinds[kind.what]}]</span>{" "}
          {url ? <a href={url} target="_blank" rel="noopener noreferrer nofollow">{label}</a> : label}
        </span>
      );
    }
    case "notice": return <span class="text">{noticeText(kind.template, kind.people.map(({ name }) => name))}</span>;
    case "unknown": return <span class="text soft">{said.unknownKind(kind.type)}</span>;
    case "raw": return <span class="text soft">{said.rawKind}</span>;
  }
}

function Text({ text, message }: { text: string; message: Message }) {
  const chat = useChat();
  const whole = useSignal(false);
  const short = beginning(text, longest, mostLines);
  const { all, uids } = mentionsOf(message.content);
  const me = chat.account.uid;
  // Where several have the name, whoever reads it is meant.
  const mentioned: Named[] = uids.toSorted((a, b) => Number(b === me) - Number(a === me)).slice(0, mostMentions).map((uid) => ({ uid, name: chat.directory.personName(uid) }));
  if (all) for (const { everyone } of Object.values(languages)) mentioned.push({ uid: "", name: everyone });
  return (
    <>
      <span class="text">
        {pieces(short !== undefined && !whole.value ? `${short}…` : text, mentioned).map((piece, index) => {
          switch (piece.kind) {
            case "plain": return piece.text;
            case "link": return <a key={index} href={piece.url} target="_blank" rel="noopener noreferrer nofollow">{piece.text}</a>;
            case "mention": return <bdi key={index} class="mention" data-me={piece.uid === "" || piece.uid === me}>{piece.text}</bdi>;
          }
        })}
      </span>
      {short !== undefined && (
        <button type="button" class="link-button show-more" aria-expanded={whole.value} onClick={() => { whole.value = !whole.value; }}>
          {whole.value ? words.value.showLess : words.value.showMore}
        </button>
      )}
    </>
  );
}
