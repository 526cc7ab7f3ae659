// Languages, light and dark, phone width.
import assert from "node:assert/strict";
import { test } from "node:test";

import { isFirefox } from "../../scripts/lib/browser.mjs";
import { Person } from "./support/person.mjs";
import { Town } from "./support/town.mjs";

const town = await Town.build();
const noPhone = isFirefox && "Firefox plays no phone";

test("the browser's language is spoken, another one can be chosen, and the choice is kept", async (context) => {
  const page = await town.window(context, { locale: "zh-CN" });
  await page.getByRole("button", { name: "登录", exact: true }).waitFor();
  assert.equal(await page.locator("html").getAttribute("lang"), "zh-CN");
  await page.getByLabel("用户 ID").fill("alice");
  await page.getByLabel("密码").fill("demo");
  await page.getByRole("button", { name: "登录", exact: true }).click();
  await page.getByText("已连接", { exact: true }).first().waitFor();
  await page.getByRole("button", { name: "菜单" }).click();
  await page.getByRole("menuitemradio", { name: "English" }).click();
  await page.getByText("Connected", { exact: true }).first().waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "Conversations", exact: true }).waitFor();
  assert.equal(await page.locator("html").getAttribute("lang"), "en");
});

test("what was said today was said yesterday once the day is over, though nobody touches the page", async (context) => {
  // Where it is between noon and one.
  const zone = 12 - new Date().getUTCHours();
  const page = await town.window(context, { timezoneId: `Etc/GMT${zone < 0 ? "+" : "-"}${Math.abs(zone)}` });
  await page.clock.install();
  await page.reload();
  const alice = new Person(page);
  await alice.logIn("alice");
  await alice.begin("Carol");
  await alice.say("before midnight");
  await alice.sent("before midnight");
  const day = alice.pane.locator(".day-name").last();
  assert.equal(await day.textContent(), "Today");
  await page.clock.fastForward("24:00:00");
  await day.filter({ hasText: "Yesterday" }).waitFor();
  await alice.conversation("Carol").first().locator("time", { hasText: "Yesterday" }).waitFor();
});

test("it is dark where the system is, and where one wants it to be", { skip: isFirefox && "Firefox is told of no colour scheme" }, async (context) => {
  const background = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await town.window(context, { colorScheme: "light" });
  const dark = await town.window(context, { colorScheme: "dark" });
  assert.notEqual(await background(light), await background(dark));
  await light.getByRole("button", { name: "Appearance" }).click();
  await light.getByRole("menuitemradio", { name: "Dark" }).click();
  assert.equal(await background(light), await background(dark));
  await light.reload();
  await light.getByRole("heading", { name: "Jindou" }).waitFor();
  assert.equal(await background(light), await background(dark));
});

test("where the system forces its colours, what is chosen, what has the focus and where a message ends is seen", { skip: isFirefox && "Firefox is told of no forced colours" }, async (context) => {
  const alice = await town.person(context, "alice", { forcedColors: "active" });
  const style = (locator, property) => locator.evaluate((element, name) => getComputedStyle(element)[name], property);
  await alice.begin("Carol");
  await alice.say("on a screen of few colours");
  await alice.sent("on a screen of few colours");
  await alice.pane.locator(".bar").getByRole("button", { name: "Inspector" }).click();
  for (const chosen of [alice.conversation("Carol").first(), alice.pane.getByRole("tab", { name: "Live" }), alice.pane.locator(".bar").getByRole("button", { name: "Inspector" })]) {
    assert.equal(await style(chosen, "outlineStyle"), "solid");
  }
  assert.equal(await style(alice.pane.getByRole("tab", { name: "Audit" }), "outlineStyle"), "none");
  assert.equal(await style(alice.message("few colours").locator(".bubble"), "borderTopStyle"), "solid");
  await alice.pane.locator(".bar").getByRole("button", { name: "Menu" }).focus();
  await alice.page.keyboard.press("Enter");
  const item = alice.pane.locator(".menu-item:focus");
  await item.waitFor();
  assert.equal(await style(item, "outlineStyle"), "solid");
});

test("on a phone there is one thing at a time, and nothing sticks out", { skip: noPhone }, async (context) => {
  const bob = await town.person(context, "bob");
  const alice = await town.person(context, "alice", { width: 360, height: 720, hasTouch: true, isMobile: true });
  const inside = async () => assert.ok(await alice.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  await inside();
  await alice.begin("Bob");
  await alice.say("from the phone");
  await alice.sent("from the phone");
  await inside();
  assert.ok(!await alice.conversation("Bob").first().isVisible(), "the list makes room");
  await bob.open("Alice");
  await bob.sees("from the phone");
  await alice.pane.getByRole("button", { name: "Back to conversations" }).click();
  await alice.conversation("Bob").first().waitFor();
  assert.ok(await alice.conversation("Bob").first().isVisible());
  await bob.say("to the phone");
  await alice.seesUnread("Bob", 1);
  await inside();

  // What can be done with a message is a tap away, and a long one.
  await alice.open("Bob");
  const menu = alice.message("from the phone").getByRole("button", { name: "Actions" });
  assert.ok(!await menu.isVisible());
  await alice.message("from the phone").locator(".text").tap();
  await menu.tap();
  await alice.pane.getByRole("menuitem", { name: "Copy text" }).waitFor();
  await alice.page.keyboard.press("Escape");
  await alice.message("to the phone").locator(".text")
    .evaluate((text) => text.dispatchEvent(new PointerEvent("contextmenu", { bubbles: true, cancelable: true, pointerType: "touch" })));
  await alice.pane.getByRole("menuitem", { name: "Reply" }).tap();
  await alice.pane.getByText("Reply to Bob").waitFor();
  await alice.pane.getByRole("button", { name: "Cancel reply" }).tap();

  // The inspector leaves room to read and to write.
  await alice.pane.locator(".conversation-head").getByRole("button", { name: "Menu" }).click();
  await alice.pane.getByRole("menuitem", { name: "Inspector" }).click();
  const box = (locator) => locator.boundingBox();
  const inspector = alice.pane.getByRole("complementary", { name: "Inspector" });
  await inspector.waitFor();
  assert.ok((await box(alice.field)).y + (await box(alice.field)).height <= (await box(inspector)).y);
  await alice.message("to the phone").waitFor();
  assert.ok((await box(alice.message("to the phone"))).y + 8 < (await box(alice.field)).y);
  await inside();
  await inspector.getByRole("button", { name: "Close" }).click();
  await alice.page.waitForFunction(() => document.activeElement?.matches(".conversation-menu [data-menu]"));
});

test("a long name pushes nothing out of a group, and makes no long field to write in", { skip: noPhone }, async (context) => {
  await town.signUp("long-name", "Maximiliane-Konstantina von und zu Hohenlohe-Langenburg-Sayn");
  const group = await town.group("alice", `Long ${"名".repeat(58)}`, ["bob", "long-name"]);
  const alice = await town.person(context, "alice", { width: 360, height: 720, hasTouch: true, isMobile: true });
  await alice.open("Long");
  assert.ok((await alice.field.boundingBox()).height < 50);
  await alice.pane.getByRole("button", { name: "Group", exact: true }).tap();
  for (const name of ["Bob", "Maximiliane"]) {
    const { x, width } = await alice.page.getByRole("dialog").getByRole("button", { name: `What to do with ${name}` }).boundingBox();
    assert.ok(x + width < 360 - 12, `${name}'s menu of ${group.groupId} is inside`);
  }
});

test("the lines of a message stand on the side where their letters begin", async (context) => {
  const alice = await town.person(context, "alice");
  await alice.begin("Carol");
  const sides = (text) => alice.message(text).locator(".text").evaluate((element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    const lines = [...range.getClientRects()].filter(({ width }) => width > 0);
    return { left: lines.map(({ left }) => Math.round(left)), right: lines.map(({ right }) => Math.round(right)) };
  });
  const one = (values) => Math.max(...values) - Math.min(...values) <= 1;
  await alice.say("هذا سطر طويل إلى حد ما\nوهذا قصير");
  await alice.say("this line is rather long\nthis is not");
  await alice.sent("this is not");
  const arabic = await sides("قصير");
  assert.ok(arabic.left.length > 1 && one(arabic.right) && !one(arabic.left), JSON.stringify(arabic));
  const english = await sides("this is not");
  assert.ok(one(english.left) && !one(english.right), JSON.stringify(english));

  // One who turns around the order of letters turns nothing but his own line.
  await alice.say("\u202eturned around");
  await alice.sent("turned around");
  const [time, text] = await Promise.all(["time", ".text"].map((part) => alice.message("turned around").locator(part).boundingBox()));
  assert.ok(time.x >= text.x + text.width - 1, "the time stands behind it");
  await alice.message("turned around").getByRole("button", { name: "Reply" }).click();
  await alice.pane.getByText("Reply to you").waitFor();
});

test("two people on a phone share the window by tabs", async (context) => {
  const page = await town.window(context, { width: 400, height: 800, path: "/?side-by-side" });
  const [carol, bob] = [new Person(page, 0), new Person(page, 1)];
  await carol.logIn("carol");
  await page.getByRole("group", { name: "People" }).getByRole("button").nth(1).click();
  await bob.logIn("bob");
  assert.ok(!await carol.pane.isVisible());
  await page.getByRole("group", { name: "People" }).getByRole("button", { name: "Carol" }).click();
  assert.ok(await carol.pane.isVisible() && !await bob.pane.isVisible());
});
