// True until a moment has come; without a moment, always.
import { useEffect, useState } from "preact/hooks";

// setTimeout takes 31 bits; a longer wait is looked at again.
const longest = 2_000_000_000;

export function useUntil(deadline: number | undefined): boolean {
  const [, look] = useState(0);
  const left = deadline === undefined ? Infinity : deadline - Date.now();
  useEffect(() => {
    if (left === Infinity || left <= 0) return;
    const timer = setTimeout(() => look((n) => n + 1), Math.min(left + 50, longest));
    return () => clearTimeout(timer);
  });
  return left > 0;
}
