// What a person sees when the client says something rare: refusals, kicks, an account in use, a recall under suspicion, content of any shape. The
// client is a scripted one (scripted/client.js), since the real one cannot be made to say these things on demand.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";

import axe from "axe-core";

import { enter, firstVisible, logIn, row, say } from "./scripted/stage.mjs";

const toAlice = { channelId: "alice", channelType: 1 };

test("a message is queued, then sent; a refused one says why and can be sent again or dropped", async (context) => {
  const { page } = await enter(context, "alice", { prepare: () => { scripted.say("bob", { channelId: "alice", channelType: 1 }, { type: 1, content: "hi" }); } });
  await page.getByRole("button", { name: /Bob Okafor/ }).click();
  const field = page.getByRole("textbox", { name: /Message/ });
  await page.evaluate(() => { scripted.acknowledging = new Promise((acknowledge) => { scripted.acknowledge = acknowledge; }); });
  await field.fill("first");
  await field.press("Enter");
  await row(page, "first").getByRole("img", { name: "Waiting to be sent" }).waitFor();
  await page.evaluate(() => scripted.acknowledge());
  await row(page, "first").getByRole("img", { name: "Sent", exact: true }).waitFor();

  await page.evaluate(() => { scripted.refuse = 3; });
  for (const text of ["second", "third"]) {
    await field.fill(text);
    await field.press("Enter");
    await row(page, text).getByText("Not sent: you are not in this group").waitFor();
  }
  await page.evaluate(() => { scripted.refuse = undefined; });
  await row(page, "second").getByRole("button", { name: "Retry" }).click();
  await row(page, "second").getByRole("img", { name: "Sent", exact: true }).waitFor();
  await row(page, "third").getByRole("button", { name: "Discard" }).click();
  await row(page, "third").waitFor({ state: "detached" });
});

test("an account that another window has open is said to be, and another one can be used", async (context) => {
  const { page } = await enter(context, "alice", { prepare: () => { scripted.refuseToOpen = (uid) => (uid === "alice" ? "in-use" : undefined); } });
  await page.getByRole("heading", { name: "Open in another window" }).waitFor();
  await page.getByRole("button", { name: "Use another account" }).click();
  await logIn(page, "bob");
  await page.getByRole("heading", { name: "Bob Okafor" }).waitFor();
});

test("an account that another window had open opens by itself once it is closed there", async (context) => {
  const { page } = await enter(context, "alice", { prepare: () => { scripted.refuseToOpen = () => "in-use"; } });
  const title = page.getByRole("heading", { name: "Open in another window" });
  await title.waitFor();
  await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await page.waitForTimeout(100);
  assert.ok(await title.isVisible(), "it is looked at without a word");
  await page.evaluate(() => { scripted.refuseToOpen = () => undefined; });
  await page.getByRole("heading", { name: "Alice Chen" }).waitFor();
});

test("who opens the same person in both panes is told so", async (context) => {
  const { page } = await enter(context, "alice", { size: { width: 1400, height: 800 } });
  await page.getByRole("heading", { name: "Alice Chen" }).waitFor();
  await page.getByRole("button", { name: "Menu" }).click();
  await page.getByRole("menuitem", { name: "Open a second person beside" }).click();
  await logIn(page.locator(".pane").nth(1), "alice");
  await page.locator(".pane").nth(1).getByRole("heading", { name: "Open in another window" }).waitFor();
});

test("what could not be read once is tried again, and is not in use by the first attempt", async (context) => {
  const { page } = await enter(context, "alice", { prepare: () => { scripted.unreadable = true; } });
  await page.getByRole("heading", { name: "The messages could not be opened" }).waitFor();
  await page.evaluate(() => { scripted.unreadable = false; });
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("heading", { name: "Alice Chen" }).waitFor();
});

test("an unreachable server has a banner that counts down and can be hurried", async (context) => {
  const { page, state } = await enter(context, "alice", { world: { down: false } });
  await page.getByText("Connected", { exact: true }).first().waitFor();
  state.down = true;
  await page.evaluate(() => scripted.clients.get("alice").connect());
  await page.getByText(/Next attempt in [1-5]?[0-9] s/).waitFor();
  state.down = false;
  await page.getByRole("button", { name: "Try now" }).click();
  await page.locator(".connection-line", { hasText: "Connected" }).first().waitFor();
  assert.equal(await page.locator(".banner").count(), 0);
});

test("a gateway's address that the browser refuses is told with what it would need, until a connection stands", async (context) => {
  for (const [locale, sentence] of [["en", "needs an address with wss://"], ["zh-CN", "地址须为 wss://"]]) {
    const { page } = await enter(context, "alice", { locale, size: { width: 1200, height: 800 } });
    const ready = page.locator('.connection-line[data-state="ready"]').first();
    await ready.waitFor();
    await page.evaluate(() => {
      const alice = scripted.clients.get("alice");
      const error = { code: "unavailable", message: "", retryable: true };
      alice.become({ state: "connecting" });
      alice.emit("problem", { error });
      alice.become({ state: "waiting", retryIn: 50_000, error });
    });
    const banner = page.locator(".banner", { hasText: sentence });
    await banner.filter({ hasText: /[1-5]?[0-9] (s|秒)/ }).waitFor();
    assert.equal(await page.locator(".notice").count(), 0, "it is told once");
    await page.getByRole("button", { name: /Inspector|观察器/ }).click();
    await page.getByRole("tab").nth(1).click();
    await page.locator(".facts dd", { hasText: sentence }).waitFor();
    await banner.getByRole("button").click();
    await ready.waitFor();
    await page.evaluate(() => scripted.clients.get("alice").become({ state: "waiting", retryIn: 50_000, error: { code: "unavailable", message: "", retryable: true } }));
    await page.locator(".banner").waitFor();
    assert.equal(await banner.count(), 0);
  }
});

test("a device that was kicked says so and connects again when asked", async (context) => {
  const { page } = await enter(context, "alice");
  await page.locator(".connection-line", { hasText: "Connected" }).first().waitFor();
  await page.evaluate(() => scripted.clients.get("alice").become({ state: "kicked", reason: "" }));
  await page.getByText("logged in on another device").first().waitFor();
  await page.getByRole("button", { name: "Connect again" }).click();
  await page.locator(".connection-line", { hasText: "Connected" }).first().waitFor();
});

test("a device that was kicked because somebody logged out elsewhere asks for a log-in", async (context) => {
  const { page, state } = await enter(context, "alice");
  await page.locator(".connection-line", { hasText: "Connected" }).first().waitFor();
  state.over = true;
  await page.evaluate(() => scripted.clients.get("alice").become({ state: "kicked", reason: "" }));
  await page.getByText("The session has ended").waitFor();
});

test("a full disk is called by its name, and a text that could not be kept is given back before what was written since", async (context) => {
  const { page } = await enter(context, "alice", { prepare: () => { scripted.say("bob", { channelId: "alice", channelType: 1 }, { type: 1, content: "hi" }); } });
  await page.locator(".connection-line", { hasText: "Connected" }).first().waitFor();
  await page.getByRole("button", { name: /Bob Okafor/ }).click();
  const field = page.getByRole("textbox", { name: /Message/ });
  await page.evaluate(() => {
    const client = scripted.clients.get("alice");
    client.send = () => new Promise((_, fail) => { scripted.fail = () => fail(scripted.error("storage")); });
    client.become({ state: "waiting", retryIn: 50_000, error: { code: "storage", message: "", retryable: true } });
  });
  await page.locator(".banner", { hasText: /Is the disk full\? Next attempt in [1-5]?[0-9] s/ }).waitFor();
  await field.fill("first");
  await field.press("Enter");
  await page.waitForFunction(() => document.querySelector(".composer textarea").value === "");
  await field.fill("seco");
  await page.evaluate(() => scripted.fail());
  await page.waitForFunction(() => document.querySelector(".composer textarea").value === "first\nseco");
});

test("the keys of an input method are its own", async (context) => {
  const { page } = await enter(context, "alice", { prepare: () => { scripted.say("bob", { channelId: "alice", channelType: 1 }, { type: 1, content: "hi" }); } });
  await page.getByRole("button", { name: /Bob Okafor/ }).click();
  // As Chrome on a Mac tells of them, and, without `isComposing`, Safari of the last one.
  const press = (field, key, isComposing) => field.evaluate((element, init) => !element.dispatchEvent(new KeyboardEvent("keydown", { ...init, keyCode: 229, bubbles: true, cancelable: true })), { key, isComposing });
  const field = page.getByRole("textbox", { name: /Message/ });
  await field.fill("ni hao");
  for (const key of ["Enter", "Escape"]) {
    for (const isComposing of [true, false]) assert.ok(!await press(field, key, isComposing), key);
  }
  assert.equal(await field.inputValue(), "ni hao");
  await page.getByRole("button", { name: "New conversation" }).first().click();
  const search = page.getByRole("searchbox");
  await page.getByRole("dialog").getByRole("button", { name: /Bob/ }).waitFor();
  for (const key of ["ArrowDown", "Enter"]) assert.ok(!await press(search, key, false), key);
  assert.ok(await search.evaluate((element) => element === document.activeElement));
});

test("a session that is over leads back to the log-in, with the id filled in", async (context) => {
  const { page, state } = await enter(context, "alice");
  await page.locator(".connection-line", { hasText: "Connected" }).first().waitFor();
  state.over = true;
  await page.evaluate(() => { scripted.clients.get("alice").refused(); });
  await page.getByText("The session has ended").waitFor();
  assert.equal(await page.locator('input[name="uid"]').inputValue(), "alice");
  await page.reload();
  assert.equal(await page.locator('input[name="password"]').count(), 1, "the dead session is not tried again");
});

test("a message server that refuses by silence does not end the session: the banner offers another attempt, and the client may come back by itself", async (context) => {
  const { page, state } = await enter(context, "alice");
  const connected = page.locator(".connection-line", { hasText: "Connected" }).first();
  await connected.waitFor();
  const banner = page.locator(".banner", { hasText: "does not let this account in, or keeps silent" });
  // Again and again: while the page has not heard the answer to its last question, it asks no other.
  const untilAsked = async (event, act) => {
    let answer;
    const answered = page.waitForEvent(event, (request) => request.url().endsWith("/v1/me")).then((request) => { answer = request; });
    while (!answer) {
      await act();
      await Promise.race([answered, setTimeout(500)]);
    }
  };
  const refuse = () => page.evaluate(() => { scripted.clients.get("alice").refused(); });

  // The business server says that the session stands.
  await untilAsked("requestfinished", refuse);
  await banner.waitFor();
  await page.evaluate(() => scripted.clients.get("alice").become({ state: "ready" }));
  await connected.waitFor();
  assert.equal(await page.locator(".banner").count(), 0);

  // It says nothing.
  state.down = true;
  await untilAsked("requestfailed", refuse);
  await banner.waitFor();
  state.down = false;

  // Asked by hand, the same.
  await page.evaluate(() => { scripted.refuseToConnect = true; });
  await untilAsked("requestfinished", () => page.getByRole("button", { name: "Connect again" }).click());
  await banner.waitFor();
  await page.evaluate(() => { scripted.refuseToConnect = false; });
  await page.getByRole("button", { name: "Connect again" }).click();
  await connected.waitFor();
});

test("the switch of the network can still be thrown when the client has ended", async (context) => {
  const { page } = await enter(context, "alice");
  await page.locator(".connection-line", { hasText: "Connected" }).first().waitFor();
  await page.evaluate(() => scripted.clients.get("alice").become({ state: "closed" }));
  await page.getByText("The client has stopped.").first().waitFor();
  const lever = page.getByRole("switch", { name: "Network" });
  await lever.click();
  await page.getByText("The network is cut.").first().waitFor();
  await lever.click();
  await page.getByRole("button", { name: "Try again" }).click();
  await page.locator(".connection-line", { hasText: "Connected" }).first().waitFor();
});

test("what is written when the client has ended stays in the field, also after another attempt", async (context) => {
  const { page } = await enter(context, "alice", { prepare: () => { scripted.say("bob", { channelId: "alice", channelType: 1 }, { type: 1, content: "hi" }); } });
  await page.locator(".connection-line", { hasText: "Connected" }).first().waitFor();
  await page.getByRole("button", { name: /Bob Okafor/ }).click();
  await row(page, "hi").waitFor();
  await page.evaluate(() => scripted.clients.get("alice").become({ state: "closed" }));
  await page.getByText("The client has stopped.").first().waitFor();
  const field = page.getByRole("textbox", { name: /Message/ });
  await field.fill("not in vain");
  await field.press("Enter");
  assert.equal(await field.inputValue(), "not in vain");
  await page.getByRole("button", { name: "Try again" }).click();
  await page.locator(".connection-line", { hasText: "Connected" }).first().waitFor();
  await page.getByRole("button", { name: /Bob Okafor/ }).click();
  assert.equal(await field.inputValue(), "not in vain");
  await field.press("Enter");
  await row(page, "not in vain").getByRole("img", { name: "Sent", exact: true }).waitFor();
});

test("what is told twice stands there once", async (context) => {
  const { page } = await enter(context, "alice");
  await page.locator(".connection-line", { hasText: "Connected" }).first().waitFor();
  await page.evaluate(() => { for (const code of ["storage", "storage", "rate-limited"]) scripted.clients.get("alice").emit("problem", { error: scripted.error(code) }); });
  await page.locator(".notice", { hasText: "Too many attempts" }).waitFor();
  assert.equal(await page.locator(".notice").count(), 2);
});

test("whoever has the menu of a message open when it is recalled stays at its place with the keyboard", async (context) => {
  const { page } = await enter(context, "alice", { prepare: () => { scripted.say("bob", { channelId: "alice", channelType: 1 }, { type: 1, content: "hi" }); } });
  await page.getByRole("button", { name: /Bob Okafor/ }).click();
  await row(page, "hi").waitFor();
  await page.getByRole("textbox", { name: /Message/ }).press("ArrowUp");
  await page.keyboard.press("Enter");
  await page.getByRole("menu").waitFor();
  await page.evaluate(() => {
    const alice = scripted.clients.get("alice");
    const [message] = [...scripted.log.values()][0];
    Object.assign(message, { state: "recalled", recall: { operator: "bob", role: "author", at: Date.now() } });
    alice.changed(message);
  });
  await page.getByText("Bob Okafor recalled a message").first().waitFor();
  assert.ok(await page.evaluate(() => document.activeElement.matches('.message[data-state="recalled"]')));
});

test("a sign-up that cannot be is told why in the page's own words, and the server is not asked", async (context) => {
  const wrong = [
    [{ uid: "two words" }, "A user id has only the letters a to z", "用户 ID 只能包含英文字母"],
    [{ uid: "____system" }, "This user id is reserved.", "此用户 ID 为系统保留"],
    [{ name: "Zoe\tZ" }, "The name has a character that cannot be shown.", "昵称含有无法显示的字符"],
    [{ password: "short" }, "The password is too short", "密码太短，至少需要 8 个"],
    [{ password: "长".repeat(86) }, "The password is too long.", "密码太长。"],
    // What only the server knows.
    [{ password: "密码够长" }, "The server does not accept this input.", "服务器不接受此输入。"],
  ];
  for (const [index, [locale, signUp]] of [["en", "Sign up"], ["zh-CN", "注册"]].entries()) {
    const { page, state } = await enter(context, undefined, { locale });
    await page.getByRole("button", { name: signUp }).click();
    for (const [fields, ...sentences] of wrong) {
      assert.equal(state.signUps, undefined);
      for (const [name, value] of Object.entries({ uid: "zoe", name: "", password: "long enough", ...fields })) await page.locator(`input[name="${name}"]`).fill(value);
      await page.locator("form button.primary").click();
      await page.getByRole("alert").filter({ hasText: sentences[index] }).waitFor();
    }
    assert.deepEqual(state.signUps, ["zoe"]);
    assert.ok(!(await page.getByRole("alert").textContent()).includes("developers"));
  }
});

test("a recall reads as each of those concerned would say it", async (context) => {
  const prepare = () => {
    const group = { channelId: "g1", channelType: 2 };
    const recalled = (from, operator, role) => {
      const message = scripted.say(from, group, { type: 1, content: "secret words" }, { quiet: true });
      Object.assign(message, { state: "recalled", recall: { operator, role, at: Date.now() } });
    };
    recalled("alice", "alice", "author");
    recalled("bob", "bob", "author");
    recalled("carol", "alice", "owner");
    recalled("carol", "bob", "admin");
    recalled("alice", "bob", "admin");
    const hidden = scripted.say("dave", group, { type: 1, content: "secret words" }, { quiet: true });
    hidden.state = "hidden";
  };
  const expected = {
    en: ["You recalled a message", "Bob Okafor recalled a message", "You recalled a message of 刘晓彤", "Bob Okafor recalled a message of 刘晓彤", "Bob Okafor recalled your message", "Hidden: its recall is being checked"],
    "zh-CN": ["你撤回了一条消息", "Bob Okafor 撤回了一条消息", "你撤回了 刘晓彤 的一条消息", "Bob Okafor 撤回了 刘晓彤 的一条消息", "Bob Okafor 撤回了你的一条消息", "已隐藏：正在核实撤回"],
  };
  for (const [locale, sentences] of Object.entries(expected)) {
    const { page } = await enter(context, "alice", { prepare, locale });
    await page.locator("[data-row]").first().click();
    // The names come after the lines.
    for (const sentence of sentences) await page.locator(".place bdi", { hasText: new RegExp(`^${sentence}$`) }).waitFor();
    assert.deepEqual(await page.locator(".place bdi").allTextContents(), sentences);
    assert.ok(!(await page.content()).includes("secret words"));
  }
});

test("the audit tells in both languages what came while it is open, by whom and by which road", async (context) => {
  const lines = [
    ["recalled", "feed", "bob"], ["restored", "history", "bob"], ["deleted", "feed", ""], ["hidden", "command", "bob"],
    ["forged", "command", "bob"], ["requested", "application", "alice"], ["denied", "application", "alice"], ["restore-denied", "business", "alice"], ["sealed", "letter", "bob"],
  ];
  const expected = {
    en: {
      inspector: "Inspector", tab: "Audit",
      what: ["Recalled", "Restored", "Deleted", "Hidden, to be checked", "Forged recall, shown again", "Recall requested", "Recall denied", "Restore denied", "sealed"],
      roads: ["by Bob Okafor, through the server’s record", "by Bob Okafor, through the history", "by System, through the server’s record", "by Bob Okafor, through a command",
        "by Bob Okafor, through a command", "by Alice Chen, through this page", "by Alice Chen, through this page", "by Alice Chen, through the server’s answer", "by Bob Okafor, through letter"],
    },
    "zh-CN": {
      inspector: "观察器", tab: "审计",
      what: ["已撤回", "已恢复", "已删除", "已隐藏，待核实", "伪造的撤回，已重新显示", "已请求撤回", "撤回被拒绝", "恢复被拒绝", "sealed"],
      roads: ["操作人 Bob Okafor，来自服务器记录", "操作人 Bob Okafor，来自历史消息", "操作人 系统，来自服务器记录", "操作人 Bob Okafor，来自指令消息",
        "操作人 Bob Okafor，来自指令消息", "操作人 Alice Chen，来自本页操作", "操作人 Alice Chen，来自本页操作", "操作人 Alice Chen，来自服务器答复", "操作人 Bob Okafor，来自letter"],
    },
  };
  for (const [locale, { inspector, tab, what, roads }] of Object.entries(expected)) {
    const { page } = await enter(context, "alice", { locale });
    await page.getByRole("button", { name: inspector }).click();
    await page.getByRole("tab", { name: tab }).click();
    for (const [count, line] of lines.entries()) {
      await page.evaluate((all) => { scripted.clients.get("alice").note(...all, { channelId: "g1", channelType: 2 }); }, line);
      await page.locator(".records li").nth(count).waitFor();
    }
    const texts = (selector) => page.locator(selector).allTextContents();
    for (const road of roads) await page.locator(".records .soft", { hasText: road }).first().waitFor();
    assert.deepEqual((await texts(".records b")).toReversed(), what);
    assert.deepEqual((await texts(".records .soft")).map((text) => text.split(" · ")[1]).toReversed(), roads);
  }
});

test("who reads further up is told how many new messages there are, and stays where he is", async (context) => {
  const prepare = () => {
    for (let i = 0; i < 90; i++) scripted.say(i % 2 ? "alice" : "bob", { channelId: i % 2 ? "bob" : "alice", channelType: 1 }, { type: 1, content: `word ${i} ${"lorem ".repeat((i * 7) % 40)}` }, { at: Date.now() - 9e6 + i * 6e4, quiet: true });
  };
  const { page } = await enter(context, "alice", { prepare });
  await page.getByRole("button", { name: /Bob Okafor/ }).click();
  await row(page, "word 89").waitFor();
  const box = page.locator(".timeline");
  await page.getByRole("button", { name: "To the newest message" }).click();
  await box.evaluate((element) => { element.scrollTop = element.scrollHeight - element.clientHeight - 900; });
  const before = await firstVisible(box);
  await say(page, "bob", toAlice, { type: 1, content: "new one" });
  await say(page, "bob", toAlice, { type: 1, content: "new two" });
  const button = page.getByRole("button", { name: "2 new messages" });
  await button.waitFor();
  assert.deepEqual(await firstVisible(box), before);
  await button.click();
  await row(page, "new two").waitFor();
  assert.ok(await row(page, "new two").isVisible());
  await button.waitFor({ state: "detached" });
});

test("who has just scrolled up is not taken back by a message that comes before the browser tells of the scroll", async (context) => {
  const prepare = () => {
    for (let i = 0; i < 90; i++) scripted.say("bob", { channelId: "alice", channelType: 1 }, { type: 1, content: `word ${i}` }, { quiet: true });
  };
  const { page } = await enter(context, "alice", { prepare });
  await page.getByRole("button", { name: /Bob Okafor/ }).click();
  await row(page, "word 89").waitFor();
  const box = page.locator(".timeline");
  await page.getByRole("button", { name: "To the newest message" }).click();
  await page.getByRole("button", { name: "To the newest message" }).waitFor({ state: "detached" });
  await box.evaluate((element) => {
    element.scrollTop -= 900;
    scripted.say("bob", { channelId: "alice", channelType: 1 }, { type: 1, content: "new one" });
  });
  await page.getByRole("button", { name: "1 new message" }).waitFor();
  const [wanted, reached] = await box.evaluate(async (element) => {
    element.scrollTop -= 300;
    const wanted = element.scrollTop;
    scripted.clients.get("alice").emit("message-removed", { channel: { channelId: "bob", channelType: 1 }, key: [...element.querySelectorAll(".message")].at(-1).dataset.key });
    await new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(done)); });
    return [wanted, element.scrollTop];
  });
  await row(page, "new one").waitFor({ state: "detached" });
  assert.equal(reached, wanted);
  // To the newest, and up again at once, while the list becomes shorter.
  const [from, to] = await box.evaluate(async (element) => {
    document.querySelector(".to-newest").click();
    element.scrollTop -= 300;
    const from = element.scrollTop;
    scripted.clients.get("alice").emit("message-removed", { channel: { channelId: "bob", channelType: 1 }, key: [...element.querySelectorAll(".message")].at(-1).dataset.key });
    await new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(done)); });
    return [from, element.scrollTop];
  });
  await row(page, "word 89").waitFor({ state: "detached" });
  assert.equal(to, from);
});

test("the line of what is new stands above what others did, not above the notice of what one did oneself", async (context) => {
  const prepare = () => {
    const [group, names] = [{ channelId: "g1", channelType: 2 }, { alice: "Alice Chen", bob: "Bob Okafor", dave: "Dave" }];
    const added = (by, whom) => scripted.say("", group, { type: 1002, content: "", from_uid: by, extra: [by, whom].map((uid) => ({ uid, name: names[uid] })) });
    scripted.say("bob", group, { type: 1, content: "read before" });
    added("alice", "dave");
    added("bob", "dave");
  };
  const { page } = await enter(context, "alice", { prepare });
  await page.locator(".connection-line", { hasText: "Connected" }).first().waitFor();
  await page.evaluate(() => scripted.clients.get("alice").markRead({ channelId: "g1", channelType: 2 }, 1));
  await page.locator("[data-row]", { hasText: "Cloud crew" }).click();
  await row(page, "Bob Okafor added Dave").locator(".new-line").waitFor();
  assert.equal(await row(page, "You added Dave").count(), 1);
  assert.equal(await page.locator(".new-line").count(), 1);
});

test("pages come and go while one scrolls up and down again, and neither what is read jumps nor is the focus lost", async (context) => {
  const prepare = () => {
    for (let i = 0; i < 700; i++) scripted.say("alice", { channelId: "bob", channelType: 1 }, { type: 1, content: `word ${i} ${"lorem ".repeat((i * 7) % 40)}` }, { at: Date.now() - 9e7 + i * 1e5, quiet: true });
  };
  const { page } = await enter(context, "alice", { prepare });
  await page.getByRole("button", { name: /Bob Okafor/ }).click();
  await row(page, "word 699").waitFor();
  await page.locator(".message").last().focus();
  const box = page.locator(".timeline");
  const ends = () => page.evaluate(() => {
    const all = [...document.querySelectorAll(".message")];
    return [all[0].dataset.key, all.at(-1).dataset.key].join();
  });
  const look = () => page.evaluate(() => [...document.querySelectorAll(".message")].map((one) => Number(/word (\d+)/.exec(one.textContent)[1])));
  const met = new Set();
  /** Towards one end until it is reached, a page at a time. */
  const go = async (scroll, reached) => {
    for (let turn = 0; turn < 60 && !await reached(); turn++) {
      const before = await ends();
      const place = await box.evaluate(scroll).then(() => firstVisible(box));
      await page.waitForFunction((known) => {
        const all = [...document.querySelectorAll(".message")];
        return [all[0].dataset.key, all.at(-1).dataset.key].join() !== known || !document.querySelector(".timeline-note .spinner");
      }, before);
      // What is less than a pixel is left as it is.
      const now = await firstVisible(box);
      assert.ok(now.key === place.key && Math.abs(now.top - place.top) <= 1, `${JSON.stringify(place)} became ${JSON.stringify(now)}`);
      const numbers = await look();
      for (const number of numbers) met.add(number);
      assert.ok(numbers.length <= 240 && numbers.at(-1) - numbers[0] === numbers.length - 1, "a part of it, without a hole");
      assert.ok(await page.evaluate(() => document.activeElement.matches(".message")), "the focus stays among the messages");
    }
    assert.ok(await reached());
  };
  await go((element) => { element.scrollTop = Math.min(600, element.scrollTop); }, async () => (await look())[0] === 0);
  assert.equal(met.size, 700);
  const newest = page.getByRole("button", { name: "To the newest message" });
  assert.ok(await newest.isVisible());
  await go((element) => { element.scrollTop = Math.max(element.scrollHeight - element.clientHeight - 600, element.scrollTop); }, async () => (await look()).at(-1) === 699);
  await box.evaluate((element) => { element.scrollTop = element.scrollHeight; });
  await newest.waitFor({ state: "detached" });
});

test("far up, what is written and what comes stands at the newest message, and a quotation leads to the very first", async (context) => {
  const prepare = () => {
    const first = scripted.say("bob", { channelId: "alice", channelType: 1 }, { type: 1, content: "the very first" }, { quiet: true });
    for (let i = 0; i < 2000; i++) scripted.say("alice", { channelId: "bob", channelType: 1 }, { type: 1, content: `word ${i}` }, { quiet: true });
    const reply = { message_id: first.messageId, message_seq: 1, from_uid: "bob", from_name: "Bob", payload: first.content };
    scripted.say("alice", { channelId: "bob", channelType: 1 }, { type: 1, content: "as you said", reply }, { quiet: true });
  };
  const { page } = await enter(context, "alice", { prepare });
  await page.locator(".connection-line", { hasText: "Connected" }).first().waitFor();
  await page.evaluate(() => scripted.clients.get("alice").markRead({ channelId: "bob", channelType: 1 }, 1));
  await page.getByRole("button", { name: /Bob Okafor/ }).click();
  await row(page, "as you said").locator(".quote").click();
  const found = row(page, "the very first").filter({ hasNotText: "as you said" });
  await found.and(page.locator(".message:focus")).waitFor();
  assert.ok(await page.locator(".message").count() <= 240);

  await say(page, "bob", toAlice, { type: 1, content: "while you read" });
  await page.getByRole("button", { name: "1 new message" }).waitFor();
  assert.equal(await row(page, "while you read").count(), 0);
  await page.keyboard.press("End");
  await row(page, "while you read").waitFor();
  await page.waitForFunction(() => document.activeElement.matches(".message") && document.activeElement.textContent.includes("while you read"));

  await row(page, "as you said").locator(".quote").click();
  await found.and(page.locator(".message:focus")).waitFor();
  await page.getByRole("textbox", { name: /Message/ }).fill("my answer");
  await page.keyboard.press("Enter");
  await row(page, "my answer").getByRole("img", { name: "Sent", exact: true }).waitFor();
  assert.equal(await row(page, "my answer").count(), 1);
});

test("the keys Home and End lead to the first and to the newest message of a conversation, whatever of it is shown or here", async (context) => {
  const prepare = () => {
    for (let i = 0; i < 900; i++) scripted.say("alice", { channelId: "bob", channelType: 1 }, { type: 1, content: `word ${i}.` }, { quiet: true });
    scripted.held = 500;
  };
  const { page } = await enter(context, "alice", { prepare });
  await page.getByRole("button", { name: /Bob Okafor/ }).click();
  await row(page, "word 899.").waitFor();
  await page.locator(".message").last().focus();
  for (const [key, text] of [["Home", "word 0."], ["End", "word 899."], ["Control+Home", "word 0."], ["Home", "word 0."], ["Control+End", "word 899."], ["End", "word 899."]]) {
    await page.keyboard.press(key);
    await page.waitForFunction((wanted) => document.activeElement.matches(".message") && document.activeElement.textContent.includes(wanted), text);
    await row(page, text).waitFor();
    const inside = await row(page, text).evaluate((element) => {
      const [one, box] = [element, element.closest(".timeline")].map((each) => each.getBoundingClientRect());
      return one.top >= box.top && one.bottom <= box.bottom;
    });
    assert.ok(inside, `${key}: in sight`);
    assert.ok(await page.locator(".message").count() <= 240);
  }
});

test("a screen reader is told where in the whole conversation a message stands, and that the list is a part", async (context) => {
  const prepare = () => {
    for (let i = 0; i < 900; i++) scripted.say("alice", { channelId: "bob", channelType: 1 }, { type: 1, content: `word ${i}.` }, { at: Date.now() - 9e8 + i * 1e6, quiet: true });
    for (let i = 0; i < 60; i++) scripted.say(`p${i}`, { channelId: "alice", channelType: 1 }, { type: 1, content: "hi" }, { at: Date.now() - 9e8, quiet: true });
    scripted.acknowledging = new Promise(() => {});
  };
  const { page, window } = await enter(context, "alice", { prepare });
  await page.getByRole("button", { name: /Bob Okafor/ }).click();
  await row(page, "word 899.").waitFor();
  for (const text of ["one more", "and another"]) {
    await page.getByRole("textbox", { name: /Message/ }).fill(text);
    await page.keyboard.press("Enter");
    await row(page, text).waitFor();
  }
  const places = await page.getByRole("list", { name: "Messages with Bob Okafor" }).getByRole("listitem")
    .evaluateAll((all) => all.map((one) => [one.getAttribute("aria-posinset"), one.getAttribute("aria-setsize")].join(" of ")));
  assert.deepEqual(places, Array.from({ length: places.length }, (_, index) => `${902 - places.length + index + 1} of -1`));

  // The conversations are all in the document, where the browser counts them by itself, also those that are out of sight.
  if (window.browser().browserType().name() !== "chromium") return;
  const session = await window.newCDPSession(page);
  const { nodes } = await session.send("Accessibility.getFullAXTree");
  const lists = nodes.filter(({ role }) => role?.value === "list").map(({ childIds }) => childIds.length);
  assert.ok(lists.includes(61 + 1), `${lists}`);
});

test("three hundred unread messages are read from the first one on", async (context) => {
  const prepare = () => {
    const channel = { channelId: "alice", channelType: 1 };
    for (let i = 0; i < 400; i++) scripted.say("bob", channel, { type: 1, content: `word ${i}` }, { quiet: true });
  };
  const { page } = await enter(context, "alice", { prepare });
  await page.locator(".connection-line", { hasText: "Connected" }).first().waitFor();
  await page.evaluate(() => scripted.clients.get("alice").markRead({ channelId: "bob", channelType: 1 }, 100));
  const entry = page.getByRole("button", { name: /Bob Okafor/ });
  await entry.getByText("99+").waitFor();
  await entry.click();
  await row(page, "word 100").waitFor();
  assert.ok(await page.evaluate(() => {
    const [line, box] = [document.querySelector(".new-line"), document.querySelector(".timeline")].map((one) => one.getBoundingClientRect());
    return line.top > box.top && line.bottom < box.top + box.height / 2;
  }), "the line of what is new is in sight");
  assert.ok(await page.getByRole("button", { name: "To the newest message" }).isVisible());
  await page.getByRole("button", { name: "To the newest message" }).click();
  await row(page, "word 399").waitFor();
  await entry.getByText("99+").waitFor({ state: "detached" });
});

test("the first of many unread messages is a press away where only the server has it", async (context) => {
  const prepare = () => {
    const channel = { channelId: "alice", channelType: 1 };
    for (let i = 0; i < 900; i++) scripted.say("bob", channel, { type: 1, content: `word ${i}` }, { quiet: true });
    scripted.held = 50;
  };
  for (const [locale, name, busy] of [["en", "800 new messages", "Looking for the message…"], ["zh-CN", "800 条新消息", "正在查找"]]) {
    const { page } = await enter(context, "alice", { prepare, locale });
    await page.locator('.connection-line[data-state="ready"]').first().waitFor();
    await page.evaluate(() => scripted.clients.get("alice").markRead({ channelId: "bob", channelType: 1 }, 100));
    const entry = page.getByRole("button", { name: /Bob Okafor/ });
    await entry.getByText("99+").waitFor();
    await entry.click();
    await row(page, "word 899").waitFor();
    assert.equal(await page.locator(".new-line").count(), 0, "the line stands above no other message");
    const button = page.getByRole("button", { name });
    await button.click();
    await page.getByRole("status").filter({ hasText: busy }).waitFor();
    await row(page, "word 100").locator(".new-line").waitFor();
    await page.waitForFunction(() => document.activeElement.matches(".message:has(.new-line)"));
    assert.ok(await page.evaluate(() => {
      const [line, box] = [document.querySelector(".new-line"), document.querySelector(".timeline")].map((one) => one.getBoundingClientRect());
      return line.top > box.top && line.bottom < box.top + box.height / 2;
    }), "the line of what is new is in sight");
    assert.equal(await button.count(), 0);
    assert.ok(await page.locator(".message").count() <= 240);
  }
});

test("who scrolls up to the first unread message is not led there any more", async (context) => {
  const prepare = () => {
    for (let i = 0; i < 200; i++) scripted.say("bob", { channelId: "alice", channelType: 1 }, { type: 1, content: `word ${i}` }, { quiet: true });
    scripted.held = 10;
  };
  const { page } = await enter(context, "alice", { prepare });
  await page.locator(".connection-line", { hasText: "Connected" }).first().waitFor();
  await page.evaluate(() => scripted.clients.get("alice").markRead({ channelId: "bob", channelType: 1 }, 150));
  await page.getByRole("button", { name: /Bob Okafor/ }).click();
  const button = page.getByRole("button", { name: "50 new messages" });
  await button.waitFor();
  await row(page, "word 150").waitFor({ state: "attached" });
  await row(page, "word 150").evaluate((element) => element.scrollIntoView({ block: "center" }));
  await button.waitFor({ state: "detached" });
});

for (const [width, list, conversation] of [
  [380, [[1, "Alice Chen"], [2, "Conversations"]], [[1, "Alice Chen"], [2, "Cloud crew"]]],
  [1200, [[1, "Alice Chen"], [2, "Conversations"], [2, "Choose a conversation"]], [[1, "Alice Chen"], [2, "Conversations"], [2, "Cloud crew"]]],
]) {
  test(`the headings tell who is here and what is open, ${width} pixels wide`, async (context) => {
    const { page } = await enter(context, "alice", { size: { width, height: 800 } });
    const headings = () => page.locator("h1, h2, h3").evaluateAll((all) => all.filter((one) => one.checkVisibility()).map((one) => [Number(one.tagName[1]), one.textContent]));
    await page.locator("[data-row]").first().waitFor();
    assert.deepEqual(await headings(), list);
    await page.locator("[data-row]").first().click();
    await page.locator(".conversation-head").waitFor();
    assert.deepEqual(await headings(), conversation);
  });
}

for (const colorScheme of ["light", "dark"]) {
  for (const width of [380, 1200]) {
    test(`axe finds no barrier, ${colorScheme}, ${width} pixels wide`, async (context) => {
      const prepare = () => {
        const group = { channelId: "g1", channelType: 2 };
        const first = scripted.say("bob", group, { type: 1, content: "hello https://example.org" }, { quiet: true });
        scripted.say("alice", group, { type: 1, content: "answer", reply: { message_id: first.messageId, message_seq: 1, from_uid: "bob", from_name: "Bob", payload: { type: 1, content: "hello" } } }, { quiet: true });
        const recalled = scripted.say("alice", group, { type: 1, content: "x" }, { quiet: true });
        Object.assign(recalled, { state: "recalled", recall: { operator: "alice", role: "author", at: 1, deadline: Date.now() + 1e6 } });
        scripted.say("bob", group, { type: 1, content: "@Alice Chen hi", mention: { uids: ["alice"] } }, { quiet: true });
        scripted.refuse = 3;
      };
      const size = { width, height: 800 };
      // The checker is brought into the page as a script, which the page's own policy forbids.
      const { page } = await enter(context, "alice", { prepare, size, colorScheme, bypassCSP: true, reducedMotion: "reduce" });
      const check = async (place) => {
        await page.evaluate(axe.source);
        const violations = await page.evaluate(async () => {
          const found = await globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] });
          return found.violations.map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 120)}`);
        });
        assert.deepEqual(violations, [], place);
      };
      await page.locator("[data-row]").first().waitFor();
      await check("the list");
      await page.locator("[data-row]").first().click();
      const field = page.getByRole("textbox", { name: /Message/ });
      await field.fill("refused");
      await field.press("Enter");
      await page.locator(".parked").waitFor();
      await check("a conversation");
      await field.fill("@");
      await page.getByRole("listbox").waitFor();
      await check("the picker");
      await field.fill("");
      await page.getByRole("button", { name: "Group", exact: true }).click();
      await page.getByRole("dialog").waitFor();
      await check("a group");
      await page.getByRole("button", { name: /What to do with/ }).first().click();
      await check("a menu");
      await page.keyboard.press("Escape");
      await page.keyboard.press("Escape");
      if (width < 600) return;
      await page.getByRole("button", { name: "Inspector" }).click();
      for (const tab of ["Live", "Connection", "Outbox", "Audit"]) {
        await page.getByRole("tab", { name: tab }).click();
        await check(tab);
      }
    });
  }
}

test("hostile names and content of any shape stay text and stay inside", async (context) => {
  const evil = '<img src=x onerror="window.hacked=1">';
  const world = { names: { bob: `${evil}\u202egnp.exe`, dave: "x".repeat(4000) }, groups: [] };
  const prepare = () => {
    const say = (content) => scripted.say("bob", { channelId: "alice", channelType: 1 }, content, { quiet: true });
    const evil = '<img src=x onerror="window.hacked=1">';
    say({ type: 1, content: evil });
    say({ type: 1, content: "\u202e\u2066 turned around \u202d" });
    say({ type: 1, content: "x".repeat(20_000) });
    say({ type: 1, content: `Z${"\u0336\u0300\u0301".repeat(3000)}` });
    say({ type: 1, content: "javascript:alert(1) https://a.example/\"onmouseover=alert(1)" });
    say({ type: 2, url: "javascript:window.hacked=1" });
    say({ type: 1, content: "q", reply: { message_id: "9", from_uid: evil, from_name: evil, payload: { type: 1, content: evil } }, mention: { uids: [evil, null, 4], all: {} } });
    say({ type: 1, content: { deep: true }, reply: [], mention: 3 });
    say({ type: 1006, content: "{0} {1} <b>", extra: [{ name: evil }] });
    say({ type: 77, anything: evil });
    say("plain text");
  };
  const { page } = await enter(context, "alice", { world, prepare });
  await page.locator("[data-row]").first().click();
  await page.locator(".message").nth(10).waitFor();
  assert.equal(await page.locator("#app img, #app script, #app b").count(), 0);
  assert.deepEqual(await page.locator("#app a").evaluateAll((links) => links.map(({ href, rel }) => [href, rel])), [["https://a.example/", "noopener noreferrer nofollow"]]);
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  assert.ok(!/[\u202a-\u202e]/.test(await page.locator(".conversation-title").textContent()));
  const pane = await page.locator(".pane").evaluate((element) => [element.scrollWidth, element.clientWidth]);
  assert.equal(pane[0], pane[1], "nothing sticks out");
  const bubbles = await page.locator(".bubble").evaluateAll((all) => all.map((bubble) => bubble.getBoundingClientRect().right - bubble.closest(".timeline").getBoundingClientRect().right));
  assert.ok(bubbles.every((over) => over < 0));
  await page.getByRole("button", { name: "Show more" }).first().click();
  assert.equal((await page.locator(".text").nth(2).textContent()).length, 20_000);
});
