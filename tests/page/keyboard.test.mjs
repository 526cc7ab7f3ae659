// Everything by keyboard, with a visible focus; and who only hears the page is told what comes.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { isFirefox } from "../../scripts/lib/browser.mjs";
import { root } from "../../scripts/lib/shell.mjs";
import { Town } from "./support/town.mjs";

const town = await Town.build();

test("a person logs in, starts a conversation, writes, answers, recalls and leaves by keyboard alone", async (context) => {
  const bob = await town.person(context, "bob");
  const page = await town.window(context);
  // The page itself has the focus while nothing on it does, and its text is everybody's.
  const focused = () => page.evaluate(() => {
    const it = document.activeElement ?? document.body;
    return (it !== document.body && (it.getAttribute("aria-label") || it.textContent?.trim())) || it.tagName;
  });
  const tabTo = async (name) => {
    for (let i = 0; i < 40; i++) {
      if (name.test(await focused())) {
        assert.ok(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle !== "none" || document.activeElement.matches("input, textarea, .menu-item")), "the focus is seen");
        return;
      }
      await page.keyboard.press("Tab");
    }
    assert.fail(`Tab does not reach ${name}`);
  };
  await page.locator('input[name="uid"]').focus();
  await page.keyboard.type("alice");
  await page.keyboard.press("Tab");
  await page.keyboard.type("demo");
  await page.keyboard.press("Enter");
  await page.locator('.connection-line[data-state="ready"]').first().waitFor();

  await tabTo(/New conversation/);
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.type("Bob");
  await page.getByRole("dialog").getByRole("button", { name: /Bob/ }).waitFor();
  await page.getByRole("dialog").getByRole("button", { name: /Carol/ }).waitFor({ state: "detached" });
  await page.keyboard.press("Enter");
  await page.locator(".conversation-head").filter({ hasText: "Bob" }).waitFor();
  await page.waitForFunction(() => document.activeElement?.tagName === "TEXTAREA");
  await page.keyboard.type("line one");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("line two");
  await page.keyboard.press("Enter");
  await bob.open("Alice");
  await bob.sees("line one\nline two");
  await bob.say("an answer");

  // From the composer up into the messages, and into the menu of one.
  await page.locator(".message").filter({ hasText: "an answer" }).waitFor();
  await page.keyboard.press("ArrowUp");
  assert.match(await focused(), /an answer/);
  await page.keyboard.press("Enter");
  await page.getByRole("menu").waitFor();
  assert.match(await focused(), /Reply/);
  await page.keyboard.press("Enter");
  await page.getByText("Reply to Bob").waitFor();
  await page.waitForFunction(() => document.activeElement?.tagName === "TEXTAREA");
  await page.keyboard.press("Escape");
  await page.getByText("Reply to Bob").waitFor({ state: "detached" });
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowUp");
  assert.match(await focused(), /line one/);
  await page.keyboard.press("Enter");
  await page.keyboard.press("ArrowUp");
  assert.match(await focused(), /Recall/);
  await page.keyboard.press("Enter");
  await page.getByText("You recalled a message").first().waitFor();
  await bob.seesLine("Alice recalled a message");

  await page.locator("textarea").focus();
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => document.activeElement?.matches("[data-row]"));
});

test("Enter takes who is searched for, also before the answer is there", async (context) => {
  const alice = await town.person(context, "alice");
  await alice.page.route(/people\?query=Carol/, async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 500));
    await route.continue();
  });
  await alice.pane.getByRole("button", { name: "New conversation" }).first().click();
  const dialog = alice.page.getByRole("dialog");
  await dialog.getByRole("button", { name: /Bob/ }).waitFor();
  await dialog.getByRole("searchbox").fill("Carol");
  await dialog.getByRole("searchbox").press("Enter");
  await alice.pane.locator(".conversation-head").waitFor();
  assert.equal(await alice.pane.locator(".conversation-head h2").textContent(), "Carol");
});

test("the search for people has the focus at once, and takes it from no other field later", async (context) => {
  const alice = await town.person(context, "alice");
  const searching = (button) => button.evaluate(async (element) => {
    element.click();
    // The next task may be somebody's key already.
    for (let turn = 0; turn < 20; turn++) await undefined;
    return document.activeElement?.matches('.people-picker input[type="search"]');
  });
  assert.ok(await searching(alice.pane.getByRole("button", { name: "New conversation" }).first()), "as the dialog opens");
  assert.ok(await searching(alice.page.getByRole("dialog").getByRole("button", { name: "Group" })), "and for a group");
});

test("what comes is said to a screen reader, once", async (context) => {
  const [alice, bob] = await town.pair(context, "alice", "bob");
  await alice.begin("Bob");
  await bob.begin("Alice");
  await bob.say("do you hear me?");
  await alice.pane.getByRole("log").filter({ hasText: "Bob: do you hear me?" }).waitFor({ state: "attached" });
  await alice.network(false);
  await alice.pane.getByRole("status").filter({ hasText: "The network is cut" }).first().waitFor({ state: "attached" });
});

test("what is recalled is neither left for a screen reader nor in the answer that is being written", async (context) => {
  const [alice, bob] = await town.pair(context, "alice", "bob");
  await alice.begin("Bob");
  await bob.begin("Alice");
  await bob.say("spoken too soon");
  const spoken = alice.pane.getByRole("log");
  await spoken.filter({ hasText: "Bob: spoken too soon" }).waitFor({ state: "attached" });
  await alice.act("spoken too soon", "Reply");
  await alice.pane.locator(".composer-reply", { hasText: "spoken too soon" }).waitFor();
  await bob.act("spoken too soon", "Recall");
  await alice.seesLine("Bob recalled a message");
  await spoken.filter({ hasText: /^$/ }).waitFor({ state: "attached" });
  await alice.pane.locator(".composer-reply").waitFor({ state: "detached" });
  assert.ok(!(await alice.pane.innerHTML()).includes("spoken too soon"));
});

test("a pane beside is closed and opened again by keyboard before anybody has logged in, also on a phone", async (context) => {
  for (const width of [1280, 390]) {
    const page = await town.window(context, { path: "/?side-by-side", width });
    const entrances = page.locator(".entrance");
    await entrances.nth(1).waitFor({ state: "attached" });
    if (width < 720) await page.locator(".pane-tabs button").nth(1).click();
    if (!isFirefox) await page.screenshot({ path: join(root, "tests", "page", "output", `beside-${width}.png`) });
    const close = page.getByRole("button", { name: "Close this pane" });
    assert.equal(await close.count(), 1, "the first pane stays");
    await close.focus();
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelectorAll(".entrance").length === 1);
    // In the pane that is left.
    await page.waitForFunction(() => document.activeElement.matches(".pane"));
    assert.ok(!page.url().includes("side-by-side"), "a reload leaves it closed");
    await page.getByRole("button", { name: "Open a second person beside" }).focus();
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelectorAll(".entrance").length === 2);
    assert.ok(page.url().includes("side-by-side"));
  }
});
