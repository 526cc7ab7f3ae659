// A new browser knows nothing: the conversations come from the server, older pages come while one scrolls up, in order, each message once.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Town } from "./support/town.mjs";

const town = await Town.build();

for (const [where, path] of [["in a worker", "/"], ["on the page", "/?worker=false"]]) {
  test(`older messages are read from the server while scrolling up, to the very first (client ${where})`, async (context) => {
    const mark = crypto.randomUUID().slice(0, 6);
    await town.signUp(`ida-${mark}`, `Ida ${mark}`);
    await town.signUp(`jon-${mark}`, `Jon ${mark}`);
    const total = 230;
    for (let i = 0; i < total; i++) await town.say(i % 2 ? `ida-${mark}` : `jon-${mark}`, i % 2 ? `jon-${mark}` : `ida-${mark}`, 1, { type: 1, content: `line ${i}` });

    const ida = await town.person(context, `ida-${mark}`, { path });
    await ida.seesLast(`Jon ${mark}`, `line ${total - 1}`);
    await ida.open(`Jon ${mark}`);
    await ida.message(`line ${total - 1}`).waitFor({ state: "attached" });
    const beginning = ida.pane.getByText("This is the beginning of the conversation.");
    const box = ida.pane.locator(".timeline");
    while (await beginning.count() === 0) {
      const count = await ida.pane.locator(".message").count();
      await box.evaluate((element) => { element.scrollTop = 0; });
      await ida.page.waitForFunction((known) => document.querySelectorAll(".message").length > known || document.body.textContent.includes("This is the beginning"), count);
    }
    const lines = await ida.texts();
    assert.deepEqual(lines, Array.from({ length: total }, (_, i) => `line ${i}`));

    await box.evaluate((element) => { element.scrollTop = element.scrollHeight; });
    await ida.seesUnread(`Jon ${mark}`, 0);
  });
}

test("a new browser goes to the first of many unread messages at a press", async (context) => {
  const mark = crypto.randomUUID().slice(0, 6);
  await town.signUp(`mia-${mark}`, `Mia ${mark}`);
  await town.signUp(`ned-${mark}`, `Ned ${mark}`);
  for (let i = 0; i < 330; i++) await town.say(`ned-${mark}`, `mia-${mark}`, 1, { type: 1, content: `line ${i}` });
  const mia = await town.person(context, `mia-${mark}`);
  await mia.seesLast(`Ned ${mark}`, "line 329");
  await mia.open(`Ned ${mark}`);
  await mia.message("line 329").waitFor();
  await mia.pane.getByRole("button", { name: "330 new messages" }).click();
  await mia.pane.locator(".message:focus").filter({ has: mia.page.getByText("line 0", { exact: true }) }).waitFor();
});

test("a quote leads to the message far above", async (context) => {
  const mark = crypto.randomUUID().slice(0, 6);
  await town.signUp(`kim-${mark}`, `Kim ${mark}`);
  await town.signUp(`lea-${mark}`, `Lea ${mark}`);
  const kim = await town.person(context, `kim-${mark}`);
  await kim.begin(`Lea ${mark}`);
  await kim.say("the origin of it all");
  await kim.sent("the origin of it all");
  await kim.act("the origin of it all", "Reply");
  await kim.say("as I said");
  await kim.sent("as I said");
  for (let i = 0; i < 150; i++) await town.say(`lea-${mark}`, `kim-${mark}`, 1, { type: 1, content: `between ${i}` });
  await kim.message("between 149").waitFor();
  await kim.page.reload();
  await kim.connected();
  await kim.open(`Lea ${mark}`);
  await kim.message("between 149").waitFor();
  const quoted = await town.ask("POST", "/v1/history", { token: await town.token(`kim-${mark}`), body: { channelId: `lea-${mark}`, channelType: 1, start: 0, end: 0, limit: 200, pull: "older" } });
  const origin = quoted.messages[0];
  await town.say(`lea-${mark}`, `kim-${mark}`, 1, { type: 1, content: "you said so", reply: { message_id: origin.messageId, message_seq: origin.messageSeq, from_uid: `kim-${mark}`, from_name: "x", payload: { type: 1, content: "the origin of it all" } } });
  await kim.message("you said so").locator(".quote").click();
  await kim.pane.locator(".message:focus").filter({ hasText: "the origin of it all" }).waitFor();
});

test("a quote of the second copy of a message leads to the one that is shown", async (context) => {
  const mark = crypto.randomUUID().slice(0, 6);
  const [olga, pat] = [`olga-${mark}`, `pat-${mark}`];
  await town.signUp(olga, `Olga ${mark}`);
  await town.signUp(pat, `Pat ${mark}`);
  const [number, said] = [crypto.randomUUID(), { type: 1, content: "said once, stored twice" }];
  for (let copy = 0; copy < 2; copy++) await town.say(pat, olga, 1, said, number);
  for (let i = 0; i < 100; i++) await town.say(pat, olga, 1, { type: 1, content: `between ${i}` });
  const { messages } = await town.ask("POST", "/v1/history", { token: await town.token(olga), body: { channelId: pat, channelType: 1, start: 0, end: 0, limit: 200, pull: "older" } });
  const copies = messages.filter(({ clientMsgNo }) => clientMsgNo === number);
  assert.equal(copies.length, 2);
  for (const [index, { messageId, messageSeq }] of copies.entries()) {
    await town.say(pat, olga, 1, { type: 1, content: `quoted ${index}`, reply: { message_id: messageId, message_seq: messageSeq, from_uid: pat, from_name: "x", payload: said } });
  }
  const window = await town.person(context, olga);
  await window.open(`Pat ${mark}`);
  for (let index = 0; index < copies.length; index++) {
    await window.message(`quoted ${index}`).waitFor({ state: "attached" });
    await window.message(`quoted ${index}`).locator(".quote").click();
    await window.pane.locator(".message:focus:not(:has(.quote))").filter({ hasText: said.content }).waitFor();
    await window.pane.getByRole("button", { name: "To the newest message" }).click();
  }
});
