// The inspector: what the client does while one watches. Packets, acknowledgements, resends, merged duplicates and commits as they happen; the state
// of the connection; what waits in the outbox; who recalled what.
import { useSignal } from "@preact/signals";
import { words } from "../words";
import { Icon } from "./icons";
import { InspectorAudit } from "./inspector-audit";
import { InspectorConnection } from "./inspector-connection";
import { InspectorLive } from "./inspector-live";
import { InspectorOutbox } from "./inspector-outbox";
import "./inspector-view.css";

const tabs = { live: InspectorLive, connection: InspectorConnection, outbox: InspectorOutbox, audit: InspectorAudit };
type Tab = keyof typeof tabs;

export function InspectorView({ onClose }: { onClose: () => void }) {
  const said = words.value;
  const tab = useSignal<Tab>("live");
  const names = Object.keys(tabs) as Tab[];
  const Shown = tabs[tab.value];
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const to = names[(names.indexOf(tab.value) + step + names.length) % names.length]!;
    tab.value = to;
    (event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>("[role=tab]")[names.indexOf(to)]?.focus();
  };
  return (
    <aside class="inspector" aria-label={said.inspector} onKeyDown={(event) => { if (event.key === "Escape") onClose(); }}>
      <header class="inspector-head">
        <div class="tabs" role="tablist" aria-label={said.inspector} onKeyDown={onKeyDown}>
          {names.map((name) => (
            <button key={name} type="button" role="tab" aria-selected={tab.value === name} tabIndex={tab.value === name ? 0 : -1} onClick={() => { tab.value = name; }}>
              {said.tabs[name]}
            </button>
          ))}
        </div>
        <button type="button" class="icon-button" aria-label={said.close} onClick={onClose}><Icon name="close" size={18} /></button>
      </header>
      <div class="inspector-body" role="tabpanel" aria-label={said.tabs[tab.value]}><Shown /></div>
    </aside>
  );
}
