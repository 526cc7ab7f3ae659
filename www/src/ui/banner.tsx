// One line under the bar while there is no connection: what is the matter, when the next attempt is, and what can be done.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { words } from "../words";
import { useChat } from "./context";
import { Icon } from "./icons";
import "./banner.css";

// A connection that stands within this time needs no words.
const grace = 800;

export function Banner({ onReopen }: { onReopen: () => void }) {
  const chat = useChat();
  const connection = chat.connection.value;
  const said = words.value;
  if (chat.network.cut.value) {
    return <Line icon="networkOff" text={said.bannerCut} action={said.mendNetwork} onAction={() => chat.setCut(false)} />;
  }
  switch (connection.state) {
    case "waiting": return <Waiting full={connection.error?.code === "storage"} />;
    case "kicked": return <Line icon="alert" text={said.bannerKicked} action={said.connectAgain} onAction={() => chat.connect()} />;
    case "closed": return <Line icon="alert" text={said.bannerClosed} action={said.tryAgain} onAction={onReopen} />;
    case "refused": return <Line icon="alert" text={said.bannerRefused} action={said.connectAgain} onAction={() => chat.connect()} />;
    case "connecting": case "authenticating": return <Late text={said.bannerConnecting} />;
    default: return null;
  }
}

function Waiting({ full }: { full: boolean }) {
  const chat = useChat();
  const seconds = useSignal(0);
  const until = chat.retryAt.value;
  const online = useOnline();
  useEffect(() => {
    const count = () => { seconds.value = Math.max(0, Math.ceil((until - Date.now()) / 1000)); };
    count();
    const timer = setInterval(count, 250);
    return () => clearInterval(timer);
  }, [until]);
  if (full) return <Line icon="alert" text={words.value.bannerFull(seconds.value)} />;
  // Then the client waits for the network, not for a time.
  if (!online) return <Line icon="networkOff" text={words.value.bannerOffline} />;
  const text = chat.gatewayRefused.value ? words.value.bannerPlainGateway : words.value.bannerWaiting;
  return <Line icon="networkOff" text={text(seconds.value)} action={words.value.tryNow} onAction={() => chat.connect()} />;
}

function useOnline(): boolean {
  const online = useSignal(navigator.onLine);
  useEffect(() => {
    const look = () => { online.value = navigator.onLine; };
    window.addEventListener("online", look);
    window.addEventListener("offline", look);
    return () => {
      window.removeEventListener("online", look);
      window.removeEventListener("offline", look);
    };
  }, []);
  return online.value;
}

function Late({ text }: { text: string }) {
  const late = useSignal(false);
  useEffect(() => {
    const timer = setTimeout(() => { late.value = true; }, grace);
    return () => clearTimeout(timer);
  }, []);
  return late.value ? <Line icon="network" text={text} quiet /> : null;
}

interface LineProps { icon: "network" | "networkOff" | "alert"; text: string; quiet?: boolean; action?: string; onAction?: () => void }

function Line({ icon, text, quiet = false, action, onAction }: LineProps) {
  return (
    <div class={`banner ${quiet ? "quiet" : ""}`}>
      <Icon name={icon} size={18} />
      <p>{text}</p>
      {action && <button type="button" class="link-button" onClick={onAction}>{action}</button>}
    </div>
  );
}
