// Start talking: with one person, or with a new group.
import { useSignal } from "@preact/signals";
import { group as groupType, person as personType } from "../model/channel";
import type { Person } from "../model/server";
import { words } from "../words";
import { useChat } from "./context";
import { Dialog } from "./dialog";
import { FormError } from "./form-error";
import { PeoplePicker } from "./people-picker";
import "./new-conversation.css";

export function NewConversation({ onClose }: { onClose: () => void }) {
  const chat = useChat();
  const said = words.value;
  const kind = useSignal<"person" | "group">("person");
  return (
    <Dialog title={said.newConversation} onClose={onClose}>
      <div class="segments" role="group" aria-label={said.newConversation}>
        {(["person", "group"] as const).map((one) => (
          <button key={one} type="button" aria-pressed={kind.value === one} onClick={() => { kind.value = one; }}>{said[one]}</button>
        ))}
      </div>
      {kind.value === "person" ? (
        <PeoplePicker onPick={({ uid }) => {
          onClose();
          chat.select({ channelId: uid, channelType: personType });
        }} />
      ) : <NewGroup onClose={onClose} />}
    </Dialog>
  );
}

function NewGroup({ onClose }: { onClose: () => void }) {
  const chat = useChat();
  const said = words.value;
  const name = useSignal("");
  const chosen = useSignal<readonly Person[]>([]);
  const busy = useSignal(false);
  const error = useSignal<unknown>(undefined);

  const create = async (event: SubmitEvent) => {
    event.preventDefault();
    busy.value = true;
    error.value = undefined;
    try {
      const { groupId } = await chat.directory.createGroup(name.value.trim(), chosen.value.map(({ uid }) => uid));
      onClose();
      chat.select({ channelId: groupId, channelType: groupType });
    } catch (problem) {
      error.value = problem;
      busy.value = false;
    }
  };
  return (
    <form class="new-group" onSubmit={create}>
      <label class="field">
        <span>{said.groupName}</span>
        <input required maxLength={64} value={name.value} onInput={(event) => { name.value = event.currentTarget.value; }} />
      </label>
      <PeoplePicker chosen={chosen} />
      <FormError error={error.value} />
      <div class="dialog-actions">
        <button class="button primary" disabled={busy.value || !name.value.trim() || chosen.value.length === 0}>{said.createGroup}</button>
      </div>
    </form>
  );
}
