// One message in the timeline: a bubble with its author and what became of it, or the line that stands where a message was.
import type { Message, MessageSeq } from "jindou";
import { group } from "../model/channel";
import { mentionsPerson, noticeOf, quoteOf } from "../model/content";
import { timeOf, reasonText, wholeTimeOf, words } from "../words";
import { Avatar } from "./avatar";
import { useChat } from "./context";
import { digest } from "./digest";
import { memo } from "./memo";
import { MessageContent } from "./message-content";
import { MessageMenu, ReplyButton } from "./message-menu";
import { noticeSentence } from "./notice";
import { Quote, type Jump } from "./quote";
import { Tick } from "./tick";
import { useUntil } from "./use-until";
import "./message-row.css";

interface MessageRowProps {
  message: Message;
  first: boolean;
  newLine: boolean;
  position: MessageSeq;
  tabbed: boolean;
  jump: Jump;
}

export const MessageRow = memo(function MessageRow({ message, first, newLine, position, tabbed, jump }: MessageRowProps) {
  const chat = useChat();
  const notice = noticeOf(message);
  const bubble = message.state === "normal" && !notice;
  const forMe = bubble && mentionsPerson(message, chat.account.uid);
  // How many there are in all is told to nobody: with each that comes, every row would be drawn anew.
  return (
    <div role="listitem" aria-posinset={Number(position)} aria-setsize={-1} class={`message ${bubble ? "" : "in-place"}`} data-key={message.key} data-own={message.own} data-first={first}
      data-state={message.state} data-for-me={forMe} tabIndex={tabbed ? 0 : -1}>
      {newLine && <p class="new-line"><span>{words.value.newLine}</span></p>}
      {bubble ? <Bubble message={message} first={first} jump={jump} />
        : notice ? <p class="place"><bdi>{noticeSentence(notice, chat)}</bdi></p>
        : <InPlace message={message} />}
    </div>
  );
});

function Bubble({ message, first, jump }: Pick<MessageRowProps, "message" | "first" | "jump">) {
  const chat = useChat();
  const name = message.from === "" ? words.value.system : chat.directory.personName(message.from);
  const inGroup = message.channelType === group;
  const quote = quoteOf(message.content);
  return (
    <div class="message-line">
      {inGroup && !message.own && (first ? <Avatar id={message.from} name={name} size="small" /> : <span class="avatar-space" />)}
      <div class="message-column">
        <p class={inGroup && !message.own && first ? "author one-line" : "visually-hidden"}><bdi>{message.own ? words.value.you : name}</bdi></p>
        <div class="bubble">
          {quote && <Quote quote={quote} jump={jump} />}
          <div class="message-said" dir="auto">
            <MessageContent message={message} />
            <span class="message-meta">
              <time dateTime={new Date(message.timestamp).toISOString()} title={wholeTimeOf(message.timestamp)}>{timeOf(message.timestamp)}</time>
              {message.own && <Tick delivery={message.delivery} />}
            </span>
          </div>
        </div>
        {message.own && message.delivery === "parked" && (
          <div class="parked" role="group" aria-label={words.value.delivery.parked}>
            <p role="alert">{words.value.parked(reasonText(message.reasonCode))}</p>
            <button type="button" class="link-button" onClick={() => chat.retry(message)}>{words.value.retry}</button>
            <button type="button" class="link-button" onClick={() => chat.discard(message)}>{words.value.discard}</button>
          </div>
        )}
      </div>
      <div class="message-actions">
        <ReplyButton message={message} />
        <MessageMenu message={message} />
      </div>
    </div>
  );
}

/**
 * Recalled, hidden, deleted: who did it, and, for the author and in time, the way back. What somebody else recalled, its author may write anew, but put
 * back where it was only if the business server lets them.
 */
function InPlace({ message }: { message: Message }) {
  const chat = useChat();
  const said = words.value;
  const inTime = useUntil(message.recall?.deadline, chat.server.clock);
  const wayBack = message.state === "recalled" && message.own && inTime && !chat.directory.wasIn(message);
  return (
    <p class="place">
      <bdi>{digest(message, chat)}</bdi>
      {wayBack && (
        <>
          <button type="button" class="link-button" onClick={() => chat.editAgain(message)}>{said.editAgain}</button>
          {(message.recall?.operator === chat.account.uid || chat.server.restoreModerated.value) && (
            <button type="button" class="link-button" onClick={() => chat.restore(message)}>{said.restore}</button>
          )}
        </>
      )}
    </p>
  );
}
