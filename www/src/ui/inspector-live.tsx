// The newest lines of the trace, and sums over all of them. It follows the newest line while one is at the end of the list.
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Trace } from "jindou";
import type { Line } from "../model/inspector";
import { exactTimeOf, words } from "../words";
import { useChat } from "./context";
import { Icon } from "./icons";
import { memo } from "./memo";

export function InspectorLive() {
  const { inspector } = useChat();
  const said = words.value;
  const list = useRef<HTMLOListElement>(null);
  const following = useRef(true);
  const lines = inspector.lines.value;
  const { bytesSent, bytesReceived, ...sums } = inspector.sums.value;
  const bytes: Partial<Record<string, number>> = { sent: bytesSent, received: bytesReceived };

  useLayoutEffect(() => {
    if (following.current) list.current!.scrollTop = list.current!.scrollHeight;
  }, [lines]);
  return (
    <div class="live">
      <div class="live-sums">
        <dl>
          {(Object.keys(sums) as (keyof typeof sums)[]).map((name) => (
            <div key={name}><dt>{said.sums[name]}</dt><dd>{sums[name]}{bytes[name] ? <small> · {size(bytes[name])}</small> : null}</dd></div>
          ))}
        </dl>
        <button type="button" class="icon-button" aria-label={inspector.paused.value ? said.resume : said.pause} title={inspector.paused.value ? said.resume : said.pause}
          aria-pressed={inspector.paused.value} onClick={() => { inspector.paused.value = !inspector.paused.value; }}>
          <Icon name={inspector.paused.value ? "play" : "pause"} size={18} />
        </button>
        <button type="button" class="icon-button" aria-label={said.clear} title={said.clear} onClick={() => inspector.clear()}><Icon name="discard" size={18} /></button>
      </div>
      <ol ref={list} class="lines" tabIndex={0} aria-label={said.tabs.live}
        onScroll={(event) => {
          const box = event.currentTarget;
          following.current = box.scrollHeight - box.scrollTop - box.clientHeight < 24;
        }}>
        {lines.length === 0 && <li class="soft lines-none">{said.nothingTraced}</li>}
        {lines.map((line) => <TraceLine key={line.ordinal} line={line} />)}
      </ol>
    </div>
  );
}

const size = (bytes: number) => (bytes < 1024 ? `${bytes} B` : bytes < 1_048_576 ? `${(bytes / 1024).toFixed(1)} KB` : `${(bytes / 1_048_576).toFixed(1)} MB`);
/** The end of a long id tells it apart. */
const short = (id: string) => (id.length > 10 ? `…${id.slice(-8)}` : id);

const TraceLine = memo(function TraceLine({ line }: { line: Line }) {
  const { sign, name, details } = describe(line.trace);
  return (
    <li data-what={line.trace.what} data-kind={name}>
      <time>{exactTimeOf(line.at)}</time>
      <span class="sign" aria-hidden="true">{sign}</span>
      <b>{name}</b>
      <span>{details}</span>
    </li>
  );
});

function describe(trace: Trace): { sign: string; name: string; details: string } {
  const said = words.value.trace;
  switch (trace.what) {
    case "packet": return {
      sign: trace.sent ? "↑" : "↓",
      name: trace.kind,
      details: [
        trace.bytes > 0 && size(trace.bytes),
        trace.clientMsgNo && `no ${short(trace.clientMsgNo)}`,
        trace.messageId && trace.messageId !== "0" && `id ${short(trace.messageId)}`,
        trace.messageSeq ? `seq ${trace.messageSeq}` : "",
        trace.reasonCode !== undefined && trace.reasonCode !== 1 && said.reason(trace.reasonCode),
      ].filter(Boolean).join(" · "),
    };
    case "duplicate": return {
      sign: "≡",
      name: "DEDUP",
      details: [said.duplicate, trace.clientMsgNo && `no ${short(trace.clientMsgNo)}`, `id ${short(trace.messageId)}`].filter(Boolean).join(" · "),
    };
    case "retry": return { sign: "↻", name: "RETRY", details: `${said.retry(trace.attempt)} · no ${short(trace.clientMsgNo)}` };
    case "gap": return { sign: "…", name: "GAP", details: said.gap(String(trace.first), String(trace.last)) };
    case "stored": return { sign: "■", name: "COMMIT", details: said.stored(trace.changes) };
    case "request": return { sign: "⇄", name: "HTTP", details: trace.path };
  }
}
