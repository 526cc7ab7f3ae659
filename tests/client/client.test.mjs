// The package in real Chromium, with the gateway double and the business server: two people, in a worker and on the page.
// With WUKONGIM_API the same against a real WuKongIM in place of the double.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { pkg } from "../../scripts/build.mjs";
import { openBrowser } from "../../scripts/lib/browser.mjs";
import { startBusiness, startGateway } from "../../scripts/lib/servers.mjs";
import { endAll } from "../../scripts/lib/shell.mjs";
import { servePage } from "./harness.mjs";

const real = process.env.WUKONGIM_API;
const programs = { gateway: process.env.JINDOU_TEST_GATEWAY, business: process.env.JINDOU_TEST_BUSINESS };
let home;
let wukongim;
let browser;
let gateway;
let business;
let site;
let people = 0;
const run = Date.now().toString(36);

before(async () => {
  home = mkdtempSync(join(tmpdir(), "jindou-client-"));
  site = servePage(join(home, "page"), pkg);
  wukongim = real ?? (gateway = await startGateway({ program: programs.gateway, data: join(home, "gateway") })).addresses.api;
  business = await startBusiness({ program: programs.business, data: join(home, "business"), wukongim, page: site, demo: false });
  browser = await openBrowser();
});

after(async () => {
  await browser?.close();
  await endAll();
  rmSync(home, { recursive: true, force: true });
});

/** Somebody new, with an account and a browser of their own. */
async function person(name) {
  people += 1;
  // A real server remembers the people of earlier runs.
  const uid = `${name}-${run}-${people}`;
  const password = "correct horse battery";
  const answer = await fetch(new URL("/v1/signup", business.addresses.url), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ uid, name, password, deviceFlag: 1 }),
  });
  assert.ok(answer.ok, `the account is made: ${answer.status} ${await answer.clone().text()}`);
  const { token } = await answer.json();
  const context = await browser.newContext();
  return { uid, token, context };
}

/** A tab of theirs, with a client in it; what it hears is kept in `heard`. */
async function tab(person, options = {}) {
  const page = await person.context.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (line) => line.type() === "error" && !/WebSocket connection|Failed to load resource/.test(line.text()) && problems.push(line.text()));
  await page.goto(business.addresses.url);
  const open = async () => {
    await page.waitForFunction(() => globalThis.jindou);
    return page.evaluate(async ({ uid, token, options }) => {
      const { Client } = globalThis.jindou;
      globalThis.im = await Client.open({ uid, token, business: location.origin, ...options });
      globalThis.heard = [];
      for (const type of ["connection", "message", "message-changed", "conversation", "history", "recall", "sync", "problem", "quarantined"]) globalThis.im.on(type, (event) => globalThis.heard.push(event));
      return globalThis.im.mode;
    }, { uid: person.uid, token: person.token, options });
  };
  return { page, problems, open, run: (script, argument) => page.evaluate(script, argument) };
}

const connected = async (tab) => {
  await tab.open();
  await tab.run(() => globalThis.im.connect());
};
const send = (tab, to, text) => tab.run(([channelId, content]) => globalThis.im.send({ channelId, channelType: 1 }, { type: 1, content }), [to, text]);
const texts = (tab, with_) => tab.run((channelId) => globalThis.im.messages({ channelId, channelType: 1 }).then((page) => page.messages.map((message) => message.content?.content ?? message.state)), with_);
const arrives = (tab, with_, text) =>
  tab.page.waitForFunction(([channelId, text]) => globalThis.heard.some((event) => event.type === "message" && event.message.channelId === channelId && event.message.content?.content === text), [with_, text], { timeout: 15_000 });

test("a content that is no object of JSON arrives as it is: a text, or bytes", { timeout: 60_000 }, async () => {
  const [alice, bob] = [await person("alice"), await person("bob")];
  const a = await tab(alice);
  await connected(a);
  const sendRaw = async (payload) => {
    const body = { header: { red_dot: 1 }, from_uid: bob.uid, channel_id: alice.uid, channel_type: 1, payload: Buffer.from(payload).toString("base64") };
    const answer = await fetch(new URL("/message/send", wukongim), { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
    assert.ok(answer.ok, `it is sent: ${answer.status}`);
  };
  await sendRaw("[1]");
  await sendRaw([0xff, 0x00, 0xfe]);
  await a.page.waitForFunction(() => globalThis.heard.filter((event) => event.type === "message").length === 2, null, { timeout: 15_000 });
  const page = await a.run(async (channelId) => {
    const shape = (message) => [message.content.constructor.name, ...message.content];
    const { messages } = await globalThis.im.messages({ channelId, channelType: 1 });
    const told = globalThis.heard.filter((event) => event.type === "message").map((event) => event.message);
    const [last] = await globalThis.im.conversations();
    return [messages, told, [last.lastMessage]].map((list) => list.map(shape));
  }, bob.uid);
  assert.deepEqual(page, [[["String", "[", "1", "]"], ["Uint8Array", 255, 0, 254]], [["String", "[", "1", "]"], ["Uint8Array", 255, 0, 254]], [["Uint8Array", 255, 0, 254]]]);
  await alice.context.close();
});

for (const worker of [true, false]) {
  const where = worker ? "in a worker" : "on the page";

  test(`two people talk, ${where}`, { timeout: 90_000 }, async () => {
    const [alice, bob] = [await person("alice"), await person("bob")];
    const [a, b] = [await tab(alice, { worker }), await tab(bob, { worker })];
    assert.equal(await a.open(), worker ? "worker" : "page");
    await a.run(() => globalThis.im.connect());
    await connected(b);
    const sent = await send(a, bob.uid, "你好");
    assert.equal(sent.type, "sent");
    assert.equal(sent.message.delivery, "sent");
    assert.match(sent.message.messageId, /^\d+$/);
    await arrives(b, alice.uid, "你好");
    const unread = () => b.run(() => globalThis.im.conversations().then(([conversation]) => conversation.unread));
    assert.equal(await unread(), 1);
    await b.run(([channelId, seq]) => globalThis.im.markRead({ channelId, channelType: 1 }, seq), [alice.uid, sent.message.messageSeq]);
    assert.equal(await unread(), 0);
    await send(b, alice.uid, "hello");
    await arrives(a, bob.uid, "hello");
    assert.deepEqual(await texts(a, bob.uid), ["你好", "hello"]);
    assert.deepEqual(await texts(b, alice.uid), ["你好", "hello"]);

    // After a reload everything is there, before there is a network, and once.
    await b.page.reload();
    await b.open();
    assert.deepEqual(await texts(b, alice.uid), ["你好", "hello"]);
    await b.run(() => globalThis.im.connect());
    await b.page.waitForFunction(() => globalThis.heard.some((event) => event.type === "sync" && event.done), null, { timeout: 20_000 });
    assert.deepEqual(await texts(b, alice.uid), ["你好", "hello"]);

    // A recall is known to both and leaves no content.
    const recalled = await a.run((message) => globalThis.im.recall(message), sent.message);
    assert.equal(recalled.state, "recalled");
    await b.page.waitForFunction(() => globalThis.heard.some((event) => event.type === "recall"), null, { timeout: 15_000 });
    assert.deepEqual(await texts(b, alice.uid), ["recalled", "hello"]);
    assert.deepEqual(await texts(a, bob.uid), ["recalled", "hello"]);
    for (const { problems } of [a, b]) assert.deepEqual(problems, []);
    await alice.context.close();
    await bob.context.close();
  });

  test(`what was sent without a network leaves after a reload, once, ${where}`, { timeout: 90_000 }, async () => {
    const [alice, bob] = [await person("alice"), await person("bob")];
    const [a, b] = [await tab(alice, { worker }), await tab(bob, { worker })];
    await connected(b);
    await a.open();
    // Not connected yet: it is accepted, kept and not sent.
    const pending = await a.run((channelId) => globalThis.im.send({ channelId, channelType: 1 }, { type: 1, content: "later" }, { deadline: 50 }), bob.uid);
    assert.equal(pending.type, "pending");
    await a.page.reload();
    await a.open();
    const outbox = await a.run(() => globalThis.im.outbox());
    assert.deepEqual(outbox.map(({ clientMsgNo, content }) => [clientMsgNo, content.content]), [[pending.clientMsgNo, "later"]]);
    await a.run(() => globalThis.im.connect());
    await arrives(b, alice.uid, "later");
    await a.page.waitForFunction(() => globalThis.im.outbox().then((outbox) => outbox.length === 0), null, { timeout: 15_000 });
    assert.deepEqual(await texts(b, alice.uid), ["later"]);
    assert.deepEqual(await texts(a, bob.uid), ["later"]);
    for (const { problems } of [a, b]) assert.deepEqual(problems, []);
    await alice.context.close();
    await bob.context.close();
  });

  test(`a second tab with the same database hears in-use, and gets it once the first is closed, ${where}`, { timeout: 60_000 }, async () => {
    const alice = await person("alice");
    const [first, second] = [await tab(alice, { worker }), await tab(alice, { worker })];
    await first.open();
    const refusal = await second.run(({ uid, token, worker }) => globalThis.jindou.Client.open({ uid, token, business: location.origin, worker }).then(() => "opened", (error) => ({ name: error.name, code: error.code, retryable: error.retryable })), { ...alice, context: undefined, worker });
    assert.deepEqual(refusal, { name: "JindouError", code: "in-use", retryable: true });
    await first.run(() => globalThis.im.close());
    await second.open();
    await second.page.close();
    await first.open();
    await alice.context.close();
  });

  test(`every promise settles when the client is closed, ${where}`, { timeout: 60_000 }, async () => {
    const alice = await person("alice");
    const a = await tab(alice, { worker });
    await a.open();
    const outcome = await a.run(async () => {
      const { im } = globalThis;
      const read = (async () => {
        for await (const event of im.events()) if (event.type === "connection") return event.connection.state;
        return "ended";
      })();
      const waiting = im.send({ channelId: "somebody", channelType: 1 }, { type: 1, content: "never" }).catch((error) => error.code);
      const controller = new AbortController();
      const aborted = im.connect({ signal: controller.signal }).catch((error) => [error.code, error.cause]);
      controller.abort("enough");
      const closing = [im.close(), im.close()];
      const late = await im.outbox().catch((error) => error.code);
      await Promise.all(closing);
      return { waiting: await waiting, aborted: await aborted, late, read: await read, connection: im.connection, after: await im.connect().catch((error) => error.code) };
    });
    assert.deepEqual({ ...outcome, read: undefined }, { waiting: "closed", aborted: ["aborted", "enough"], late: "closed", read: undefined, connection: { state: "closed" }, after: "closed" });
    await alice.context.close();
  });

  test(`wrong arguments are told by name, ${where}`, { timeout: 60_000 }, async () => {
    const alice = await person("alice");
    const a = await tab(alice, { worker });
    await a.open();
    const told = await a.run(async () => {
      const { im } = globalThis;
      const channel = { channelId: "somebody", channelType: 1 };
      const circle = { type: 1 };
      circle.self = circle;
      const tries = [
        () => im.send({ channelId: "", channelType: 1 }, { type: 1, content: "x" }),
        () => im.send({ channelId: "a@b", channelType: 1 }, { type: 1, content: "x" }),
        () => im.send({ channelId: "a", channelType: 300 }, { type: 1, content: "x" }),
        () => im.send({ channelId: "a" }, { type: 1, content: "x" }),
        () => im.send(undefined, { type: 1, content: "x" }),
        () => im.send(channel, "text"),
        () => im.send(channel, circle),
        () => im.send(channel, { type: 1, n: 1n }),
        () => im.send(channel, { type: 1, content: "x" }, { clientMsgNo: "" }),
        () => im.send(channel, { type: 1, content: "x" }, { deadline: -1 }),
        () => im.send(channel, { type: 1, content: "x" }, { topic: 5 }),
        () => im.send(channel, { type: 1, content: "x" }, { deadline: NaN }),
        () => im.send(channel, { type: 1, content: "x".repeat(30_000) }),
        () => im.messages(channel, { limit: 0 }),
        () => im.messages(channel, { limit: Infinity }),
        () => im.send(channel, { type: 1, content: "x" }, { expire: -Infinity }),
        () => im.messages(channel, { before: 1.5 }),
        () => im.messages(channel, { before: "no number" }),
        () => im.markRead(channel, -1),
        () => im.retry("nothing"),
        () => im.recall({ ...channel, messageId: "1" }),
      ];
      const throws = { get: () => { throw new Error("not yours"); } };
      const hostile = new Proxy({}, throws);
      const text = { type: 1, content: "x" };
      const hostileTries = [
        () => im.connect(hostile),
        () => im.connect({ signal: {} }),
        async () => im.events({ signal: "now" }),
        async () => im.events(hostile),
        () => im.send(hostile, text),
        () => im.send(channel, hostile),
        () => im.send(channel, Promise.resolve(text)),
        () => im.send(channel, text, hostile),
        () => im.send(channel, text, { signal: "now" }),
        () => im.send(channel, text, { redDot: () => false }),
        () => im.send(channel, text, { clientMsgNo: NaN }),
        () => im.send({ channelId: NaN, channelType: 1 }, text),
        () => im.messages(hostile),
        () => im.messages(channel, hostile),
        () => im.markRead(hostile, 1),
        () => im.recall(hostile),
        () => im.restore(channel, hostile),
        () => im.reedit(Object.defineProperty({ ...channel }, "messageId", throws)),
        () => im.audit(hostile),
        () => globalThis.jindou.Client.open(null),
        () => globalThis.jindou.Client.open(hostile),
        () => globalThis.jindou.Client.open({ uid: "a", token: "t", business: hostile }),
        () => globalThis.jindou.Client.open({ uid: "a", token: "t", gateway: "ws://127.0.0.1:9", deviceFlag: Symbol() }),
      ];
      const codes = [];
      for (const attempt of tries.concat(hostileTries)) codes.push(await attempt().then(() => "done", (error) => `${error.name} ${error.code}`));
      const nothing = [(await im.audit(null)).length, (await im.messages(channel, { before: Infinity })).messages.length, await im.connect(null)];
      // A signal that cannot be let go of is left alone.
      const signal = { aborted: false, addEventListener() {}, removeEventListener: throws.get };
      await im.conversations();
      await im.messages(channel, { signal });
      await im.events({ signal }).return();
      return { codes, nothing };
    });
    const { codes, nothing } = told;
    const invalid = "JindouError invalid-argument";
    assert.deepEqual(codes.slice(21), Array(23).fill(invalid));
    assert.deepEqual(nothing, [2, 0, undefined], "null is no options");
    assert.deepEqual(codes.slice(0, 12), Array(12).fill(invalid));
    assert.equal(codes[12], "JindouError too-large");
    assert.deepEqual(codes.slice(13, 19), Array(6).fill(invalid));
    assert.equal(codes[19], "JindouError not-found");
    assert.match(codes[20], /^JindouError (recall-denied|not-found|unavailable)$/);
    await alice.context.close();
  });
}

test("a window for duplicates is a whole number of milliseconds", { timeout: 60_000 }, async () => {
  const a = await tab(await person("alice"));
  const outcomes = await a.run(async () => {
    const outcomes = [];
    for (const dedupWindow of [0, 1, 3_600_000, Number.MAX_SAFE_INTEGER, Infinity, null, NaN, -1, 1.5, 1e300, "5", true]) {
      const opening = globalThis.jindou.Client.open({ uid: "a", token: "t", gateway: "ws://127.0.0.1:9", database: "window", dedupWindow });
      outcomes.push(await opening.then((im) => im.wipe().then(() => "opened"), (error) => `${error.name} ${error.code}`));
    }
    return outcomes;
  });
  assert.deepEqual(outcomes, [...Array(6).fill("opened"), ...Array(6).fill("JindouError invalid-argument")]);
});

test("several clients live in one page, and one that is wiped leaves no database", { timeout: 60_000 }, async () => {
  const [alice, bob] = [await person("alice"), await person("bob")];
  const a = await tab(alice);
  const outcome = await a.run(
    async (people) => {
      const { Client } = globalThis.jindou;
      const clients = [];
      for (const [index, { uid, token }] of people.entries()) clients.push(await Client.open({ uid, token, business: location.origin, worker: index === 0 }));
      const [alice, bob] = clients;
      await Promise.all(clients.map((im) => im.connect()));
      const got = new Promise((resolve) => bob.on("message", ({ message }) => resolve(message.content.content)));
      await alice.send({ channelId: bob.uid, channelType: 1 }, { type: 1, content: "next door" });
      const text = await got;
      await alice.wipe();
      const names = (await indexedDB.databases()).map(({ name }) => name);
      await bob.close();
      return { text, alice: names.includes(`jindou-${alice.uid}`), bob: names.includes(`jindou-${bob.uid}`) };
    },
    [alice, bob].map(({ uid, token }) => ({ uid, token })),
  );
  assert.deepEqual(outcome, { text: "next door", alice: false, bob: true });
});

test("a database that is another account's is refused as such, and is as it was for its own", { timeout: 60_000 }, async () => {
  const a = await tab(await person("alice"));
  const outcome = await a.run(async () => {
    const open = (uid, worker) => globalThis.jindou.Client.open({ uid, token: "t", gateway: "ws://127.0.0.1:9", database: "shared", worker });
    const owed = async (im) => {
      const outbox = await im.outbox();
      await im.close();
      return outbox.map(({ content }) => content.content);
    };
    const first = await open("first", true);
    await first.send({ channelId: "somebody", channelType: 1 }, { type: 1, content: "mine" }, { deadline: 0 });
    await first.close();
    const refused = [];
    for (const worker of [true, false]) refused.push(await open("second", worker).then(owed, ({ name, code, retryable, message }) => [name, code, retryable, message]));
    return { refused, owed: await owed(await open("first", false)) };
  });
  const refusal = ["JindouError", "invalid-argument", false, "the database belongs to another account"];
  assert.deepEqual(outcome, { refused: [refusal, refusal], owed: ["mine"] });
});

test("a database of a newer version is left alone, and trying again is said to be of no use", { timeout: 60_000 }, async () => {
  const a = await tab(await person("alice"));
  const outcome = await a.run(async () => {
    const newer = () => new Promise((resolve, reject) => {
      const request = indexedDB.open("newer", 1000);
      request.onsuccess = () => { resolve(request.result.version); request.result.close(); };
      request.onerror = () => reject(request.error);
    });
    await newer();
    const refused = [];
    for (const worker of [true, false]) {
      const error = await globalThis.jindou.Client.open({ uid: "a", token: "t", gateway: "ws://127.0.0.1:9", database: "newer", worker }).catch((error) => error);
      refused.push([error.code, error.retryable, error.message]);
    }
    return { refused, version: await newer() };
  });
  const refusal = ["storage", false, "VersionError: a newer version of this application wrote the database: load the page anew"];
  assert.deepEqual(outcome, { refused: [refusal, refusal], version: 1000 });
});

test("without Web Locks whoever opened the client hears so, and the tab that comes later takes over", { timeout: 60_000 }, async () => {
  const alice = await person("alice");
  await alice.context.addInitScript(() => Object.defineProperty(navigator, "locks", { value: undefined }));
  const [first, second] = [await tab(alice, { worker: false }), await tab(alice, { worker: false })];
  const told = (tab, code) => tab.page.waitForFunction((code) => globalThis.heard.some(({ type, error }) => type === "problem" && error.code === code), code, { timeout: 15_000 });
  await first.open();
  await told(first, "not-supported");
  await second.open();
  const keep = (tab) => tab.run(() => globalThis.im.send({ channelId: "somebody", channelType: 1 }, { type: 1, content: "x" }, { deadline: 0 }).then(({ type }) => type, ({ code }) => code));
  assert.match(await keep(first), /^(closed|in-use)$/);
  await told(first, "in-use");
  assert.equal(await keep(second), "pending");
  const ends = (how) => first.run((how) => globalThis.im[how]().then(() => "done", ({ code }) => code), how);
  assert.deepEqual([await ends("wipe"), await ends("close"), await ends("close")], ["closed", "done", "done"], "it has ended, and wipes nothing of another tab's");
  assert.equal(await keep(second), "pending");
  await alice.context.close();
});

for (const worker of [true, false]) {
  test(`closing ends a client whose database gives no answer, and another tab may open it, ${worker ? "in a worker" : "on the page"}`, { timeout: 60_000 }, async () => {
    const alice = await person("alice");
    const deaf = () => {
      for (const [{ prototype }, name] of [[IDBRequest, "onsuccess"], [IDBTransaction, "oncomplete"]]) {
        const known = Object.getOwnPropertyDescriptor(prototype, name);
        Object.defineProperty(prototype, name, { ...known, set(listener) { if (!globalThis.deaf) known.set.call(this, listener); } });
      }
      const { addEventListener } = EventTarget.prototype;
      EventTarget.prototype.addEventListener = function (type, ...more) {
        if (!globalThis.deaf || !/^(success|complete)$/.test(type)) addEventListener.call(this, type, ...more);
      };
    };
    await alice.context.route("**/pkg/worker.js", async (route) => {
      const answer = await route.fetch();
      const goDeaf = 'addEventListener("message", (event) => { if (event.data === "deaf") { globalThis.deaf = true; event.stopImmediatePropagation(); } });';
      await route.fulfill({ response: answer, body: `(${deaf})();\n${goDeaf}\n${await answer.text()}` });
    });
    const [first, second] = [await tab(alice, { worker }), await tab(alice, { worker })];
    await first.run((deaf) => {
      (0, eval)(`(${deaf})()`);
      globalThis.Worker = class extends Worker {
        constructor(...given) {
          super(...given);
          globalThis.worker = this;
        }
      };
    }, String(deaf));
    await first.open();
    const outcome = await first.run(async () => {
      if (globalThis.worker) globalThis.worker.postMessage("deaf");
      else globalThis.deaf = true;
      const sending = globalThis.im.send({ channelId: "somebody", channelType: 1 }, { type: 1, content: "x" }).catch(({ code }) => code);
      await new Promise((resolve) => setTimeout(resolve, 500));
      // Nobody wants to wait for so long in a test.
      const { setTimeout: later } = globalThis;
      globalThis.setTimeout = (call, after, ...given) => later(call, after / 40, ...given);
      const end = () => globalThis.im.close().then(() => "done", ({ code }) => code);
      return [await end(), await sending, await end()];
    });
    assert.deepEqual(outcome, ["storage", "closed", "done"]);
    assert.equal(await second.open(), worker ? "worker" : "page");
    await alice.context.close();
  });
}

for (const worker of [true, false]) {
  test(`opening ends where the database never takes what is written first, and another tab may open it, ${worker ? "in a worker" : "on the page"}`, { timeout: 60_000 }, async () => {
    const alice = await person("alice");
    // Nobody wants to wait for so long in a test.
    const deaf = () => {
      const { addEventListener } = EventTarget.prototype;
      EventTarget.prototype.addEventListener = function (type, ...more) {
        if (type !== "complete") addEventListener.call(this, type, ...more);
      };
      Object.defineProperty(IDBTransaction.prototype, "oncomplete", { set() {} });
      const { setTimeout: later } = globalThis;
      globalThis.setTimeout = (call, after, ...given) => later(call, after / 20, ...given);
    };
    const [first, second] = [await tab(alice, { worker }), await tab(alice, { worker })];
    await first.page.route("**/pkg/worker.js", async (route) => {
      const answer = await route.fetch();
      await route.fulfill({ response: answer, body: `(${deaf})();\n${await answer.text()}` });
    });
    if (!worker) await first.run((deaf) => (0, eval)(`(${deaf})()`), String(deaf));
    const refused = await first.run(({ uid, token, worker }) => globalThis.jindou.Client.open({ uid, token, business: location.origin, worker }).then(() => "opened", ({ code, retryable }) => [code, retryable]), { ...alice, context: undefined, worker });
    assert.deepEqual(refused, ["storage", true]);
    assert.equal(await second.open(), worker ? "worker" : "page");
    await alice.context.close();
  });
}

test("an application's own functions stand in for the business server", { timeout: 60_000 }, async () => {
  const [alice, bob] = [await person("alice"), await person("bob")];
  const [a, b] = [await tab(alice), await tab(bob)];
  await connected(b);
  const asked = await a.run(
    async ({ uid, token, to }) => {
      const asked = new Set();
      const call = (path, method = "POST") => async (request) => {
        asked.add(path);
        const answer = await fetch(`/v1/${path}`, { method, headers: { authorization: `Bearer ${token}`, "content-type": "application/json" }, ...(method === "POST" && { body: JSON.stringify(request) }) });
        const json = await answer.json();
        if (!answer.ok) throw json;
        return json;
      };
      const business = { policy: call("policy", "GET"), history: call("history"), conversations: call("conversations"), marks: call("marks"), recall: call("recall"), commands: call("commands") };
      let tokens = 0;
      const im = await globalThis.jindou.Client.open({
        uid,
        token: async () => { tokens += 1; return token; },
        gateway: async () => (await call("gateway", "GET")()).addresses,
        clientMsgNo: () => `mine-${Math.random()}`,
        business,
      });
      await im.connect();
      const { message } = await im.send({ channelId: to, channelType: 1 }, { type: 1, content: "by function" });
      await im.recall(message);
      const denied = await im.restore(message).catch((error) => error.code);
      await im.close();
      return { asked: [...asked].sort(), tokens: tokens > 0, mine: message.clientMsgNo.startsWith("mine-"), denied };
    },
    { uid: alice.uid, token: alice.token, to: bob.uid },
  );
  assert.ok(asked.asked.includes("gateway") && asked.asked.includes("recall") && asked.asked.includes("marks"), asked.asked.join(" "));
  assert.deepEqual({ tokens: asked.tokens, mine: asked.mine, denied: asked.denied }, { tokens: true, mine: true, denied: "not-supported" });
});

test("what a function of the application gives and is no string is not spelled out", { timeout: 60_000 }, async () => {
  const a = await tab(await person("alice"));
  const outcomes = await a.run(async () => {
    const outcomes = [];
    const open = (options) => globalThis.jindou.Client.open({ uid: "a", token: "t", gateway: "ws://127.0.0.1:9", database: "nonsense", ...options });
    for (const clientMsgNo of [async () => "later", () => undefined]) {
      const im = await open({ clientMsgNo });
      outcomes.push(await im.send({ channelId: "b", channelType: 1 }, { type: 1 }, { deadline: 1 }).then(() => "done", (error) => error.code));
      await im.wipe();
    }
    for (const gateway of [() => undefined, async () => ["ws://127.0.0.1:9", null]]) {
      const im = await open({ gateway });
      const waiting = new Promise((resolve) => im.on("connection", ({ connection }) => connection.state === "waiting" && resolve(connection.error?.message)));
      im.connect().catch(() => {});
      outcomes.push(await waiting);
      await im.wipe();
    }
    return outcomes;
  });
  assert.deepEqual(outcomes, ["invalid-argument", "invalid-argument", "gateway() gave no string", "gateway() gave no string"]);
});

test("a function of the application that throws what cannot be read has failed, at once", { timeout: 60_000 }, async () => {
  const a = await tab(await person("alice"));
  const told = await a.run(async () => {
    const throws = { get: () => { throw new Error("not yours"); } };
    const told = [];
    for (const thrown of [new Proxy({}, throws), { code: "unavailable", message: 1n }, null, Symbol("no")]) {
      const gateway = () => { throw thrown; };
      const im = await globalThis.jindou.Client.open({ uid: "a", token: "t", database: "throws", gateway });
      const waiting = new Promise((resolve) => im.on("connection", ({ connection }) => connection.state === "waiting" && resolve(connection.error?.message)));
      im.connect().catch(() => {});
      told.push(await waiting);
      await im.wipe();
    }
    return told;
  });
  assert.deepEqual(told, Array(4).fill("the application's gateway failed"));
  assert.deepEqual(a.problems, []);
});

test("an address that no client can use is refused at once", { timeout: 60_000 }, async () => {
  const a = await tab(await person("alice"));
  const opened = await a.run(async () => {
    const tried = async (options) => {
      const im = await globalThis.jindou.Client.open({ uid: "a", token: "t", database: "addresses", ...options }).catch((error) => error);
      return im.code ?? im.wipe();
    };
    const gateways = ["", "http://127.0.0.1:9", "https://127.0.0.1:9", "/ws", "127.0.0.1:9", "ws://", "ws://127.0.0.1:99999", "ws://127.0.0.1:9/#place", [], ["ws://127.0.0.1:9", "nonsense"], [["ws://127.0.0.1:9"]], [null]];
    const businesses = ["", "ftp://127.0.0.1", "data:,x", "http://[", "http://u:p@127.0.0.1", "http://127.0.0.1/?q", "http://127.0.0.1/#place"];
    const fine = [{ gateway: "wss://127.0.0.1:9/path?query" }, { gateway: ["ws://u:p@127.0.0.1:9", "ws://127.0.0.1:9"] }, { business: "/below/" }, { business: "http://127.0.0.1:9/below" }];
    const told = [];
    for (const options of [...gateways.map((gateway) => ({ gateway })), ...businesses.map((business) => ({ business })), ...fine]) told.push(await tried(options));
    return told;
  });
  assert.deepEqual(opened, [...Array(19).fill("invalid-argument"), ...Array(4).fill(undefined)]);
});

test("an address that cannot be is a problem and no crash, and a gateway that is away is waited for", { timeout: 60_000 }, async () => {
  const alice = await person("alice");
  const a = await tab(alice);
  const seen = await a.run(async ({ uid, token }) => {
    const im = await globalThis.jindou.Client.open({ uid, token, gateway: () => ["ftp://no.socket", "ws://127.0.0.1:9"] });
    const problems = [];
    im.on("problem", ({ error }) => problems.push(error.code));
    const states = new Set();
    const waiting = new Promise((resolve) => im.on("connection", ({ connection }) => { states.add(connection.state); if (states.has("waiting") && problems.length > 0) resolve(); }));
    const connecting = im.connect().catch((error) => error.code);
    await waiting;
    await im.close();
    return { problems: [...new Set(problems)], connecting: await connecting };
  }, { uid: alice.uid, token: alice.token });
  assert.deepEqual(seen, { problems: ["unavailable"], connecting: "closed" });
});

test("a worker that dies settles everything", { timeout: 60_000 }, async () => {
  const alice = await person("alice");
  const a = await tab(alice);
  await a.run(() => {
    const { Worker } = globalThis;
    globalThis.Worker = class extends Worker {
      constructor(...args) {
        super(...args);
        globalThis.lastWorker = this;
      }
    };
  });
  await a.open();
  const codes = await a.run(async () => {
    const waiting = globalThis.im.connect().catch((error) => error.code);
    globalThis.lastWorker.dispatchEvent(new ErrorEvent("error"));
    return [await waiting, await globalThis.im.outbox().catch((error) => error.code), globalThis.im.connection.state];
  });
  assert.deepEqual(codes, ["closed", "closed", "closed"]);
});

test("a module that traps settles everything, and the page says that it must be loaded anew", { timeout: 60_000 }, async () => {
  const alice = await person("alice");
  await alice.context.addInitScript(() => {
    const { prototype } = WebAssembly.Instance;
    const { get } = Object.getOwnPropertyDescriptor(prototype, "exports");
    Object.defineProperty(prototype, "exports", {
      get() {
        const exports = get.call(this);
        globalThis.memory ??= Object.values(exports).find((value) => value instanceof WebAssembly.Memory);
        return exports;
      },
    });
  });
  const page = await tab(alice, { worker: false, gateway: "ws://127.0.0.1:1/" });
  assert.equal(await page.open(), "page");
  // A module of somebody else's on the page, with a function that traps.
  const stranger = await page.run(async () => {
    const bytes = [0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 5, 1, 3, 0, 0, 11];
    const instance = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(bytes)));
    const trapped = new Promise((resolve) => addEventListener("error", ({ error }) => resolve(error instanceof WebAssembly.RuntimeError), { once: true }));
    setTimeout(() => instance.exports.f());
    return [await trapped, (await globalThis.im.outbox()).length];
  });
  assert.deepEqual(stranger, [true, 0]);
  const codes = await page.run(async () => {
    const reach = globalThis.im.connect().catch((error) => error.code);
    await new Promise((resolve) => setTimeout(resolve, 100));
    // Nothing that was there makes sense any more, and a timer of the module's own is the first to find out.
    new Uint8Array(globalThis.memory.buffer).fill(0xff);
    const later = await Promise.all([reach, globalThis.im.outbox().catch((error) => error.code)]);
    const anew = await globalThis.jindou.Client.open({ uid: "x", token: "", gateway: "ws://127.0.0.1:1/", worker: false }).catch((error) => error.code);
    return [...later, globalThis.im.connection.state, anew];
  });
  assert.deepEqual(codes, ["closed", "closed", "closed", "unavailable"]);
  assert.ok(page.problems.some((line) => /jindou: a bug at wasm-function\[\d+\]:0x/.test(line)), page.problems.join("\n"));
  await alice.context.close();
});

test("a browser that is too old to unpack the module is told as such", { timeout: 60_000 }, async () => {
  const alice = await person("alice");
  await alice.context.addInitScript(() => delete globalThis.DecompressionStream);
  const { page } = await tab(alice);
  await page.waitForFunction(() => globalThis.jindou);
  const error = await page.evaluate(() => globalThis.jindou.Client.open({ uid: "x", token: "", gateway: "ws://127.0.0.1:1/", worker: false }).catch(({ code, retryable }) => ({ code, retryable })));
  assert.deepEqual(error, { code: "not-supported", retryable: false });
  await alice.context.close();
});

test("a commit that fails is told as such, loses nothing that was there, and work goes on afterwards", { timeout: 90_000 }, async () => {
  const alice = await person("alice");
  // On the page, where a test can stand between the client and IndexedDB.
  const a = await tab(alice, { worker: false });
  await a.open();
  const to = { channelId: "somebody", channelType: 1 };
  const keep = (text) => a.run(([to, text]) => globalThis.im.send(to, { type: 1, content: text }, { deadline: 0 }).then(({ type }) => type, ({ code, message, retryable }) => ({ code, message, retryable })), [to, text]);
  const works = () => a.page.waitForFunction(() => globalThis.im.outbox().then(() => true), null, { timeout: 30_000 });
  assert.equal(await keep("before"), "pending");
  for (const [how, words] of [["throws", /QuotaExceededError/], ["aborts", /AbortError/]]) {
    await a.run((how) => {
      const { put } = IDBObjectStore.prototype;
      globalThis.mend = () => void (IDBObjectStore.prototype.put = put);
      IDBObjectStore.prototype.put = function (...args) {
        if (how === "throws") throw new DOMException("no room", "QuotaExceededError");
        const request = put.apply(this, args);
        this.transaction.abort();
        return request;
      };
    }, how);
    const failed = await keep(how);
    assert.equal(failed.code, "storage", how);
    assert.equal(failed.retryable, true, how);
    const told = await a.run(() => globalThis.heard.filter(({ type }) => type === "problem").at(-1).error.message);
    assert.match(told, words);
    await a.run(() => globalThis.mend());
    await works();
  }
  assert.equal(await keep("after"), "pending");
  const kept = () => a.run(() => globalThis.im.outbox().then((outbox) => outbox.map(({ content }) => content.content)));
  assert.deepEqual(await kept(), ["before", "after"]);
  await a.page.reload();
  await a.open();
  assert.deepEqual(await kept(), ["before", "after"]);
});

test("a full disk keeps nobody from what is stored, also after a reload", { timeout: 60_000 }, async () => {
  const alice = await person("alice");
  const a = await tab(alice, { worker: false });
  await a.open();
  const keep = (text) => a.run((text) => globalThis.im.send({ channelId: "somebody", channelType: 1 }, { type: 1, content: text }, { deadline: 0 }).then(({ type }) => type, ({ code }) => code), text);
  assert.equal(await keep("before"), "pending");
  await a.page.reload();
  await a.page.waitForFunction(() => globalThis.jindou);
  await a.run(() => {
    const { put } = IDBObjectStore.prototype;
    globalThis.mend = () => void (IDBObjectStore.prototype.put = put);
    IDBObjectStore.prototype.put = () => { throw new DOMException("no room", "QuotaExceededError"); };
  });
  await a.open();
  const kept = () => a.run(() => globalThis.im.outbox().then((outbox) => outbox.map(({ content }) => content.content)));
  assert.deepEqual(await kept(), ["before"]);
  assert.equal(await keep("no room"), "storage");
  await a.run(() => globalThis.mend());
  await a.page.waitForFunction(() => globalThis.im.outbox().then(() => true), null, { timeout: 30_000 });
  assert.equal(await keep("after"), "pending");
  assert.deepEqual(await kept(), ["before", "after"]);
  await a.page.reload();
  await a.open();
  assert.deepEqual(await kept(), ["before", "after"]);
});

test("a token that ran out since the connection was made is asked for once more", { timeout: 60_000 }, async () => {
  const alice = await person("alice");
  const a = await tab(alice, { worker: false });
  await a.page.waitForFunction(() => globalThis.jindou);
  await a.run(async ({ uid, token }) => {
    globalThis.im = await globalThis.jindou.Client.open({ uid, business: location.origin, worker: false, token: () => (globalThis.expired ? `${token}-fresh` : token) });
    await globalThis.im.connect();
    globalThis.expired = true;
  }, { uid: alice.uid, token: alice.token });
  const seen = [];
  await a.page.route("**/v1/recall", (route) => {
    const token = route.request().headers().authorization.replace(`Bearer ${alice.token}`, "");
    seen.push(token);
    return token === "-fresh" ? route.continue({ headers: { ...route.request().headers(), authorization: `Bearer ${alice.token}` } }) : route.fulfill({ status: 401, json: { code: "unauthorized", message: "it ran out" } });
  });
  const code = await a.run(() => globalThis.im.recall({ channelId: "nobody", channelType: 1, clientMsgNo: "none", messageId: "1", messageSeq: 1 }).then(() => "recalled", (error) => error.code));
  assert.notEqual(code, "unauthorized");
  assert.deepEqual(seen, ["", "-fresh"]);
});

test("what is wrong with a function of the application is told, and nothing that it says", { timeout: 60_000 }, async () => {
  const a = await tab(await person("alice"));
  const told = await a.run(async () => {
    const fails = (error) => () => { throw error; };
    const heard = [];
    for (const token of [() => undefined, fails(new RangeError("private")), fails(undefined), fails({ code: "unavailable", message: "log in first" })]) {
      const im = await globalThis.jindou.Client.open({ uid: "a", token, gateway: "ws://127.0.0.1:9", database: "functions" });
      heard.push(await new Promise((resolve) => {
        im.on("connection", ({ connection }) => connection.error && resolve(connection.error.message));
        im.connect().catch(() => {});
      }));
      await im.wipe();
    }
    return heard;
  });
  assert.deepEqual(told, ["token() gave no string", "the application's token failed (RangeError)", "the application's token failed", "log in first"]);
});

test("a reader that falls behind is told how much it missed", { timeout: 60_000 }, async () => {
  const alice = await person("alice");
  const a = await tab(alice);
  await a.open();
  const got = await a.run(async () => {
    const { im } = globalThis;
    const controller = new AbortController();
    const reader = im.events({ limit: 3, signal: controller.signal });
    for (let n = 0; n < 6; n += 1) await im.send({ channelId: `c${n}`, channelType: 1 }, { type: 1, content: "x" }, { deadline: 0 });
    const first = await reader.next();
    const rest = [await reader.next(), await reader.next(), await reader.next()];
    controller.abort();
    return { first: first.value, rest: rest.map(({ value }) => value.type), end: (await reader.next()).done };
  });
  assert.equal(got.first.type, "lagged");
  assert.ok(got.first.missed > 0);
  assert.equal(got.rest.length, 3);
  assert.ok(!got.rest.includes("lagged"));
  assert.equal(got.end, true);
});
