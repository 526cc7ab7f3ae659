// The top of a pane: who I am, how the connection is, the switch that cuts the network, the inspector, and everything else in a menu.
import type { Signal } from "@preact/signals";
import type { Chat } from "../model/chat";
import { words } from "../words";
import { Avatar } from "./avatar";
import { useChat } from "./context";
import { Icon } from "./icons";
import { Menu, type MenuItem } from "./menu";
import type { Beside } from "./pane-view";
import { languageItems, themeItems } from "./settings";
import "./bar.css";

interface BarProps { inspecting: Signal<boolean>; beside: Beside; onLogOut: () => void }

export function Bar({ inspecting, beside, onLogOut }: BarProps) {
  const chat = useChat();
  const said = words.value;
  return (
    <header class="bar">
      <Avatar id={chat.account.uid} name={chat.account.name} size="small" />
      <div class="bar-who">
        <h1 class="one-line"><bdi>{chat.account.name}</bdi></h1>
        <ConnectionLine />
      </div>
      <NetworkSwitch />
      <button type="button" class="icon-button" aria-pressed={inspecting.value} aria-label={said.inspector} title={said.inspector}
        onClick={() => { inspecting.value = !inspecting.value; }}>
        <Icon name="inspect" />
      </button>
      <Menu label={said.menu} items={() => [
        ...(beside.open ? [{ label: said.openBeside, icon: "beside", choose: beside.open } satisfies MenuItem] : []),
        ...(beside.close ? [{ label: said.closeBeside, icon: "close", choose: beside.close } satisfies MenuItem] : []),
        "line", ...languageItems(), "line", ...themeItems(), "line",
        { label: said.logOut, icon: "exit", choose: onLogOut },
      ]} />
    </header>
  );
}

/** In words and as a dot: never by colour alone. */
export function ConnectionLine() {
  const chat = useChat();
  const { state } = chat.connection.value;
  const cut = chat.network.cut.value;
  const text = cut ? words.value.bannerCutShort : state === "ready" && chat.syncing.value ? words.value.syncing : words.value.connection[state];
  return <p class="connection-line one-line" data-state={cut ? "cut" : state}>{text}</p>;
}

/** The same in a menu, for where there is no room for a switch. */
export function networkItem(chat: Chat): MenuItem {
  const cut = chat.network.cut.value;
  return { label: cut ? words.value.mendNetwork : words.value.cutNetwork, icon: cut ? "network" : "networkOff", choose: () => chat.setCut(!cut) };
}

function NetworkSwitch() {
  const chat = useChat();
  const cut = chat.network.cut.value;
  const said = words.value;
  return (
    <button type="button" class="network-switch" role="switch" aria-checked={!cut} aria-label={said.network} title={said.cutExplanation}
      onClick={() => chat.setCut(!cut)}>
      <Icon name={cut ? "networkOff" : "network"} size={18} />
      <span class="network-switch-label" aria-hidden="true">{said.network}</span>
      <span class="network-switch-track"><span /></span>
    </button>
  );
}
