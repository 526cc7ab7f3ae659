// `npm run bench`: how fast and how large Jindou is beside what a user would pick instead, all in one run on one machine.
//
//   npm run bench                    everything, some fifteen minutes
//   npm run bench -- decode size     these parts alone: decode, burst, newest, size
//   npm run bench -- --quick         whether it works at all; its numbers say nothing
//
// It prints tables and writes every single run to tests/bench/output/bench.json. Nothing here passes or fails by time.
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";

import { Problem, command, isProgram, root, say, seconds } from "../../scripts/lib/shell.mjs";
import { serve } from "./lib/browser.mjs";
import { build, output } from "./lib/build.mjs";
import { NOISY } from "./lib/load.mjs";
import * as burst from "./parts/burst.mjs";
import * as decode from "./parts/decode.mjs";
import * as newest from "./parts/newest.mjs";
import * as size from "./parts/size.mjs";

const parts = {
  size: { title: "size", run: size.size, print: size.print },
  decode: { title: "decoding", run: decode.decode, print: decode.print },
  burst: { title: "a burst", run: burst.burst, print: burst.print },
  newest: { title: "the newest page", run: newest.newest, print: newest.print },
};

/** Runs the parts of these names and answers what they found. */
export async function measure(names, { quick = false, log = say } = {}) {
  const built = await build();
  const server = await serve(built);
  const result = { taken: new Date().toISOString(), commit: commit(), machine: machine(), quick, noisy: NOISY, parts: {} };
  try {
    for (const name of names) {
      const { title, run } = parts[name];
      const since = performance.now();
      log(`· Measuring ${title} …`);
      result.parts[name] = await run({ url: server.url, quick, say: (line) => log(`    ${line}`) });
      log(`· Measuring ${title}: done in ${seconds(since)}`);
    }
  } finally {
    server.close();
  }
  return result;
}

export const partNames = Object.keys(parts);

export function report(result) {
  return Object.entries(result.parts).map(([name, found]) => parts[name].print(found)).join("\n\n");
}

const machine = () => ({ processor: cpus()[0]?.model, processors: cpus().length, memory: totalmem(), node: process.version, system: `${process.platform} ${process.arch}` });

function commit() {
  try {
    return execFileSync("git", ["describe", "--always", "--dirty"], { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return null;
  }
}

if (isProgram(import.meta)) {
  await command(async () => {
    const args = process.argv.slice(2);
    const quick = args.includes("--quick");
    const names = args.filter((arg) => arg !== "--quick");
    const unknown = names.find((name) => !parts[name]);
    if (unknown) throw new Problem(`There is no part "${unknown}"; there are: ${partNames.join(", ")}.`);
    const since = performance.now();
    const result = await measure(names.length > 0 ? names : partNames, { quick });
    const path = join(output, quick ? "quick.json" : "bench.json");
    mkdirSync(output, { recursive: true });
    writeFileSync(path, `${JSON.stringify(result, null, 2)}\n`);
    const { processor, processors } = result.machine;
    say(`\n${report(result)}\n\n${processors} × ${processor}. Median (smallest–largest). *noisy*: others used more than ${NOISY * 100} % of the machine ("others").`);
    say(`Took ${seconds(since)}; every run is in ${path}.`);
  });
}
