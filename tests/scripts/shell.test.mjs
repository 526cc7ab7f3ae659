import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { root } from "../../scripts/lib/shell.mjs";

const shell = JSON.stringify(join(root, "scripts", "lib", "shell.mjs"));
const program = (body) => ["--input-type=module", "--eval", `import { Problem, command, launch, run, together } from ${shell};\n${body}`];

const isAlive = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

test("a problem is told in one sentence, after what the failing program printed, and fails the command", () => {
  const body = `await command(() => run("sh", ["-c", "echo inner; exit 3"], { otherwise: "It did not work." }));`;
  const { status, stderr } = spawnSync(process.execPath, program(body), { encoding: "utf8" });
  assert.equal(status, 1);
  assert.equal(stderr, "inner\n\nIt did not work.\n");
});

test("the first of several failures ends the other work", () => {
  const body = `await command(() => together(run("sleep", ["60"]), run("false", [], { otherwise: "Broken." })));`;
  const since = Date.now();
  const { status, stderr } = spawnSync(process.execPath, program(body), { encoding: "utf8" });
  assert.equal(status, 1);
  assert.match(stderr, /\n\nBroken\.\n$/);
  assert.ok(Date.now() - since < 20_000, "the other program was waited for");
});

test("what was ended because something else failed is not told as the failure", () => {
  const inner = `together(run("sleep", ["60"], { otherwise: "Ended." }), run("sh", ["-c", "echo why; exit 1"], { otherwise: "Broken." }))`;
  const body = `await command(() => together(run("sh", ["-c", "echo busy; exec sleep 60"], { otherwise: "Ended too." }), ${inner}));`;
  const { status, stderr } = spawnSync(process.execPath, program(body), { encoding: "utf8", timeout: 20_000 });
  assert.equal(status, 1);
  assert.equal(stderr, "why\n\nBroken.\n");
});

test("a build that is ended is not tried another way", () => {
  const folder = mkdtempSync(join(tmpdir(), "jindou-scripts-"));
  const cargo = join(folder, "cargo");
  writeFileSync(cargo, `#!/bin/sh\necho started >> "${join(folder, "log")}"\nexec sleep 60\n`, { mode: 0o755 });
  const body = `const { compileWasm } = await import(${JSON.stringify(join(root, "scripts", "build.mjs"))});
    const broken = ["-c", 'until [ -e "$0" ]; do sleep 0.1; done; exit 1', ${JSON.stringify(join(folder, "log"))}];
    await command(() => together(compileWasm(${JSON.stringify(cargo)}), run("sh", broken, { otherwise: "Broken." })));`;
  const { stdout, stderr } = spawnSync(process.execPath, program(body), { encoding: "utf8", timeout: 20_000 });
  const log = readFileSync(join(folder, "log"), "utf8");
  rmSync(folder, { recursive: true });
  assert.doesNotMatch(stdout, /trying with less/);
  assert.equal(log, "started\n");
  assert.match(stderr, /\n\nBroken\.\n$/);
});

const gone = async (pids) => {
  // A process that was killed takes a moment to be gone.
  for (const until = Date.now() + 5000; pids.some(isAlive) && Date.now() < until; ) await new Promise((next) => setImmediate(next));
  assert.ok(!pids.some(isAlive), "a process is still there");
};

test("an interrupted command ends its children and what they started", async () => {
  const body = `await command(() => {
    const child = launch("sh", ["-c", "sleep 60 & echo $! $$; wait"]);
    child.stdout.pipe(process.stdout);
    return new Promise(() => {});
  });`;
  const parent = spawn(process.execPath, program(body), { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(parent.stdout, "data");
  const pids = String(line).trim().split(" ").map(Number);
  assert.ok(pids.every(isAlive));
  parent.kill("SIGINT");
  const [code] = await once(parent, "exit");
  assert.equal(code, 130);
  await gone(pids);
});

test("a command that is interrupted in the middle of a test ends the servers of that test", async () => {
  const inner = program(`const child = launch("sleep", ["60"]); console.log(child.pid); setInterval(() => {}, 1000);`);
  const body = `await command(() => run(process.execPath, ${JSON.stringify(inner)}, { show: true }));`;
  const parent = spawn(process.execPath, program(body), { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(parent.stdout, "data");
  const server = Number(String(line).trim());
  assert.ok(isAlive(server));
  parent.kill("SIGTERM");
  const [code] = await once(parent, "exit");
  assert.equal(code, 143);
  await gone([server]);
});
