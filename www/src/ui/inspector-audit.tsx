// The client's own record of recalls, restores and deletions: who, when, by which road, and what was refused. Never what was said.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { AuditLine } from "jindou";
import { errorText, wholeTimeOf, words } from "../words";
import { useChat } from "./context";

export function InspectorAudit() {
  const chat = useChat();
  const said = words.value;
  const lines = useSignal<readonly AuditLine[]>([]);
  const error = useSignal<unknown>(undefined);
  const read = async () => {
    try {
      lines.value = (await chat.client.audit({ limit: 100 })).toSorted((a, b) => b.ordinal - a.ordinal);
    } catch (problem) {
      error.value = problem;
    }
  };
  useEffect(() => {
    void read();
    return chat.client.on("recall", read);
  }, []);
  if (error.value) return <p class="form-error lines-none" role="alert">{errorText(error.value as Parameters<typeof errorText>[0])}</p>;
  if (lines.value.length === 0) return <p class="soft lines-none">{said.auditEmpty}</p>;
  return (
    <ul class="records">
      {lines.value.map((line) => (
        <li key={line.ordinal}>
          <div>
            <p class="one-line"><b>{line.what}</b> · <bdi>{chat.directory.channelName(line.channel)}</bdi></p>
            <p class="one-line soft">{wholeTimeOf(line.at)} · {said.auditBy(line.operator ? chat.directory.personName(line.operator) : said.system, line.by)}</p>
          </div>
        </li>
      ))}
    </ul>
  );
}
