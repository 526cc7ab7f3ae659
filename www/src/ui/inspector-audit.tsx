// The client's own record of recalls, restores and deletions: who, when, by which road, and what was refused. Never what was said.
import { useComputed, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { AuditLine } from "jindou";
import { auditText, errorText, wholeTimeOf, words } from "../words";
import { useChat } from "./context";

export function InspectorAudit() {
  const chat = useChat();
  const said = words.value;
  const lines = useSignal<readonly AuditLine[]>([]);
  const error = useSignal<unknown>(undefined);
  const read = async () => {
    try {
      const found = (await chat.client.audit({ limit: 100 })).toSorted((a, b) => b.ordinal - a.ordinal);
      // The record only grows, so an answer that was overtaken by a later one is known by its newest line.
      if ((found[0]?.ordinal ?? 0) >= (lines.peek()[0]?.ordinal ?? 0)) lines.value = found;
      error.value = undefined;
    } catch (problem) {
      error.value = problem;
    }
  };
  // A line comes with a commit, and not every line with an event: a forged recall of an unknown message changes nothing that is shown.
  const commits = useComputed(() => chat.inspector.sums.value.stores).value;
  useEffect(() => { void read(); }, [commits]);
  if (error.value) return <p class="form-error lines-none" role="alert">{errorText(error.value as Parameters<typeof errorText>[0])}</p>;
  if (lines.value.length === 0) return <p class="soft lines-none">{said.auditEmpty}</p>;
  return (
    <ul class="records">
      {lines.value.map((line) => {
        const { what, road } = auditText(line);
        return (
          <li key={line.ordinal}>
            <div>
              <p class="one-line"><b>{what}</b> · <bdi>{chat.directory.channelName(line.channel)}</bdi></p>
              <p class="soft">{wholeTimeOf(line.at)} · {said.auditBy(line.operator ? chat.directory.personName(line.operator) : said.system, road)}</p>
            </div>
          </li>
        );
      })}
    </ul>
  );
}
