// What stands where a message was, and whom it offers which way back.
import assert from "node:assert/strict";
import { test } from "node:test";

import { enter } from "./scripted/stage.mjs";

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
