// Where a message is written. Enter sends, Shift and Enter makes a line; @ in a group opens the picker; Escape lets go of the quote.
import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Channel } from "jindou";
import type { Person } from "../model/server";
import { words } from "../words";
import { isComposing } from "./composing";
import { useChat } from "./context";
import { digest } from "./digest";
import { Icon } from "./icons";
import { MentionPicker, candidates } from "./mention-picker";
import "./composer.css";

// What a cluster of WuKongIM keeps of one message, in bytes (see `maxContent` of the client), less the JSON around the text.
const longest = 24_559 - 64;
const bytesOf = (text: string) => new TextEncoder().encode(JSON.stringify(text)).length - 2;

export function Composer({ channel, name }: { channel: Channel; name: string }) {
  const chat = useChat();
  const said = words.value;
  const draft = chat.draftOf(channel);
  const field = useRef<HTMLTextAreaElement>(null);
  const caret = useRef<number | undefined>(undefined);
  const picking = useSignal<{ from: number; query: string; at: number } | undefined>(undefined);
  const group = chat.directory.groupOf(channel);
  const text = draft.text.value;
  const reply = draft.reply.value;
  // Counting is for long texts only: each character is at most six bytes.
  const over = text.length * 6 > longest ? bytesOf(text.trim()) - longest : 0;
  const people = picking.value && group ? candidates(group, chat, picking.value.query) : [];

  // At once: who goes on to another field, or another pane, must not lose the focus to this one a moment later.
  useLayoutEffect(() => {
    if (draft.filled.value > 0) field.current!.focus();
  }, [draft.filled.value]);
  useLayoutEffect(() => {
    // As tall as the text; the stylesheet sets the limit.
    field.current!.style.height = "auto";
    field.current!.style.height = `${field.current!.scrollHeight + 2}px`;
    // With the text that it belongs to: later it would jump under the fingers of who types on.
    if (caret.current !== undefined) field.current!.setSelectionRange(caret.current, caret.current);
    caret.current = undefined;
  }, [text]);

  const look = () => {
    const { value, selectionStart } = field.current!;
    const before = group ? /(?:^|[\s\p{P}\p{Script=Han}])@([^\s@]{0,32})$/u.exec(value.slice(0, selectionStart)) : null;
    picking.value = before ? { from: selectionStart - before[1]!.length - 1, query: before[1]!, at: 0 } : undefined;
  };
  const mention = (person: Person) => {
    const { value, selectionStart } = field.current!;
    const start = value.slice(0, picking.value!.from);
    const word = `@${person.name} `;
    draft.mention(person);
    draft.text.value = start + word + value.slice(selectionStart);
    picking.value = undefined;
    field.current!.focus();
    caret.current = start.length + word.length;
  };
  const send = () => {
    if (over > 0 || !draft.text.peek().trim()) return;
    chat.send(channel);
    picking.value = undefined;
    void chat.current.peek()?.toNewest();
    field.current!.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (isComposing(event)) return;
    const now = picking.value;
    if (now && people.length > 0) {
      const to = { ArrowDown: now.at + 1, ArrowUp: now.at - 1 }[event.key];
      if (to !== undefined) picking.value = { ...now, at: (to + people.length) % people.length };
      else if (event.key === "Enter" || event.key === "Tab") mention(people[Math.min(now.at, people.length - 1)]!);
      else if (event.key === "Escape") picking.value = undefined;
      else return;
      event.preventDefault();
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      send();
    } else if (event.key === "Escape" && reply) {
      event.preventDefault();
      draft.reply.value = undefined;
    } else if (event.key === "ArrowUp" && text === "") {
      event.preventDefault();
      const focusNewest = () => [...field.current?.closest(".conversation")?.querySelectorAll<HTMLElement>(".message") ?? []].at(-1)?.focus();
      const timeline = chat.current.peek();
      if (!timeline || timeline.reachedEnd.peek()) focusNewest();
      else void timeline.toNewest().then(focusNewest);
    }
  };
  const listId = `mention-${channel.channelType}-${channel.channelId}`;
  return (
    <form class="composer" onSubmit={(event) => {
      event.preventDefault();
      send();
    }}>
      {picking.value && people.length > 0 && (
        <MentionPicker id={listId} people={people} at={Math.min(picking.value.at, people.length - 1)} onPick={mention} />
      )}
      {reply && (
        <div class="composer-reply">
          <Icon name="reply" size={18} />
          <div>
            <p class="one-line composer-reply-name">{said.replyingTo(reply.own ? said.youToo : chat.directory.personName(reply.from))}</p>
            <p class="one-line soft"><bdi>{digest(reply, chat)}</bdi></p>
          </div>
          <button type="button" class="icon-button" aria-label={said.cancelReply} title={said.cancelReply}
            onClick={() => {
              draft.reply.value = undefined;
              field.current!.focus();
            }}>
            <Icon name="close" size={18} />
          </button>
        </div>
      )}
      <div class="composer-line">
        <textarea ref={field} rows={1} value={text} placeholder={said.write(name)} aria-label={said.write(name)} dir="auto" enterkeyhint="send"
          aria-autocomplete={group ? "list" : undefined}
          aria-controls={people.length > 0 ? listId : undefined}
          aria-activedescendant={people.length > 0 ? `${listId}-${Math.min(picking.value!.at, people.length - 1)}` : undefined}
          onInput={(event) => {
            draft.text.value = event.currentTarget.value;
            look();
          }}
          onClick={look}
          onBlur={() => { picking.value = undefined; }}
          onKeyDown={onKeyDown} />
        <button class="icon-button composer-send" aria-label={said.send} title={said.send} disabled={over > 0 || !text.trim()}><Icon name="send" /></button>
      </div>
      {!group && chat.directory.wasIn(channel) && <p class="composer-note">{said.notMember}</p>}
      {over > 0 && <p class="composer-over" role="alert">{said.tooLong(over)}</p>}
    </form>
  );
}

