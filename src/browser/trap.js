// A panic or a want of memory stops the module where it stands: a trap. Nothing of it may be called again, and most of what traps was called
// by the browser (a socket, a timer, a promise), so no call of ours would notice.

/** Where the module is. Bundlers know this form, and the traces of a trap name it. */
export const wasm = new URL("./jindou_bg.wasm", import.meta.url);

const endings = new Set();
// A worker of ours runs nothing else. Elsewhere others may have modules that trap.
const alone = typeof window === "undefined";

let trapped = false;
let listening = false;

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
  if (!(error instanceof WebAssembly.RuntimeError) || !(alone || error.stack?.includes(wasm.href))) return;
  trapped = true;
  // The place and never the text, which is the browser's and may be of any kind.
  const place = /wasm-function\[\d+\](:0x[\da-f]+)?/.exec(error.stack)?.[0] ?? "an unknown place";
  for (const ending of endings) ending(place);
  endings.clear();
}
