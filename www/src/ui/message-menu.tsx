// What can be done with a message.
import type { Message } from "jindou";
import type { Chat } from "../model/chat";
import { kindOf } from "../model/content";
import { words } from "../words";
import { useChat } from "./context";
import { Icon } from "./icons";
import { Menu, type MenuItem } from "./menu";

const rank = { owner: 2, admin: 1, member: 0 };

/** Whether it is worth offering; the client and the server decide. */
function mayRecall(message: Message, chat: Chat): boolean {
  if (message.messageId === undefined) return false;
  if (message.own) return true;
  const group = chat.directory.groupOf(message);
  if (!group || group.role === "member") return false;
  const author = group.members.find(({ uid }) => uid === message.from);
  return rank[group.role] > rank[author?.role ?? "member"];
}

const mayReply = (message: Message) => message.messageId !== undefined && !message.transient;

export function MessageMenu({ message }: { message: Message }) {
  const chat = useChat();
  const items = (): MenuItem[] => {
    const said = words.value;
    const kind = kindOf(message.content);
    const list: MenuItem[] = [];
    if (mayReply(message)) list.push({ label: said.reply, icon: "reply", choose: () => chat.draftOf(message).replyTo(message) });
    if (kind.kind === "text") list.push({ label: said.copy, icon: "copy", choose: () => copy(kind.text, chat) });
    if (mayRecall(message, chat)) list.push({ label: said.recall, icon: "recall", danger: true, choose: () => chat.recall(message) });
    if (message.own && message.delivery === "parked") list.push({ label: said.retry, icon: "retry", choose: () => chat.retry(message) });
    if (message.own && (message.delivery === "parked" || message.delivery === "queued")) {
      list.push({ label: said.discard, icon: "discard", danger: true, choose: () => chat.discard(message) });
    }
    return list;
  };
  return <Menu label={words.value.actions} items={items} tabIndex={-1} />;
}

export function ReplyButton({ message }: { message: Message }) {
  const chat = useChat();
  if (!mayReply(message)) return null;
  return (
    <button type="button" class="icon-button reply-button" tabIndex={-1} aria-label={words.value.reply} title={words.value.reply}
      onClick={() => chat.draftOf(message).replyTo(message)}>
      <Icon name="reply" size={18} />
    </button>
  );
}

async function copy(text: string, chat: Chat): Promise<void> {
  // Refused outside https and localhost: then nothing is said to be copied.
  await navigator.clipboard?.writeText(text).then(() => chat.notices.add("info", (said) => said.copied), () => {});
}
