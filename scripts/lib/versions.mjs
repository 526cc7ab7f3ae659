// Reads from the lock files which versions belong together.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { root } from "./shell.mjs";

/** The locked version of a crate, or undefined where the lock file does not name it. */
export function crateVersion(name, lock = readFileSync(join(root, "Cargo.lock"), "utf8")) {
  for (const entry of lock.split("[[package]]")) {
    if (entry.includes(`\nname = "${name}"\n`)) return /\nversion = "([^"]+)"/.exec(entry)?.[1];
  }
  return undefined;
}

/** Whether the installed packages are those of the lock file. `installed` is the list that npm keeps inside node_modules. */
export function packagesMatch(lock, installed, present = () => true) {
  for (const [path, wanted] of Object.entries(lock.packages)) {
    if (path === "") continue;
    const found = installed?.packages[path];
    // Packages for other platforms are in the lock and never installed.
    if (!found && wanted.optional) continue;
    if (found?.version !== wanted.version || found?.integrity !== wanted.integrity || !present(path)) return false;
  }
  return true;
}

export function packagesInstalled() {
  const list = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(list)) return false;
  const read = (path) => JSON.parse(readFileSync(path, "utf8"));
  return packagesMatch(read(join(root, "package-lock.json")), read(list), (path) => existsSync(join(root, path)));
}
