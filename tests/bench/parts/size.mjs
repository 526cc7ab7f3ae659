// (d) What a visitor of an application downloads, bundled and minified by the same bundler with the same options.
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

import { root } from "../../../scripts/lib/shell.mjs";
import { bundle, peerVersion } from "../lib/build.mjs";
import { table } from "../lib/table.mjs";

export async function size() {
  const folder = (name) => join(root, "target", "jindou", "bench", name);
  const ours = await bundle("bench-size", folder("size"), "jindou.js");
  const sdk = await bundle("bench-sdk", folder("sdk"), "sdk.js");
  const wasm = ours.filter((path) => path.endsWith(".wasm"));
  const script = ours.filter((path) => path.endsWith(".js"));
  return {
    rows: [
      { name: "Jindou, WebAssembly", ...sum(wasm) },
      { name: "Jindou, JavaScript", ...sum(script) },
      { name: "Jindou", ...sum([...wasm, ...script]) },
      { name: `wukongimjssdk ${peerVersion("wukongimjssdk")}`, ...sum(sdk) },
    ],
    files: Object.fromEntries([...ours, ...sdk].map((path) => [`${basename(join(path, ".."))}/${basename(path)}`, measure(path)])),
  };
}

function measure(path) {
  const bytes = readFileSync(path);
  const brotli = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } });
  return { raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length, brotli: brotli.length };
}

function sum(paths) {
  const total = { raw: 0, gzip: 0, brotli: 0 };
  for (const path of paths) for (const [how, bytes] of Object.entries(measure(path))) total[how] += bytes;
  return total;
}

export function print({ rows }) {
  const kilobytes = (bytes) => (bytes / 1000).toFixed(1);
  const lines = rows.map(({ name, raw, gzip, brotli }) => [name, kilobytes(raw), kilobytes(gzip), kilobytes(brotli)]);
  return ["(d) Size: KB (of 1000 bytes), each file compressed by itself", "", table(["", "raw", "gzip -9", "brotli 11"], lines)].join("\n");
}
