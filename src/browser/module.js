// The WebAssembly module as it is shipped: jindou_bg.wasm is one whose only section, "packed", holds the real one, deflated. What an instruction
// does stands apart from what it is done to, and each kind of operand by itself, because like compresses best beside like: a fifth less than a
// web server's gzip makes of the plain module, also where the web server compresses nothing. scripts/lib/pack.mjs packs it.

/** The streams that are not named by an instruction: section headers and all sections but the code's, with the functions' locals. */
const REST = 0;
const OPS = 1;
const MEMORY = 0x28;
const ALIGN = 0x29;
const INDEX = 0x3f;
/** The operands of i32.const stand by the instruction that follows. */
const CONST = 0x100;

const CODE = 10;
const header = 8;
const name = "packed";
/** How many indices those of 0xfc take: eight conversions, memory.init, data.drop, memory.copy and .fill, table.init, elem.drop, table.copy, … */
const bulk = [0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 1, 2, 1, 2, 1, 1, 1];
/** Those without operands that are no arithmetic: unreachable, nop, else, return, drop, select, ref.is_null. */
const bare = [0x00, 0x01, 0x05, 0x0f, 0x1a, 0x1b, 0xd1];

/**
 * Walks through a module on both ways, packing and unpacking. `copy(stream, length)` moves bytes between it and a stream, `move(stream)` a LEB128
 * number, which it answers as `copy` does its last byte; `sized(content)` is what stands behind its own length; `ahead()` tells the instruction
 * behind the next number, `more()` whether a section follows.
 */
export function walk({ copy, move, sized, ahead, more }) {
  copy(REST, header);
  while (more()) {
    if (copy(REST, 1) !== CODE) copy(REST, move(REST));
    else sized(() => {
      for (let left = move(REST); left > 0; left -= 1) sized(body);
    });
  }

  function body() {
    for (let groups = move(REST); groups > 0; groups -= 1) {
      move(REST);
      copy(REST, 1);
    }
    for (let depth = 1; depth > 0;) {
      const op = copy(OPS, 1);
      if (op === 0x0b) depth -= 1;
      else if (op >= 0x02 && op <= 0x04) {
        depth += 1;
        move(0x02);
      } else operands(op);
    }
  }

  // The most frequent come first.
  function operands(op) {
    if (op >= 0x20 && op <= 0x26) move(op === 0x22 ? 0x21 : op);
    else if (op >= 0x45 && op <= 0xc4) return;
    else if (op >= 0x28 && op <= 0x3e) {
      move(ALIGN);
      move(MEMORY);
    } else if (op === 0x41) move(CONST + ahead());
    else if (op === 0x0c || op === 0x0d) move(0x0c);
    else if (op === 0x10 || op === 0x12 || op === 0xd2) move(0x10);
    else if (op === 0x42) move(op);
    else if (op === 0x43 || op === 0x44) copy(op, op === 0x43 ? 4 : 8);
    else if (op === 0x0e) for (let targets = move(op); targets >= 0; targets -= 1) move(op);
    else if (op === 0x11 || op === 0x13) {
      move(0x11);
      move(INDEX);
    } else if (op === 0x1c) copy(INDEX, move(INDEX));
    else if (op === 0x3f || op === 0x40 || op === 0xd0) move(INDEX);
    else if (op === 0xfc) for (let left = bulk[move(OPS)]; left > 0; left -= 1) move(INDEX);
    else if (!bare.includes(op)) throw new Error(`the instruction ${op} is not known`);
  }
}

/** Reads the module from its address. */
export async function loaded(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  return unpacked(new Uint8Array(await response.arrayBuffer()));
}

/** Answers the module that `file` holds packed. */
export async function unpacked(file) {
  let at = header + 1;
  while (file[at] >= 0x80) at += 1;
  at += 2;
  const content = at + name.length;
  if (file[header] !== REST || new TextDecoder().decode(file.subarray(at, content)) !== name) throw new Error("this is not the packed module");
  const inflated = new Blob([file.subarray(content)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return joined(new Uint8Array(await new Response(inflated).arrayBuffer()));
}

/** Puts a module together again: `bytes` are its length, how many streams there are, the number and length of each, and the streams. */
export function joined(bytes) {
  let at = 0;
  const length = number();
  const listed = Array.from({ length: Math.min(number(), bytes.length) }, () => [number(), number()]);
  const streams = [];
  for (const [stream, size] of listed) streams[stream] = { at, end: (at += size) };
  if (at !== bytes.length) throw tooShort();

  // A length is known only when all that it counts is there: so much room is left for it.
  const widest = 5;
  const out = new Uint8Array(length + 2 * widest);
  let end = 0;

  walk({
    copy(stream, count) {
      const source = streams[stream];
      if (source.at + count > source.end) throw tooShort();
      for (const last = source.at + count; source.at < last; source.at += 1) {
        out[end] = bytes[source.at];
        end += 1;
      }
      return out[end - 1];
    },
    move(stream) {
      const source = streams[stream];
      const start = source.at;
      at = start;
      const value = number();
      if (at > source.end) throw tooShort();
      source.at = at;
      for (let place = start; place < at; place += 1) {
        out[end] = bytes[place];
        end += 1;
      }
      return value;
    },
    sized(content) {
      const start = end;
      end += widest;
      content();
      const size = end - start - widest;
      end = start;
      let rest = size;
      for (; rest > 0x7f; rest >>>= 7) {
        out[end] = (rest & 0x7f) | 0x80;
        end += 1;
      }
      out[end] = rest;
      end += 1;
      out.copyWithin(end, start + widest, start + widest + size);
      end += size;
    },
    ahead: () => bytes[streams[OPS].at],
    more: () => streams[REST].at < streams[REST].end,
  });
  if (end !== length) throw new Error("the packed module has another length than it says");
  return out.subarray(0, end);

  function number() {
    let value = 0;
    for (let unit = 1, byte = 0x80; byte >= 0x80; unit *= 0x80) {
      byte = bytes[at];
      at += 1;
      value += (byte & 0x7f) * unit;
    }
    return value;
  }
}

const tooShort = () => new Error("the packed module ends too early");
