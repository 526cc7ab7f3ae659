// One conversation in the list: its name, its last message with what became of it, and how much of it is unread.
import type { Message } from "jindou";
import type { ListEntry } from "../model/chat";
import { group } from "../model/channel";
import { shortTimeOf, wholeTimeOf, words } from "../words";
import { Avatar } from "./avatar";
import { useChat } from "./context";
import { digest } from "./digest";
import { Icon } from "./icons";
import { memo } from "./memo";
import { onceReleased } from "./press";
import { Tick } from "./tick";

export const ConversationRow = memo(function ConversationRow({ entry, open, reached }: { entry: ListEntry; open: boolean; reached: boolean }) {
  const chat = useChat();
  const { channel, key, last } = entry;
  const name = chat.directory.channelName(channel);
  const unread = open ? chat.unreadOf(key) : entry.conversation?.unread ?? 0;
  const mentioned = unread > 0 && chat.mentioned.value.has(key);
  const said = words.value;
  return (
    <li>
      <button type="button" class="conversation-row" data-row data-unread={unread > 0} tabIndex={reached ? 0 : -1} aria-current={open ? "true" : undefined}
        onPointerDown={(event) => onceReleased(event, () => chat.select(channel))} onClick={() => chat.select(channel)}>
        <Avatar id={channel.channelId} name={name} group={channel.channelType === group} />
        <span class="conversation-lines">
          <span class="conversation-line">
            <span class="conversation-name one-line"><bdi>{name}</bdi></span>
            {last && <time class="conversation-time" dateTime={new Date(last.timestamp).toISOString()} title={wholeTimeOf(last.timestamp)}>{shortTimeOf(last.timestamp)}</time>}
          </span>
          <span class="conversation-line">
            {last ? <LastMessage message={last} /> : <span class="conversation-last quiet one-line">{said.nothingSaid}</span>}
            {mentioned && <span class="mention-mark" role="img" aria-label={said.mentionedYou} title={said.mentionedYou}><Icon name="at" size={16} /></span>}
            {unread > 0 && <span class="badge"><span aria-hidden="true">{unread > 99 ? "99+" : unread}</span><span class="visually-hidden">{said.unread(unread)}</span></span>}
          </span>
        </span>
      </button>
    </li>
  );
});

function LastMessage({ message }: { message: Message }) {
  const chat = useChat();
  const said = words.value;
  const text = digest(message, chat);
  const quiet = message.state !== "normal";
  const named = message.channelType === group && !message.own && !quiet && message.from !== "";
  return (
    <span class={`conversation-last one-line ${quiet ? "quiet" : ""}`}>
      {message.own && !quiet && <Tick delivery={message.delivery} size={15} />}
      <bdi>{named ? said.saying(chat.directory.personName(message.from), text) : text}</bdi>
    </span>
  );
}
