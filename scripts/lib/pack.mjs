// Packs the WebAssembly module for its way over the network; src/browser/module.js says how, and puts it together again.
import zopfli from "@gfx/zopfli";

import { joined, walk } from "../../src/browser/module.js";
import { Problem } from "./shell.mjs";

/** Answers what stands in the file for `module`. */
export async function packed(module) {
  const bytes = apart(module);
  // Where a number is written longer than it need be, for example.
  if (!Buffer.from(joined(bytes)).equals(Buffer.from(module))) throw new Problem("The client, packed and unpacked, is not what it was.");
  const deflated = await zopfli.zlibAsync(bytes, { numiterations: 15 });
  const name = Buffer.from("packed");
  const content = Buffer.concat([leb128(name.length), name, deflated]);
  return Buffer.concat([Buffer.from("\0asm\x01\0\0\0"), Buffer.of(0), leb128(content.length), content]);
}

/** Answers `module` with each kind of operand by itself, for `joined`. */
export function apart(module) {
  let at = 0;
  const streams = new Map();
  const next = () => {
    if (at >= module.length) throw new Problem("The client's module ends too early.");
    at += 1;
    return module[at - 1];
  };
  const number = (seen) => {
    let value = 0;
    for (let unit = 1, byte = 0x80; byte >= 0x80; unit *= 0x80) {
      byte = next();
      seen?.(byte);
      value += (byte & 0x7f) * unit;
    }
    return value;
  };
  const into = (stream) => {
    if (!streams.has(stream)) streams.set(stream, []);
    return (byte) => streams.get(stream).push(byte);
  };
  const copy = (stream, count) => {
    for (let left = count; left > 0; left -= 1) into(stream)(next());
    return module[at - 1];
  };
  const sized = (content) => {
    const end = number() + at;
    content();
    if (at !== end) throw new Problem("The client's module is not understood: something ends where it should not.");
  };
  const ahead = () => module[at + [...module.subarray(at, at + 10)].findIndex((byte) => byte < 0x80) + 1];
  walk({ copy, move: (stream) => number(into(stream)), sized, ahead, more: () => at < module.length });

  const lengths = [...streams].flatMap(([stream, bytes]) => [leb128(stream), leb128(bytes.length)]);
  return Buffer.concat([leb128(module.length), leb128(streams.size), ...lengths, ...[...streams.values()].map((bytes) => Buffer.from(bytes))]);
}

function leb128(number) {
  const bytes = [];
  let rest = number;
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.of(...bytes, rest);
}
