// The picture in the README, made by hand as a person would: JINDOU_SCREENSHOT=1 writes it into docs/, otherwise it lands in tests/page/output.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { isFirefox } from "../../scripts/lib/browser.mjs";
import { root } from "../../scripts/lib/shell.mjs";
import { Town } from "./support/town.mjs";

const town = await Town.build();

test("two people talk beside each other, one without a network and with the inspector open", { skip: isFirefox && "README shows it in Chromium" }, async (context) => {
  const [alice, bob] = await town.pair(context, "alice", "bob", { width: 1360, height: 800, colorScheme: "light" });
  await alice.open("Demo");
  await bob.open("Demo");
  const talk = async (person, text) => {
    await person.say(text);
    await person.sent(text);
  };
  await talk(alice, "Welcome! Cut my network and write something: it waits, and goes out once.");
  await bob.sees("Welcome!");
  await bob.act("Welcome!", "Reply");
  await talk(bob, "Tried it. 断网时写的消息，恢复后只出现一次 👍");
  await talk(bob, "The password is hunter2");
  await bob.act("The password is hunter2", "Recall");
  await alice.seesLine("Bob recalled a message");
  await town.say("carol", "alice", 1, { type: 1, content: "See you at three ☁️" });
  await town.say("carol", "bob", 1, { type: 1, content: "明天见！" });
  await alice.field.pressSequentially("@Bo");
  await alice.field.press("Enter");
  await alice.field.pressSequentially("nobody has seen it.");
  await alice.field.press("Enter");
  await alice.sent("nobody has seen it.");
  await bob.sees("nobody has seen it.");
  await bob.pane.getByRole("button", { name: "Inspector" }).click();
  await bob.network(false);
  await bob.say("Written without a network");
  await bob.seesTick("Written without a network", "Waiting to be sent");
  await alice.page.evaluate(() => document.activeElement.blur());
  await alice.page.mouse.move(0, 0);
  const folder = process.env.JINDOU_SCREENSHOT ? join(root, "docs") : join(root, "tests", "page", "output");
  mkdirSync(folder, { recursive: true });
  await alice.page.screenshot({ path: join(folder, "screenshot.png"), animations: "disabled", caret: "hide" });
});
