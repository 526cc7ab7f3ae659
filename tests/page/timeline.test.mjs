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
    const reachedStart = messages[0]?.messageSeq === 1 || this.rows[0].messageSeq === 1 && messages.length < limit;
    const complete = reachedStart || messages.length === limit;
    if (!complete) this.asked?.();
    return { messages, reachedStart, complete };
  }

  /** The server's answer for what lies before. */
  arrive(count) {
    const first = this.rows[0].messageSeq;
    const older = Math.min(count, first - 1);
    this.rows.unshift(...Array.from({ length: older }, (_, index) => message(first - older + index)));
  }
}

const seqs = (timeline) => timeline.messages.value.map(({ messageSeq }) => messageSeq);

test("who scrolls far up and down again reads each page once, and is shown a part of it at a time", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const store = new Store(2961, 3000);
  const timeline = new Timeline(store, channel);
  await timeline.load();
  timeline.atBottom = false;
  const met = new Set(seqs(timeline));
  while (!timeline.reachedStart.value) {
    await timeline.loadOlder();
    if (timeline.older.value === "waiting") {
      store.arrive(50);
      await timeline.refresh();
    }
    for (const seq of seqs(timeline)) met.add(seq);
    assertWindow(timeline);
  }
  assert.equal(met.size, 3000);
  assert.equal(seqs(timeline)[0], 1);
  assert.ok(store.read < 2 * 3000, `${store.read} rows were read`);

  // Once it is quiet, what is shown is read again, and no more.
  let before = store.reads;
  context.mock.timers.tick(2000);
  for (let turn = 0; turn < 50; turn++) await undefined;
  assert.ok(store.reads > before && store.reads - before < 3, `${store.reads - before} pages were read`);

  before = store.read;
  met.clear();
  while (!timeline.reachedEnd.value) {
    await timeline.loadNewer();
    for (const seq of seqs(timeline)) met.add(seq);
    assertWindow(timeline);
  }
  assert.ok(met.size >= 3000 - 240 && met.has(3000), `${met.size} messages were met`);
  assert.ok(store.read - before < 2 * 3000, `${store.read - before} rows were read`);
  timeline.close();
});

/** Few, and without a hole. */
function assertWindow(timeline) {
  const shown = seqs(timeline);
  assert.ok(shown.length <= 240, `${shown.length} messages are shown`);
  assert.equal(shown.at(-1) - shown[0], shown.length - 1);
}

test("a quoted message is shown wherever it stands, with what stands around it, and one can go on from there", async () => {
  const store = new Store(1, 10_000);
  const timeline = new Timeline(store, channel);
  await timeline.load();
  const { read } = store;
  assert.equal(await timeline.locate("137", 137), "k137");
  assert.ok(store.read - read < 200, `${store.read - read} rows were read`);
  assertWindow(timeline);
  assert.equal(timeline.reachedEnd.value, false);
  assert.equal(timeline.atBottom, false);
  await timeline.loadOlder();
  await timeline.loadNewer();
  assertWindow(timeline);
  assert.ok(seqs(timeline)[0] < 80 && seqs(timeline).at(-1) > 190);

  // What comes meanwhile has its place at the end, and is counted.
  store.rows.push(message(10_001));
  timeline.put(message(10_001));
  assertWindow(timeline);
  assert.equal(timeline.fresh.value, 1);
  await timeline.toNewest();
  assert.equal(seqs(timeline).at(-1), 10_001);
  assertWindow(timeline);
  assert.deepEqual([timeline.fresh.value, timeline.reachedEnd.value, timeline.atBottom], [0, true, true]);
});

test("a quoted message that is still at the server is waited for, and nobody waits for one in a conversation that was left", async () => {
  const store = new Store(2961, 3000);
  const timeline = new Timeline(store, channel);
  await timeline.load();
  let answers = true;
  store.asked = () => {
    if (answers) setTimeout(() => {
      store.arrive(50);
      void timeline.refresh();
    });
  };
  assert.equal(await timeline.locate("450", 450), "k450");
  assertWindow(timeline);

  answers = false;
  const left = timeline.locate("100", 100);
  for (let turn = 0; turn < 50; turn++) await undefined;
  assert.equal(timeline.searching.value, true);
  timeline.close();
  assert.equal(await left, undefined);
  assert.equal(timeline.searching.value, false);
});

test("who looks for another message, or goes to the newest, looks for the first one no longer", async () => {
  const store = new Store(2961, 3000);
  const timeline = new Timeline(store, channel);
  await timeline.load();
  const first = timeline.locate("100", 100);
  const second = timeline.locate("2970", 2970);
  assert.equal(await first, undefined);
  assert.equal(await second, "k2970");
  const third = timeline.locate("100", 100);
  await timeline.toNewest();
  assert.equal(await third, undefined);
  assert.equal(seqs(timeline).at(-1), 3000);
});

test("a quoted message whose place is not told is found too, and one that is nowhere is not waited for", async () => {
  const store = new Store(1, 3000);
  const timeline = new Timeline(store, channel);
  await timeline.load();
  assert.equal(await timeline.locate("777", 0), "k777");
  assert.equal(await timeline.locate("not here", 0), undefined);
  assert.equal(await timeline.locate("not here", 1500), undefined);
  assert.equal(timeline.searching.value, false);
});

test("a quotation of a copy that is not shown leads to the one that is, which stands before it", async () => {
  const store = new Store(1, 3000);
  for (const seq of [700, 720, 740, 2990]) store.rows[seq - 1].content = { type: 1, content: "again" };
  // The second copy of 720 stood here.
  store.rows.splice(730 - 1, 1);
  const timeline = new Timeline(store, channel);
  await timeline.load();
  const isCopy = ({ content }) => content.content === "again";
  assert.equal(await timeline.locate("730", 730, isCopy), "k720");
  assert.ok(seqs(timeline).includes(720));
  await timeline.toNewest();
  const shown = timeline.messages.value.length;
  assert.equal(await timeline.locate("2995b", 2995, isCopy), "k2990");
  assert.deepEqual([timeline.messages.value.length, timeline.reachedEnd.value], [shown, true], "what is shown stays");
  assert.equal(await timeline.locate("1500b", 1500, isCopy), undefined);
});

test("where more is unread than a page holds, a conversation opens at the first of it if that is here, else at the newest", async () => {
  const store = new Store(1, 1000);
  const timeline = new Timeline(store, channel);
  timeline.readTo.value = 500;
  await timeline.load(500);
  assert.equal(timeline.status.value, "ready");
  assert.ok(seqs(timeline).includes(500) && seqs(timeline).includes(501));
  assert.deepEqual([timeline.reachedEnd.value, timeline.atBottom], [false, false]);
  assertWindow(timeline);
  // What becomes of one that is not shown yet is nothing new.
  timeline.put(message(900));
  assert.equal(timeline.fresh.value, 0);
  store.rows.push(message(1001));
  timeline.put(message(1001));
  assert.equal(timeline.fresh.value, 1);

  const partly = new Store(901, 1000);
  const other = new Timeline(partly, channel);
  other.readTo.value = 500;
  await other.load(500);
  assert.equal(seqs(other).at(-1), 1000);
  assert.deepEqual([other.reachedEnd.value, other.atBottom, other.unreadAbove.value], [true, true, 500]);
});

test("the first unread message is gone to where only the server has it, however many pages lie between", async () => {
  for (const [here, readTo] of [[2961, 500], [2961, 0], [2961, 2900], [2999, 2980]]) {
    const store = new Store(here, 3000);
    const timeline = new Timeline(store, channel);
    timeline.readTo.value = readTo;
    await timeline.load(3000 - readTo);
    assert.equal(timeline.status.value, "ready");
    assert.deepEqual([seqs(timeline).at(-1), timeline.unreadAbove.value, timeline.cutAbove.value], [3000, 3000 - readTo, true]);
    store.asked = () => setTimeout(() => {
      store.arrive(200);
      void timeline.refresh();
    });
    assert.equal(await timeline.toFirstUnread(), true);
    assert.ok(seqs(timeline).includes(readTo + 1));
    assert.deepEqual([timeline.unreadAbove.value, timeline.searching.value], [0, false]);
    assertWindow(timeline);
    timeline.close();
  }
});

test("where the server does not answer, the first unread message is not waited for for ever, and whoever goes to the newest waits no longer", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const timeline = new Timeline(new Store(2961, 3000), channel);
  timeline.readTo.value = 500;
  await timeline.load(2500);
  const settle = async () => { for (let turn = 0; turn < 50; turn++) await undefined; };
  const asked = timeline.toFirstUnread();
  await settle();
  assert.equal(timeline.searching.value, true);
  context.mock.timers.tick(10_000);
  assert.equal(await asked, false);
  assert.deepEqual([timeline.unreadAbove.value, timeline.searching.value, seqs(timeline).at(-1)], [2500, false, 3000]);
  const again = timeline.toFirstUnread();
  await settle();
  await timeline.toNewest();
  assert.equal(await again, undefined);
  timeline.close();
});

test("a conversation opens at the first unread message also where most of what follows is one's own", async () => {
  for (const readTo of [2880, 1000]) {
    const store = new Store(1, 3000);
    for (const row of store.rows) row.own = row.messageSeq % 100 !== 1;
    const timeline = new Timeline(store, channel);
    timeline.readTo.value = readTo;
    await timeline.load((3000 - readTo) / 100 | 0);
    assert.ok(seqs(timeline).includes(readTo + 1), `${readTo}`);
    assert.equal(timeline.unreadAbove.value, 0);
  }
});

test("of messages that are all shown none is told to stand above", async () => {
  const store = new Store(2000, 3000);
  for (const row of store.rows.slice(0, -3)) row.own = true;
  const timeline = new Timeline(store, channel);
  timeline.readTo.value = 1000;
  await timeline.load(3);
  assert.deepEqual([timeline.unreadAbove.value, timeline.cutAbove.value], [0, false]);
});

test("a channel of which nothing was here yet tells of what is unread above as soon as the first page has come", async () => {
  const store = new Store(2961, 3000);
  const rows = store.rows.splice(0);
  const messages = store.messages;
  store.messages = async (...of) => (store.rows.length > 0 ? messages.call(store, ...of) : { messages: [], reachedStart: false, complete: false });
  const timeline = new Timeline(store, channel);
  timeline.readTo.value = 500;
  await timeline.load(2500);
  assert.deepEqual([timeline.status.value, timeline.unreadAbove.value], ["loading", 0]);
  store.rows = rows;
  await timeline.refresh();
  assert.deepEqual([timeline.status.value, timeline.unreadAbove.value, timeline.atBottom], ["ready", 2500, true]);
});

test("whoever goes to the first message reads what lies between only where the server has it, and waits for no server that keeps silent", async (context) => {
  const store = new Store(1, 10_000);
  const timeline = new Timeline(store, channel);
  await timeline.load();
  const { read } = store;
  assert.equal(await timeline.toOldest(), true);
  assert.ok(store.read - read < 200, `${store.read - read} rows were read`);
  assertWindow(timeline);
  assert.deepEqual([seqs(timeline)[0], timeline.reachedStart.value, timeline.reachedEnd.value, timeline.atBottom], [1, true, false, false]);

  // The server threw the first ones away.
  const shortened = new Store(1, 3000);
  shortened.rows.splice(0, 700);
  shortened.messages = async (_, { before = Infinity, limit }) => {
    const messages = shortened.rows.filter(({ messageSeq }) => messageSeq < before).slice(-limit);
    return { messages, reachedStart: messages.length < limit || messages[0].messageSeq === 701, complete: true };
  };
  const other = new Timeline(shortened, channel);
  await other.load();
  assert.equal(await other.toOldest(), true);
  assert.equal(seqs(other)[0], 701);

  const partly = new Store(2961, 3000);
  const third = new Timeline(partly, channel);
  await third.load();
  partly.asked = () => setTimeout(() => {
    partly.arrive(200);
    void third.refresh();
  });
  assert.equal(await third.toOldest(), true);
  assert.equal(seqs(third)[0], 1);
  third.close();

  context.mock.timers.enable({ apis: ["setTimeout"] });
  const alone = new Timeline(new Store(2961, 3000), channel);
  await alone.load();
  const asked = alone.toOldest();
  for (let turn = 0; turn < 50; turn++) await undefined;
  assert.equal(alone.searching.value, true);
  context.mock.timers.tick(10_000);
  assert.equal(await asked, false);
  assert.equal(seqs(alone)[0], 2961);
  alone.close();
});

test("going down again, numbers without a message are passed over, however many", async () => {
  const store = new Store(1, 200);
  for (const seq of [5000, 5001, 90_000, 90_001]) store.rows.push(message(seq));
  for (let seq = 90_100; seq < 90_200; seq++) store.rows.push(message(seq));
  const timeline = new Timeline(store, channel);
  await timeline.load();
  await timeline.locate("20", 20);
  const met = new Set();
  while (!timeline.reachedEnd.value) {
    await timeline.loadNewer();
    for (const seq of seqs(timeline)) met.add(seq);
  }
  assert.equal(met.size, store.rows.length);
  assert.ok(store.reads < 100, `${store.reads} pages were read`);
});

test("when much comes to light between what is shown, what stands around the reader stays", async () => {
  const store = new Store(1, 2000);
  const hole = store.rows.splice(1000, 980);
  const timeline = new Timeline(store, channel);
  await timeline.load();
  timeline.atBottom = false;
  for (let page = 0; page < 3; page++) await timeline.loadOlder();
  const [above, below] = [timeline.messages.value.find(({ key }) => key === "k995"), timeline.messages.value.find(({ key }) => key === "k1990")];
  assert.ok(above && below);
  store.rows.splice(1000, 0, ...hole);
  timeline.reading = "k995";
  await timeline.refresh();
  assertWindow(timeline);
  assert.ok(seqs(timeline).includes(995) && timeline.reachedEnd.value === false);
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
