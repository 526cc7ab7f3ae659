// Opens the pane beside, or closes it, where nobody is here yet whose menu could: whoever opened it by mistake need not log in to be rid of it.
import { words } from "../words";
import { Icon } from "./icons";
import type { Beside } from "./pane-view";

export function BesideButton({ beside }: { beside: Beside }) {
  const act = beside.close ?? beside.open;
  if (!act) return null;
  const label = beside.close ? words.value.closeBeside : words.value.openBeside;
  return <button type="button" class="icon-button" aria-label={label} title={label} onClick={act}><Icon name={beside.close ? "close" : "beside"} /></button>;
}
