// Two people talk: both ways, unread, recall and restore, without a network and with a bad one. With the client in a worker and on the page.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Town } from "./support/town.mjs";

const town = await Town.build();

test("a conversation opens where it was pressed, though a banner pushes it from under the pointer before the release", async (context) => {
  const alice = await town.person(context, "alice");
  const row = alice.conversation("Demo").first();
  const { x, y, width, height } = await row.boundingBox();
  await alice.page.mouse.move(x + width / 2, y + 6);
  await alice.page.mouse.down();
  await alice.pane.getByRole("switch", { name: "Network" }).evaluate((lever) => lever.click());
  await alice.pane.locator(".banner").waitFor();
  assert.ok((await row.boundingBox()).y > y + 8, "the row has moved");
  await alice.page.mouse.up();
  await alice.pane.locator(".conversation-head").filter({ hasText: "Demo" }).waitFor();
});

test("who logs out while messages wait is told what becomes of them", async (context) => {
  const alice = await town.person(context, "alice");
  await alice.open("Demo");
  await alice.network(false);
  await alice.say("not sent yet");
  await alice.seesTick("not sent yet", "Waiting to be sent");
  await alice.menu("Log out");
  const dialog = alice.page.getByRole("dialog");
  await dialog.getByText("1 message is not sent yet: kept here").waitFor();
  await dialog.getByRole("checkbox").check();
  await dialog.getByText("1 message is not sent yet, and would be lost.").waitFor();
});

test("whoever opens a conversation writes there at once, and is not taken away from another field later", async (context) => {
  const alice = await town.person(context, "alice");
  const focused = await alice.conversation("Demo").first().evaluate(async (row) => {
    row.click();
    // The next task may be somebody's key already.
    for (let turn = 0; turn < 400; turn++) await undefined;
    return document.activeElement?.matches(".composer textarea");
  });
  assert.ok(focused);
});

for (const [where, path] of [["in a worker", "/"], ["on the page", "/?worker=false"]]) {
  const fresh = async (context, options = {}) => {
    const mark = crypto.randomUUID().slice(0, 6);
    const names = [`Ann ${mark}`, `Ben ${mark}`];
    await town.signUp(`ann-${mark}`, names[0]);
    await town.signUp(`ben-${mark}`, names[1]);
    const people = await town.pair(context, `ann-${mark}`, `ben-${mark}`, { path, ...options });
    return { people, names, uids: [`ann-${mark}`, `ben-${mark}`] };
  };

  test(`two people beside each other talk both ways, and each message stands once (client ${where})`, async (context) => {
    const { people: [ann, ben], names } = await fresh(context);
    await ann.begin(names[1]);
    await ann.say("Hello Ben");
    await ann.sent("Hello Ben");
    await ben.open(names[0]);
    await ben.sees("Hello Ben");
    await ben.say("Hello Ann, 你好");
    await ben.sent("Hello Ann, 你好");
    await ann.sees("Hello Ann, 你好");
    await ann.sees("Hello Ben");
    await ann.seesLast(names[1], "Hello Ann, 你好");
    assert.deepEqual(await ann.texts(), ["Hello Ben", "Hello Ann, 你好"]);
    assert.deepEqual(await ben.texts(), ["Hello Ben", "Hello Ann, 你好"]);
  });

  test(`unread messages are counted until they are seen (client ${where})`, async (context) => {
    const { people: [ann, ben], names } = await fresh(context);
    await ann.begin(names[1]);
    for (const text of ["one", "two", "three"]) await ann.say(text);
    await ann.sent("three");
    await ben.seesUnread(names[0], 3);
    await ben.page.waitForFunction(() => document.title.startsWith("(3)"));
    await ben.open(names[0]);
    await ben.sees("three");
    await ben.seesUnread(names[0], 0);
    await ben.say("seen");
    await ann.sees("seen");
    await ann.seesUnread(names[1], 0);
  });

  test(`a recall and its restore are true on both sides, in the list and in quotes (client ${where})`, async (context) => {
    const { people: [ann, ben], names } = await fresh(context);
    await ann.begin(names[1]);
    await ann.say("The secret is 42");
    await ann.sent("The secret is 42");
    await ben.open(names[0]);
    await ben.sees("The secret is 42");
    await ben.act("The secret is 42", "Reply");
    await ben.say("Really?");
    await ben.sent("Really?");
    await ann.sees("Really?");
    await ann.message("Really?").locator(".quote", { hasText: "The secret is 42" }).waitFor();
    await ann.say("last words");
    await ben.sees("last words");
    await ann.act("last words", "Recall");
    await ann.seesLine("You recalled a message");
    await ben.seesLine(`${names[0]} recalled a message`);
    await ben.seesLast(names[0], "recalled a message");
    await ann.seesLast(names[1], "You recalled a message");

    await ann.act("The secret is 42", "Recall");
    await ben.message("Really?").locator('.quote[data-gone="true"]', { hasText: "Recalled message" }).waitFor();
    assert.ok(!(await ben.pane.innerHTML()).includes("secret is 42"), "nothing of it is left in the page");

    // Ben may hear of it before Ann has the answer, and her text may be hidden before the line is there; the other line is there already.
    await ann.message("The secret is 42").waitFor({ state: "detached" });
    const lines = ann.pane.locator(".message").filter({ hasText: "You recalled a message" });
    await lines.nth(1).waitFor();
    const line = lines.first();
    await line.getByRole("button", { name: "Edit again" }).click();
    await ann.page.waitForFunction((value) => document.activeElement?.value === value, "The secret is 42");
    await ann.field.fill("");
    await line.getByRole("button", { name: "Restore" }).click();
    await ann.sees("The secret is 42");
    await ben.sees("The secret is 42");
    for (const one of [ann, ben]) await one.message("Really?").locator('.quote[data-gone="false"]', { hasText: "The secret is 42" }).waitFor();
  });

  test(`what is written without a network waits, and is delivered once, in order, when it is back (client ${where})`, async (context) => {
    const { people: [ann, ben], names } = await fresh(context);
    await ann.begin(names[1]);
    await ann.say("before");
    await ann.sent("before");
    await ben.open(names[0]);
    await ann.network(false);
    await ann.pane.getByText("The network is cut.").first().waitFor();
    for (const text of ["first", "second", "third"]) {
      await ann.say(text);
      await ann.seesTick(text, "Waiting to be sent");
    }
    await ben.say("are you there?");
    await ben.sent("are you there?");
    assert.equal(await ben.message("first").count(), 0);
    assert.equal(await ann.message("are you there?").count(), 0);
    await ann.network(true);
    await ann.sent("third");
    await ben.sees("third");
    await ann.sees("are you there?");
    assert.deepEqual((await ben.texts()).filter((text) => /first|second|third/.test(text)), ["first", "second", "third"]);
    assert.equal(await ann.pane.locator(".banner").count(), 0);
    // What was read again after the pause is no second copy of anything.
    await ann.pane.getByRole("button", { name: "Inspector" }).click();
    await ann.pane.locator('.lines [data-kind="SENDACK"]').first().waitFor();
    assert.equal(await ann.pane.locator('.lines [data-what="duplicate"]').count(), 0);
  });

  test(`an acknowledgement that is lost makes nobody see a message twice (client ${where})`, async (context) => {
    if (!town.makesFaults) return context.skip("a real WuKongIM forgets no acknowledgement on demand");
    const { people: [ann, ben], names, uids } = await fresh(context);
    await ann.begin(names[1]);
    await ann.say("warm up");
    await ann.sent("warm up");
    await ben.open(names[0]);
    await town.fault({ on: { uid: uids[0] }, do: { forget_ack: { stored: true } }, count: 1 });
    await town.fault({ on: { uid: uids[1], direction: "out", packet: "RECV" }, do: "duplicate", count: 2 });
    await ann.say("only once");
    // It is looked up and sent again after a while of silence.
    await ann.sent("only once", { timeout: 60_000 });
    await ben.sees("only once");
    await ann.sees("only once");
    await ben.pane.getByRole("button", { name: "Inspector" }).click();
    await ben.pane.locator('.lines [data-what="duplicate"]').first().waitFor();
    await ben.sees("only once");
  });
}
