// A pane that is let go in the middle of something: nothing lives on in it. The page's own model around the scripted client (scripted/client.js), in
// this process: no screen shows a client that nobody looks at.
import assert from "node:assert/strict";
import { before, beforeEach, test } from "node:test";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { build } from "esbuild";

import { root } from "../../scripts/lib/shell.mjs";

let Pane;
const alice = { uid: "alice", name: "Alice Chen", token: "token-alice", deviceFlag: 1 };
/** Answers a log-in, when the test lets it. */
let answerLogIn;

before(async () => {
  const outfile = join(root, "tests", "page", "output", "pane.mjs");
  const here = join(root, "tests", "page", "scripted", "client.js");
  await build({ entryPoints: [join(root, "www", "src", "model", "pane.ts")], outfile, bundle: true, format: "esm", alias: { jindou: here }, logLevel: "warning" });
  globalThis.document = { documentElement: {} };
  globalThis.navigator ??= { language: "en" };
  globalThis.fetch = async (path) => {
    if (path === "/v1/login") await new Promise((answer) => { answerLogIn = answer; });
    return Response.json(path === "/v1/login" ? alice : { addresses: ["ws://127.0.0.1:9"], groups: [] });
  };
  ({ Pane } = await import(pathToFileURL(outfile)));
});

beforeEach(() => {
  scripted.clients.clear();
  scripted.opened = 0;
});

/** Lets `opening` end, and says how many clients there were and how many are left. */
async function afterwards(opening) {
  await opening;
  return { opened: scripted.opened, left: scripted.clients.size };
}

test("who stays has a client", async () => {
  const pane = new Pane(1, true);
  assert.deepEqual(await afterwards(pane.open(alice)), { opened: 1, left: 1 });
  assert.equal(pane.state.value.view, "open");
  await pane.leave();
  assert.equal(scripted.clients.size, 0);
});

test("a pane that is left while it opens closes what it opened", async () => {
  const pane = new Pane(1, true);
  const opening = pane.open(alice);
  await pane.leave();
  assert.deepEqual(await afterwards(opening), { opened: 1, left: 0 });
});

test("a pane whose person is changed while it opens shows the entrance, and closes what it opened", async () => {
  const pane = new Pane(1, true);
  const opening = pane.open(alice);
  pane.switchAccount();
  assert.deepEqual(await afterwards(opening), { opened: 1, left: 0 });
  assert.equal(pane.state.value.view, "entering");
});

test("a pane that is left while it logs in opens nothing", async () => {
  const pane = new Pane(1, true);
  const entering = pane.logIn("alice", "secret");
  await pane.leave();
  answerLogIn();
  assert.deepEqual(await afterwards(entering), { opened: 0, left: 0 });
});

test("a pane that is left while it opens again opens nothing more", async () => {
  const pane = new Pane(1, true);
  await pane.open(alice);
  const opening = pane.reopen();
  await pane.leave();
  assert.deepEqual(await afterwards(opening), { opened: 1, left: 0 });
});
