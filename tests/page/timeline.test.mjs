// The part of a channel that the page shows, without a browser: what it reads of the client, and what becomes of it.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { build } from "esbuild";

import { root } from "../../scripts/lib/shell.mjs";

const { outputFiles } = await build({ entryPoints: [join(root, "www", "src", "model", "timeline.ts")], bundle: true, format: "esm", write: false });
const { Timeline } = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`);

const channel = { channelId: "bob", channelType: 1 };
const message = (seq) => ({ ...channel, key: `k${seq}`, messageId: `${seq}`, messageSeq: seq, from: "bob", own: false, timestamp: seq * 1000, delivery: "sent", state: "normal", content: { type: 1, content: `${seq}` } });

/** A client whose store holds `from` to `last` of a channel. */
class Store {
  read = 0;
  reads = 0;

  constructor(from, last) {
    this.rows = Array.from({ length: last - from + 1 }, (_, index) => message(from + index));
  }

  async messages(_, { before = Infinity, limit }) {
    const messages = this.rows.filter(({ messageSeq }) => messageSeq < before).slice(-limit);
    this.reads += 1;
    this.read += messages.length;
    const reachedStart = messages[0]?.messageSeq === 1;
    return { messages, reachedStart, complete: reachedStart || messages.length === limit };
  }

  /** The server's answer for what lies before. */
  arrive(count) {
    const first = this.rows[0].messageSeq;
    const older = Math.min(count, first - 1);
    this.rows.unshift(...Array.from({ length: older }, (_, index) => message(first - older + index)));
  }
}

const seqs = (timeline) => timeline.messages.value.map(({ messageSeq }) => messageSeq);

test("who scrolls far up reads each page once, however much is shown already", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const store = new Store(2961, 3000);
  const timeline = new Timeline(store, channel);
  await timeline.load();
  timeline.atBottom = false;
  while (!timeline.reachedStart.value) {
    await timeline.loadOlder();
    if (timeline.older.value !== "waiting") continue;
    store.arrive(50);
    await timeline.refresh();
  }
  assert.deepEqual(seqs(timeline), Array.from({ length: 3000 }, (_, index) => index + 1));
  assert.ok(store.read < 2 * 3000, `${store.read} rows were read`);

  // Once it is quiet, what is shown is read again.
  const before = store.reads;
  context.mock.timers.tick(2000);
  for (let turn = 0; turn < 50; turn++) await undefined;
  assert.ok(store.reads > before && store.reads - before < 10, `${store.reads - before} pages were read`);
  timeline.close();
});

test("a quoted message that is still at the server is waited for, and nobody waits for one in a conversation that was left", async () => {
  const store = new Store(2961, 3000);
  const timeline = new Timeline(store, channel);
  await timeline.load();
  timeline.atBottom = false;
  let answers = true;
  timeline.older.subscribe((older) => {
    if (older !== "waiting" || !answers) return;
    setTimeout(() => {
      store.arrive(50);
      void timeline.refresh();
    }, 1);
  });
  assert.equal(await timeline.locate("2850", 2850), "k2850");

  answers = false;
  const left = timeline.locate("2100", 2100);
  await new Promise((settle) => { setTimeout(settle, 5); });
  timeline.close();
  assert.equal(await left, undefined);
});

test("what the server took back is not shown any longer, and what waits to be sent is", async () => {
  const store = new Store(1, 100);
  const timeline = new Timeline(store, channel);
  await timeline.load();
  const waiting = { ...message(0), key: "mine", own: true, messageId: undefined, messageSeq: undefined, delivery: "queued" };
  timeline.put(waiting);
  store.rows.splice(97);
  store.rows.push({ ...message(98), key: "another" });
  await timeline.refresh();
  assert.deepEqual(timeline.messages.value.slice(-3).map(({ key }) => key), ["k97", "another", "mine"]);
  assert.ok(!timeline.messages.value.some(({ key }) => key === "k99" || key === "k98"));
});

test("what comes while it is read again stays, and is asked for once more only", async () => {
  const store = new Store(1, 100);
  const timeline = new Timeline(store, channel);
  await timeline.load();
  const { reads } = store;
  const reading = Promise.all([timeline.refresh(), timeline.refresh(), timeline.refresh()]);
  store.rows.push(message(101));
  timeline.put(message(101));
  await reading;
  assert.deepEqual(seqs(timeline).slice(-2), [100, 101]);
  assert.equal(store.reads - reads, 2);
});
