// One person's chat: bar, banner, conversations, the open conversation, the inspector. How many of them stand beside each other depends on the
// pane's width (chat-view.css).
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { Pane } from "../model/pane";
import { words } from "../words";
import { Banner } from "./banner";
import { Bar } from "./bar";
import { useChat } from "./context";
import { ConversationList } from "./conversation-list";
import { ConversationView } from "./conversation-view";
import { Hearing } from "./hearing";
import { Icon } from "./icons";
import { InspectorView } from "./inspector-view";
import { LogOut } from "./log-out";
import { NewConversation } from "./new-conversation";
import { NoticesView } from "./notices-view";
import type { Beside } from "./pane-view";
import "./chat-view.css";

export function ChatView({ pane, beside }: { pane: Pane; beside: Beside }) {
  const chat = useChat();
  const inspecting = useSignal(false);
  const leaving = useSignal(false);
  const beginning = useSignal(false);
  const timeline = chat.current.value;
  const said = words.value;
  const root = useRef<HTMLDivElement>(null);
  const stopInspecting = () => {
    inspecting.value = false;
    // Back to what opened it: the bar's button, or the conversation's menu where there is no bar. The other one is not shown and takes no focus.
    for (const opener of [".bar [aria-pressed]", ".conversation-menu [data-menu]"]) root.current?.querySelector<HTMLElement>(opener)?.focus();
  };
  return (
    <div ref={root} class="chat" data-open={timeline ? "conversation" : "list"} data-inspecting={inspecting.value}>
      <Bar inspecting={inspecting} beside={beside} onLogOut={() => { leaving.value = true; }} />
      {/* In the place of the bar, where that makes room. */}
      <h1 class="chat-whose visually-hidden"><bdi>{chat.account.name}</bdi></h1>
      <Banner onReopen={() => pane.reopen()} />
      <div class="chat-body">
        <ConversationList onNew={() => { beginning.value = true; }} />
        <div class="chat-main">
          {timeline ? <ConversationView key={timeline.key} timeline={timeline} inspecting={inspecting} /> : (
            <div class="empty">
              <Icon name="chat" size={48} />
              <h2>{said.chooseConversation}</h2>
              <p>{said.chooseConversationHint}</p>
            </div>
          )}
        </div>
        {inspecting.value && <InspectorView onClose={stopInspecting} />}
      </div>
      <NoticesView notices={chat.notices} />
      <Hearing />
      {beginning.value && <NewConversation onClose={() => { beginning.value = false; }} />}
      {leaving.value && <LogOut pane={pane} onClose={() => { leaving.value = false; }} />}
    </div>
  );
}
