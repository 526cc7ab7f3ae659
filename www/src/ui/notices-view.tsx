// Short sentences at the lower edge; they go by themselves, or with a click.
import type { Notices } from "../model/notices";
import { words } from "../words";
import { Icon } from "./icons";
import "./notices-view.css";

export function NoticesView({ notices }: { notices: Notices }) {
  return (
    <div class="notices" role="status">
      {notices.shown.value.map(({ id, tone, say }) => (
        <div key={id} class={`notice ${tone}`}>
          <p>{say(words.value)}</p>
          <button type="button" class="icon-button" aria-label={words.value.close} onClick={() => notices.dismiss(id)}><Icon name="close" size={16} /></button>
        </div>
      ))}
    </div>
  );
}
