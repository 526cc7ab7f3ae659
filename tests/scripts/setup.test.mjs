import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { test } from "node:test";

import { root } from "../../scripts/lib/shell.mjs";

test("what clippy warns of fails the lints, but not where the compiler came after them", () => {
  const folder = mkdtempSync(join(tmpdir(), "jindou-scripts-"));
  const body = `const { strictly } = await import(${JSON.stringify(join(root, "scripts", "setup.mjs"))}); console.log(strictly().join(" "));`;
  const of = (version) => {
    writeFileSync(join(folder, "rustc"), `#!/bin/sh\necho "rustc ${version} (0123abcd 2030-01-01)"\n`, { mode: 0o755 });
    const env = { ...process.env, PATH: `${folder}${delimiter}${process.env.PATH}` };
    return spawnSync(process.execPath, ["--input-type=module", "--eval", body], { env, encoding: "utf8" }).stdout.trim();
  };
  try {
    assert.equal(of("1.94.0"), "-- -D warnings");
    assert.equal(of("1.99.1"), "-- -D warnings");
    assert.equal(of("1.100.0"), "");
    assert.equal(of("2.0.0"), "");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
