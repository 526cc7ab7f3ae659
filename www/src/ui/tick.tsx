// What became of an own message: a drawing, and a word for who does not see it.
import type { Delivery } from "jindou";
import { words } from "../words";
import { Icon, type IconName } from "./icons";
import "./tick.css";

const drawings: Record<Delivery, IconName> = { queued: "clock", sent: "sent", unconfirmed: "unconfirmed", parked: "alert" };

export function Tick({ delivery, size = 16 }: { delivery: Delivery; size?: number }) {
  const label = words.value.delivery[delivery];
  return <span class="tick" data-delivery={delivery} role="img" aria-label={label} title={label}><Icon name={drawings[delivery]} size={size} /></span>;
}
