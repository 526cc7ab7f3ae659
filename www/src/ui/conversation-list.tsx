// The conversations, newest first. Up and Down move between them, Enter opens.
import { useRef } from "preact/hooks";
import { words } from "../words";
import { useChat } from "./context";
import { ConversationRow } from "./conversation-row";
import { Icon } from "./icons";
import "./conversation-list.css";

export function ConversationList({ onNew }: { onNew: () => void }) {
  const chat = useChat();
  const list = useRef<HTMLUListElement>(null);
  const said = words.value;
  const entries = chat.list.value;
  const open = chat.current.value?.key;
  // One of them is reached by Tab: the open one, else the first.
  const reached = entries.some(({ key }) => key === open) ? open : entries[0]?.key;

  const onKeyDown = (event: KeyboardEvent) => {
    const rows = [...list.current!.querySelectorAll<HTMLElement>("[data-row]")];
    const at = rows.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    rows[Math.max(0, Math.min(rows.length - 1, to))]?.focus();
  };
  return (
    <nav class="conversations" aria-label={said.conversations}>
      <div class="conversations-head">
        <h2>{said.conversations}</h2>
        <button type="button" class="icon-button" aria-label={said.newConversation} title={said.newConversation} onClick={onNew}><Icon name="plus" /></button>
      </div>
      {entries.length === 0 ? (
        <div class="empty">
          <Icon name="chat" size={40} />
          <h3>{said.noConversations}</h3>
          <p>{said.noConversationsHint}</p>
          <button type="button" class="button primary" onClick={onNew}><Icon name="plus" size={18} />{said.newConversation}</button>
        </div>
      ) : (
        <ul ref={list} onKeyDown={onKeyDown}>
          {entries.map((entry) => <ConversationRow key={entry.key} entry={entry} open={entry.key === open} reached={entry.key === reached} />)}
        </ul>
      )}
    </nav>
  );
}
