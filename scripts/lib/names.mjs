// The names under which the WebAssembly module and its JavaScript know each other: wasm-bindgen makes them long, with hashes that nothing
// compresses, and writes each into both files. wasm-opt shortens the module's and says how; this does the same to the JavaScript.
import { Problem } from "./shell.mjs";

/** `printed` is what wasm-opt's --minify-imports-and-exports-and-modules says; answers wasm-bindgen's `script` with its names. */
export function shortened(script, printed) {
  const { imports, exports } = understood(printed);
  const functions = new Map(imports.map(([, name, short]) => [name, short]));
  const missing = new Set(functions.keys());
  const members = new Map(exports);
  // wasm-bindgen writes one object for all imports, a line for each function; whoever calls an export writes `wasm.` before it.
  const text = script
    .replace(/^( +)"\.\/\w+\.js": import0,$/gm, "$1a: import0,")
    .replace(/^( {8})(\w+): /gm, (line, indent, name) => (missing.delete(name) ? `${indent}${functions.get(name)}: ` : line))
    .replace(/\bwasm\.(\w+)/g, (_, name) => {
      if (!members.has(name)) throw new Problem(`wasm-bindgen's JavaScript calls ${name}, which the module does not export.`);
      return `wasm.${members.get(name)}`;
    });
  const [name] = missing;
  if (name !== undefined) throw new Problem(`wasm-bindgen's JavaScript has no ${name}, which the module imports.`);
  if (!text.includes("    a: import0,")) throw new Problem("wasm-bindgen's JavaScript does not name the module as it did.");
  return text;
}

function understood(printed) {
  try {
    return JSON.parse(printed.slice(printed.indexOf("{"), printed.lastIndexOf("}") + 1));
  } catch {
    throw new Problem("wasm-opt does not say how it shortened the names.", printed);
  }
}
