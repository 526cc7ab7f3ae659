// A pane that is let go in the middle of something: nothing lives on in it. And what is drawn again when something changes. The page's own model around the scripted client (scripted/client.js), in
// this process: no screen shows a client that nobody looks at.
import assert from "node:assert/strict";
import { before, beforeEach, test } from "node:test";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { build } from "esbuild";

import { root } from "../../scripts/lib/shell.mjs";

let Pane;
let effect;
const alice = { uid: "alice", name: "Alice Chen", token: "token-alice", deviceFlag: 1 };
/** Answers a log-in, when the test lets it. */
let answerLogIn;

before(async () => {
  const outfile = join(root, "tests", "page", "output", "pane.mjs");
  const here = join(root, "tests", "page", "scripted", "client.js");
  const stdin = { contents: 'export { Pane } from "./pane"; export { effect } from "@preact/signals";', resolveDir: join(root, "www", "src", "model") };
  await build({ stdin, outfile, bundle: true, format: "esm", alias: { jindou: here }, logLevel: "warning" });
  globalThis.document = { documentElement: {} };
  globalThis.navigator ??= { language: "en" };
  globalThis.fetch = async (path) => {
    if (path === "/v1/login") await new Promise((answer) => { answerLogIn = answer; });
    return Response.json(path === "/v1/login" ? alice : { addresses: ["ws://127.0.0.1:9"], groups: [] });
  };
  ({ Pane, effect } = await import(pathToFileURL(outfile)));
});

beforeEach(() => {
  scripted.clients.clear();
  scripted.opened = 0;
  scripted.wiped = [];
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

test("who logs out and erases has it erased, though the kick is here before the answer", async () => {
  const pane = new Pane(1, true);
  await pane.open(alice);
  const { chat } = pane.state.value;
  while (chat.connection.value.state !== "ready") await new Promise((done) => setTimeout(done, 10));
  const answered = globalThis.fetch;
  let answerLogOut;
  globalThis.fetch = async (path) => {
    if (path === "/v1/logout") await new Promise((answer) => { answerLogOut = answer; });
    return path === "/v1/me" ? Response.json({ code: "unauthorized" }, { status: 401 }) : Response.json({});
  };
  const leaving = pane.logOut(true);
  chat.client.become({ state: "kicked", reason: "" });
  while (!chat.ended.value) await new Promise((done) => setTimeout(done, 1));
  assert.equal(pane.state.value.view, "open", "what is not over is not shown as over");
  answerLogOut();
  await leaving;
  globalThis.fetch = answered;
  assert.deepEqual(scripted.wiped, ["alice"]);
  assert.deepEqual(pane.state.value, { view: "entering", uid: "alice", sessionOver: false });
});

test("a name or a message that comes is no reason to draw the conversations of others again", async () => {
  for (const uid of ["bob", "carol"]) scripted.say(uid, { channelId: "alice", channelType: 1 }, { type: 1, content: `from ${uid}` });
  const pane = new Pane(0, true);
  await pane.open(alice);
  const { chat } = pane.state.value;
  while (chat.list.value.length < 2) await new Promise((done) => setTimeout(done, 10));
  const names = [];
  const stop = effect(() => { names.push(chat.directory.personName("bob")); });
  const people = [{ uid: "carol", name: "Carol" }];
  const answered = globalThis.fetch;
  globalThis.fetch = async () => Response.json({ people });
  await chat.directory.search("x");
  assert.deepEqual(names, ["bob"]);
  people.push({ uid: "bob", name: "Bob" });
  await chat.directory.search("x");
  assert.deepEqual(names, ["bob", "Bob"]);
  globalThis.fetch = answered;
  stop();

  const entryOf = (uid) => chat.list.value.find(({ channel }) => channel.channelId === uid);
  while (chat.connection.value.state !== "ready") await new Promise((done) => setTimeout(done, 10));
  for (let turn = 0; turn < 50; turn++) await undefined;
  const before = [entryOf("bob"), entryOf("carol")];
  scripted.say("carol", { channelId: "alice", channelType: 1 }, { type: 1, content: "again" });
  assert.equal(entryOf("bob"), before[0]);
  assert.notEqual(entryOf("carol"), before[1]);
  await pane.leave();
});

test("a group is called by its new name, and is gone when one has left, where the page comes back without a network", async () => {
  const stored = new Map();
  const before = Object.getOwnPropertyDescriptor(globalThis, "localStorage");
  const storage = { getItem: (key) => stored.get(key) ?? null, setItem: (key, text) => stored.set(key, text), removeItem: (key) => stored.delete(key) };
  Object.defineProperty(globalThis, "localStorage", { value: storage, configurable: true });
  const answered = globalThis.fetch;
  const group = (groupId, name) => ({ groupId, name, role: "owner", members: [{ ...alice, role: "owner" }] });
  let groups = [group("g1", "Evening walk"), group("g2", "Chess")];
  globalThis.fetch = async (path) => Response.json(path === "/v1/groups" ? { groups } : {});
  const names = () => (JSON.parse(stored.get("jindou.names.alice") ?? "{}").groups ?? []).map(({ name }) => name);
  const kept = async (wanted) => {
    for (const until = Date.now() + 5000; names().join() !== wanted.join() && Date.now() < until; ) await new Promise((done) => setTimeout(done, 10));
    assert.deepEqual(names(), wanted);
  };
  const pane = new Pane(0, true);
  await pane.open(alice);
  const { directory } = pane.state.value.chat;
  await kept(["Evening walk", "Chess"]);
  await directory.change(Promise.resolve(group("g1", "Morning walk")));
  await kept(["Morning walk", "Chess"]);
  groups = [group("g1", "Noon walk")];
  await directory.refresh();
  await kept(["Noon walk"]);
  await pane.leave();
  globalThis.fetch = answered;
  if (before) Object.defineProperty(globalThis, "localStorage", before);
  else delete globalThis.localStorage;
});
