// A panic or a want of memory stops the module where it stands: a trap. Nothing of it may be called again, and most of what traps was called
// by the browser (a socket, a timer, a promise), so no call of ours would notice.

const endings = new Set();
// A worker of ours runs nothing else. Elsewhere others may have modules that trap.
const alone = typeof window === "undefined";

let trapped = false;
let listening = false;
// What the traces of this browser call the module: in Chromium its hash, in Firefox the line that compiled it, which another module that is
// compiled on the same line of a bundle shares. Safari's say the same of all modules, and there nothing is noticed on a page.
let ours;

/** Called by the module, which then stands in the trace. */
export function recognise() {
  ours = /\w+:[^\n]*(?=:wasm-function)/.exec(new Error().stack)?.[0];
}

/** Whether the module of this thread has trapped. */
export const hasTrapped = () => trapped;

/** Calls `ending` with the place once the module traps; answers how to take that back. */
export function onTrap(ending) {
  if (!listening) {
    addEventListener("error", ({ error }) => notice(error));
    addEventListener("unhandledrejection", ({ reason }) => notice(reason));
    listening = true;
  }
  endings.add(ending);
  return () => endings.delete(ending);
}

/** Looks at what was thrown: a trap of ours ends every client of this thread. */
export function notice(error) {
  if (!(error instanceof WebAssembly.RuntimeError) || !(alone || (ours && error.stack?.includes(ours)))) return;
  trapped = true;
  // The place and never the text, which is the browser's and may be of any kind.
  const place = /wasm-function\[\d+\](:0x[\da-f]+)?/.exec(error.stack)?.[0] ?? "an unknown place";
  for (const ending of endings) ending(place);
  endings.clear();
}
