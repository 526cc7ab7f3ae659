// True until a moment has come on the server's clock; without a moment, always.
import { useEffect, useState } from "preact/hooks";
import type { ServerClock } from "../model/server-clock";

// setTimeout takes 31 bits; a longer wait is looked at again.
const longest = 2_000_000_000;

export function useUntil(deadline: number | undefined, clock: ServerClock): boolean {
  const [, look] = useState(0);
  const left = deadline === undefined ? Infinity : deadline - clock.now();
  useEffect(() => {
    if (left === Infinity || left <= 0) return;
    const timer = setTimeout(() => look((n) => n + 1), Math.min(left + 50, longest));
    return () => clearTimeout(timer);
  });
  return left > 0;
}
