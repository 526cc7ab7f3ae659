// Asks before the session ends, and whether what is stored here goes too.
import { useSignal } from "@preact/signals";
import type { Pane } from "../model/pane";
import { words } from "../words";
import { useChat } from "./context";
import { Dialog } from "./dialog";

export function LogOut({ pane, onClose }: { pane: Pane; onClose: () => void }) {
  const erase = useSignal(false);
  const busy = useSignal(false);
  const { account, outbox } = useChat();
  const waiting = outbox.value.length;
  const said = words.value;
  return (
    <Dialog title={said.logOutQuestion(account.name)} onClose={onClose}>
      <p class="soft">{said.logOutExplanation}</p>
      <label class="check">
        <input type="checkbox" checked={erase.value} onChange={(event) => { erase.value = event.currentTarget.checked; }} />
        <span>{said.alsoErase}</span>
      </label>
      {waiting > 0 && <p class="form-error" role="alert">{erase.value ? said.logOutLoses(waiting) : said.logOutKeeps(waiting)}</p>}
      <div class="dialog-actions">
        <button type="button" class="button" onClick={onClose}>{said.cancel}</button>
        <button type="button" class="button primary" disabled={busy.value}
          onClick={() => {
            busy.value = true;
            void pane.logOut(erase.value);
          }}>
          {said.logOut}
        </button>
      </div>
    </Dialog>
  );
}
