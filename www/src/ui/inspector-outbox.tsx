// What is owed to the server, in order, and what it has refused.
import { reasonText, timeOf, words } from "../words";
import { useChat } from "./context";
import { digest } from "./digest";
import { Tick } from "./tick";

export function InspectorOutbox() {
  const chat = useChat();
  const said = words.value;
  const waiting = chat.outbox.value;
  if (waiting.length === 0) return <p class="soft lines-none">{said.outboxEmpty}</p>;
  return (
    <ul class="records">
      {waiting.map((message) => (
        <li key={message.key}>
          <Tick delivery={message.delivery} />
          <div>
            <p class="one-line"><bdi>{chat.directory.channelName(message)}</bdi> <span class="soft">{timeOf(message.timestamp)}</span></p>
            <p class="one-line soft"><bdi>{digest(message, chat)}</bdi></p>
            {message.delivery === "parked" && <p class="form-error">{said.parked(reasonText(message.reasonCode))}</p>}
          </div>
          {message.delivery === "parked" && <button type="button" class="button slim" onClick={() => chat.retry(message)}>{said.retry}</button>}
          <button type="button" class="button slim" onClick={() => chat.discard(message)}>{said.discard}</button>
        </li>
      ))}
    </ul>
  );
}
