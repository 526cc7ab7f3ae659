import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";

import { alone } from "../../scripts/lib/alone.mjs";
import { root } from "../../scripts/lib/shell.mjs";

const folder = (name) => join(root, "target", "jindou", `alone-${process.pid}-${name}`);

test("a second demo with the same records hears where the first one is", async () => {
  const tell = await alone(folder("same"));
  await assert.rejects(alone(folder("same")), { message: "Jindou is running already with the records of this folder. Please end it first." });
  tell("http://127.0.0.1:5480");
  await assert.rejects(alone(folder("same")), { message: "Jindou is running already with the records of this folder: http://127.0.0.1:5480. Please end it first." });
  await alone(folder("other"));
});

test("a demo that was killed is in nobody's way", async () => {
  const module = JSON.stringify(join(root, "scripts", "lib", "alone.mjs"));
  const script = `import { alone } from ${module}; await alone(${JSON.stringify(folder("killed"))}); console.log("there"); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  await assert.rejects(alone(folder("killed")), /running already/);
  child.kill("SIGKILL");
  await once(child, "exit");
  await alone(folder("killed"));
});

test("of demos that are started at once only one runs", async () => {
  const script = (name) => `import { alone } from ${JSON.stringify(join(root, "scripts", "lib", "alone.mjs"))}; await alone(${JSON.stringify(folder(name))}).then(() => console.log("runs"), ({ message }) => console.log(message)); setInterval(() => {}, 1000);`;
  const children = Array.from({ length: 4 }, () => spawn(process.execPath, ["--input-type=module", "--eval", script("race")], { stdio: ["ignore", "pipe", "inherit"] }));
  try {
    const said = await Promise.all(children.map(async (child) => String((await once(child.stdout, "data"))[0]).trim()));
    assert.deepEqual(said.sort(), [...Array(3).fill("Jindou is running already with the records of this folder. Please end it first."), "runs"]);
  } finally {
    for (const child of children) child.kill("SIGKILL");
  }
});
