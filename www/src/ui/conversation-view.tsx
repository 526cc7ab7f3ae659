// One open conversation: whom it is with, the timeline, the composer.
import { useSignal, type Signal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { group, keyOf } from "../model/channel";
import type { Timeline } from "../model/timeline";
import { words } from "../words";
import { Avatar } from "./avatar";
import { ConnectionLine, networkItem } from "./bar";
import { Composer } from "./composer";
import { isComposing } from "./composing";
import { useChat } from "./context";
import { GroupInfo } from "./group-info";
import { Icon } from "./icons";
import { Menu } from "./menu";
import { TimelineView } from "./timeline-view";
import "./conversation-view.css";

export function ConversationView({ timeline, inspecting }: { timeline: Timeline; inspecting: Signal<boolean> }) {
  const chat = useChat();
  const { channel } = timeline;
  const showingGroup = useSignal(false);
  const back = useRef<HTMLButtonElement>(null);
  const said = words.value;
  const name = chat.directory.channelName(channel);
  const ownGroup = chat.directory.groupOf(channel);
  const elsewhere = chat.unread.value - chat.unreadOf(timeline.key);

  const leave = () => {
    chat.leave();
    // The row that it was opened from; drawn again by then.
    const pane = back.current?.closest(".pane");
    requestAnimationFrame(() => {
      if (document.activeElement === document.body) pane?.querySelector<HTMLElement>('[data-row][tabindex="0"]')?.focus();
    });
  };
  useLayoutEffect(() => {
    if (matchMedia("(hover: hover)").matches) chat.draftOf(channel).filled.value++;
  }, []);
  return (
    <section class="conversation" aria-label={name}
      onKeyDown={(event) => { if (event.key === "Escape" && !event.defaultPrevented && !isComposing(event)) leave(); }}>
      <header class="conversation-head">
        <button ref={back} type="button" class="icon-button conversation-back" aria-label={said.back} onClick={leave}>
          <Icon name="back" />
          {elsewhere > 0 && <span class="badge">{elsewhere > 99 ? "99+" : elsewhere}</span>}
        </button>
        <Avatar id={channel.channelId} name={name} group={channel.channelType === group} size="small" />
        <div class="conversation-title">
          <h2 class="one-line"><bdi>{name}</bdi></h2>
          {ownGroup && <p class="small soft one-line">{said.members(ownGroup.members.length)}</p>}
          <div class="conversation-connection"><ConnectionLine /></div>
        </div>
        {ownGroup && (
          <button type="button" class="icon-button" aria-label={said.groupInfo} title={said.groupInfo} onClick={() => { showingGroup.value = true; }}>
            <Icon name="people" />
          </button>
        )}
        <Menu class="conversation-menu" label={said.menu} items={() => [
          networkItem(chat),
          { label: said.inspector, icon: "inspect", choose: () => { inspecting.value = !inspecting.value; } },
        ]} />
      </header>
      <TimelineView timeline={timeline} name={name} />
      <Composer key={keyOf(channel)} channel={channel} name={name} />
      {showingGroup.value && ownGroup && <GroupInfo group={ownGroup} onClose={() => { showingGroup.value = false; }} />}
    </section>
  );
}
