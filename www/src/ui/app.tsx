// The window: one pane, or two people side by side. Where there is no room for two, tabs choose which of them is seen; both go on living.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { openBeside, sideBySide } from "../model/preferences";
import type { Pane } from "../model/pane";
import { words } from "../words";
import { PaneView } from "./pane-view";
import "./app.css";

/** `paneOf` makes a slot's pane when it is first wanted; `dropPane` lets it go. */
export function App({ paneOf, dropPane }: { paneOf: (slot: number) => Pane; dropPane: (slot: number) => void }) {
  const seen = useSignal(0);
  const main = useRef<HTMLElement>(null);
  const panes = sideBySide.value ? [paneOf(0), paneOf(1)] : [paneOf(0)];
  const unread = panes.reduce((sum, { state }) => sum + (state.value.view === "open" ? state.value.chat.unread.value : 0), 0);
  useEffect(() => {
    document.title = unread > 0 ? `(${unread}) ${words.value.appName}` : words.value.appName;
  }, [unread, words.value]);

  const before = useRef(panes.length);
  useEffect(() => {
    // What had the focus went with the pane; it goes on in the one that is left.
    if (panes.length < before.current) main.current?.querySelector<HTMLElement>(".pane")?.focus();
    before.current = panes.length;
  }, [panes.length]);

  const tabs = panes.map(({ state }, slot) => {
    const now = state.value;
    if (now.view === "open") return { name: now.chat.account.name, unread: now.chat.unread.value };
    return { name: now.view === "entering" ? `${words.value.person} ${slot + 1}` : now.account.name, unread: 0 };
  });
  return (
    <div class="window" data-panes={panes.length} data-seen={seen.value}>
      {panes.length > 1 && (
        <div class="pane-tabs" role="group" aria-label={words.value.panes}>
          {tabs.map((tab, slot) => (
            <button key={slot} type="button" aria-pressed={seen.value === slot} onClick={() => { seen.value = slot; }}>
              <bdi class="one-line">{tab.name}</bdi>
              {tab.unread > 0 && <span class="badge">{tab.unread > 99 ? "99+" : tab.unread}</span>}
            </button>
          ))}
        </div>
      )}
      <main class="panes" ref={main}>
        {panes.map((pane) => (
          <PaneView key={pane.slot} pane={pane} name={tabs[pane.slot]!.name} others={panes.filter((other) => other !== pane)}
            beside={{
              open: panes.length === 1 ? () => openBeside(true) : undefined,
              close: pane.slot > 0 ? () => {
                openBeside(false);
                seen.value = 0;
                dropPane(pane.slot);
              } : undefined,
            }} />
        ))}
      </main>
    </div>
  );
}
