// What stands where a message was, and whom it offers which way back.
import assert from "node:assert/strict";
import { test } from "node:test";

import { enter, row } from "./scripted/stage.mjs";

const minutes = 60_000;

for (const { locale, restore, editAgain } of [
  { locale: "en", restore: "Restore", editAgain: "Edit again" },
  { locale: "zh-CN", restore: "恢复", editAgain: "重新编辑" },
]) {
  test(`an author may restore what they recalled themselves, and only write anew what an admin recalled (${locale})`, async (context) => {
    const prepare = () => {
      const recalled = (recall) => {
        const message = scripted.say("carol", { channelId: "g1", channelType: 2 }, { type: 1, content: "x" }, { quiet: true });
        Object.assign(message, { state: "recalled", recall: { at: 1, deadline: Date.now() + 300_000, ...recall } });
      };
      recalled({ operator: "carol", role: "author" });
      recalled({ operator: "bob", role: "admin" });
      recalled({ operator: "", role: "system" });
    };
    const { page } = await enter(context, "carol", { prepare, locale });
    await page.locator("[data-row]", { hasText: "Cloud crew" }).click();
    await page.locator(".place").nth(2).waitFor();
    const offers = await page.locator(".place").evaluateAll((all) => all.map((place) => [...place.querySelectorAll("button")].map(({ textContent }) => textContent)));
    assert.deepEqual(offers, [[editAgain, restore], [editAgain], [editAgain]]);
  });
}

test("an author may restore what an admin recalled where the business server says so", async (context) => {
  const prepare = () => {
    for (const recall of [{ operator: "carol", role: "author" }, { operator: "bob", role: "admin" }, { operator: "", role: "system" }]) {
      const message = scripted.say("carol", { channelId: "g1", channelType: 2 }, { type: 1, content: "x" }, { quiet: true });
      Object.assign(message, { state: "recalled", recall: { at: 1, deadline: Date.now() + 300_000, ...recall } });
    }
  };
  const { page } = await enter(context, "carol", { prepare, world: { restoreModerated: true } });
  await page.locator(".connection-line", { hasText: "Connected" }).first().waitFor();
  await page.locator("[data-row]", { hasText: "Cloud crew" }).click();
  await page.locator(".place").nth(2).waitFor();
  const offers = await page.locator(".place").evaluateAll((all) => all.map((place) => [...place.querySelectorAll("button")].map(({ textContent }) => textContent)));
  assert.deepEqual(offers, Array(3).fill(["Edit again", "Restore"]));
});

test("whoever is no member any more is offered no way back", async (context) => {
  const prepare = () => {
    const message = scripted.say("carol", { channelId: "g1", channelType: 2 }, { type: 1, content: "x" }, { quiet: true });
    Object.assign(message, { state: "recalled", recall: { operator: "carol", role: "author", at: 1, deadline: Date.now() + 300_000 } });
  };
  const { page, state } = await enter(context, "carol", { prepare });
  await page.locator("[data-row]", { hasText: "Cloud crew" }).click();
  const way = page.locator(".place").getByRole("button", { name: "Restore" });
  await way.waitFor();
  state.groups = [];
  await page.evaluate(() => scripted.clients.get("carol").emit("command", { content: { type: 99, cmd: "memberUpdate", param: { group_no: "g1" } } }));
  await way.waitFor({ state: "detached" });
});

for (const { clock, ahead, deadline, open } of [
  { clock: "an hour ahead", ahead: -60 * minutes, deadline: -55 * minutes, open: true },
  { clock: "an hour behind", ahead: 60 * minutes, deadline: 55 * minutes, open: false },
]) {
  test(`the way back is ${open ? "open" : "closed"} by the server's clock where one's own is ${clock}`, async (context) => {
    const { page } = await enter(context, "alice", { world: { ahead } });
    await page.locator(".connection-line", { hasText: "Connected" }).first().waitFor();
    await page.evaluate((after) => {
      const channel = { channelId: "alice", channelType: 1 };
      scripted.say("bob", channel, { type: 1, content: "hello" });
      const message = scripted.say("alice", { channelId: "bob", channelType: 1 }, { type: 1, content: "x" });
      Object.assign(message, { state: "recalled", recall: { operator: "alice", role: "author", at: 1, deadline: Date.now() + after } });
      scripted.clients.get("alice").changed(message);
    }, deadline);
    await page.getByRole("button", { name: /Bob Okafor/ }).click();
    const place = row(page, "You recalled a message");
    await place.waitFor();
    const restore = place.getByRole("button", { name: "Restore" });
    await restore.waitFor({ state: open ? "visible" : "detached" });
  });
}

test("the way back ends with the server's clock, though one's own is put back meanwhile", async (context) => {
  const { page } = await enter(context, "alice");
  await page.locator(".connection-line", { hasText: "Connected" }).first().waitFor();
  await page.evaluate(() => {
    scripted.say("bob", { channelId: "alice", channelType: 1 }, { type: 1, content: "hello" });
    const message = scripted.say("alice", { channelId: "bob", channelType: 1 }, { type: 1, content: "x" });
    Object.assign(message, { state: "recalled", recall: { operator: "alice", role: "author", at: 1, deadline: Date.now() + 3000 } });
    scripted.clients.get("alice").changed(message);
    const { now } = Date;
    Date.now = () => now() - 3_600_000;
  });
  await page.getByRole("button", { name: /Bob Okafor/ }).click();
  const place = row(page, "You recalled a message");
  await place.waitFor();
  await place.getByRole("button").first().waitFor({ state: "detached" });
});
