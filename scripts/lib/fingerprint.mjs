// Knows whether something that was built is still what its sources would give, without building it.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

import { root } from "./shell.mjs";

/** Every file below `path` (or `path` itself), in a stable order; a missing one counts as no files. */
export function files(path, skip = () => false) {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((entry) => join(path, entry.name))
    .filter((child) => !skip(child))
    .flatMap((child) => files(child, skip));
}

/** A hash over the names and contents of `paths` and over `words` (versions and settings that matter as much as the sources). */
export function fingerprint(paths, ...words) {
  const hash = createHash("sha256");
  for (const word of words) hash.update(`${word}\n`);
  for (const path of paths) {
    hash.update(`${relative(root, path)}\n`);
    hash.update(createHash("sha256").update(readFileSync(path)).digest());
  }
  return hash.digest("hex");
}

// The marks stand beside cargo's output, so that one `rm -r target` forgets everything that was built.
const markOf = (name) => join(root, "target", "jindou", name);

/** Does `work` unless `print` is what it was the last time and all of `outputs` are there. Returns whether it was done. */
export async function whenChanged(name, print, outputs, work) {
  const mark = markOf(name);
  if (existsSync(mark) && readFileSync(mark, "utf8") === print && outputs.every((path) => existsSync(path))) return false;
  rmSync(mark, { force: true });
  await work();
  mkdirSync(dirname(mark), { recursive: true });
  writeFileSync(mark, print);
  return true;
}
