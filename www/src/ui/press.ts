// A press with the mouse counts where it began. Between press and release the page may change: a banner comes, a message moves another row up. The
// browser gives no click then, and to a person nothing happened.

// Pixels. Whoever moves further has changed their mind.
const mostMoved = 6;

/** For `onPointerDown`, beside an `onClick` that does the same: what it does must bear to be done twice. */
export function onceReleased(down: PointerEvent, act: () => void): void {
  if (down.pointerType !== "mouse" || down.button !== 0) return;
  const over = new AbortController();
  const options = { capture: true, signal: over.signal };
  addEventListener("pointercancel", () => over.abort(), options);
  addEventListener("pointerup", (up) => {
    over.abort();
    if (Math.hypot(up.clientX - down.clientX, up.clientY - down.clientY) <= mostMoved) act();
  }, options);
}
