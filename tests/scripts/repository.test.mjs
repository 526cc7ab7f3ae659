// Rules that hold for every file of the repository, whichever language it is written in.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { root } from "../../scripts/lib/shell.mjs";

const tracked = execFileSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" }).split("\0").filter((path) => path && existsSync(join(root, path)));
const sources = tracked.filter((path) => /\.(rs|mjs|js|ts|css|html|toml)$/.test(path));
const read = (path) => readFileSync(join(root, path), "utf8");

test("no source file is longer than 800 lines: it is two concepts by then", () => {
  assert.deepEqual(sources.filter((path) => read(path).split("\n").length > 801), []);
});

test("nothing is left for later in a comment", () => {
  const mark = new RegExp(`\\b(${["TO", "FIX"].map((word, index) => word + ["DO", "ME"][index]).join("|")})\\b`);
  assert.deepEqual(sources.filter((path) => mark.test(read(path))), []);
});

test("what is built is not committed", () => {
  assert.deepEqual(tracked.filter((path) => /^(pkg|target|www\/dist|node_modules|\.data)\//.test(path)), []);
});

test("the lock files are those of the manifests", () => {
  execFileSync("cargo", ["metadata", "--locked", "--format-version", "1"], { cwd: root, stdio: ["ignore", "ignore", "inherit"], maxBuffer: Infinity });
  const [manifest, lock] = ["package.json", "package-lock.json"].map((path) => JSON.parse(read(path)));
  assert.deepEqual(lock.packages[""].devDependencies, manifest.devDependencies);
  assert.deepEqual(lock.packages[""].dependencies, manifest.dependencies);
});
