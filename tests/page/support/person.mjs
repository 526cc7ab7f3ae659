// What a person does with a pane and sees in it. In the page's English words; tests of other words look for themselves.
import assert from "node:assert/strict";

/** The people of the demo have a short one; the server wants eight characters of everybody else. */
export const passwordOf = (uid) => (["alice", "bob", "carol"].includes(uid) ? "demo" : "long enough");

export class Person {
  constructor(page, slot = 0) {
    this.page = page;
    this.pane = page.locator(".pane").nth(slot);
  }

  async logIn(uid, password = passwordOf(uid)) {
    await this.pane.getByLabel("User id").fill(uid);
    await this.pane.getByLabel("Password").fill(password);
    await this.pane.getByRole("button", { name: "Log in", exact: true }).click();
    await this.connected();
  }

  connected() {
    return this.pane.locator('.bar .connection-line[data-state="ready"]').waitFor({ state: "attached" });
  }

  conversation(name) {
    // What was said last may name anybody.
    return this.pane.locator("[data-row]").filter({ has: this.page.locator(".conversation-name", { hasText: name }) });
  }

  async open(name) {
    await this.conversation(name).first().click();
    await this.pane.locator(".conversation-head").filter({ hasText: name }).waitFor();
  }

  /** Finds somebody, and opens the conversation. */
  async begin(name) {
    await this.pane.getByRole("button", { name: "New conversation" }).first().click();
    await this.page.getByRole("searchbox", { name: "Search people" }).fill(name);
    await this.page.getByRole("dialog").getByRole("button", { name: new RegExp(name) }).first().click();
    await this.pane.locator(".conversation-head").filter({ hasText: name }).waitFor();
  }

  get field() {
    return this.pane.getByRole("textbox", { name: /^Message / });
  }

  async say(text) {
    await this.field.fill(text);
    await this.field.press("Enter");
  }

  message(text) {
    return this.pane.locator(".message").filter({ has: this.page.locator(".text", { hasText: text }) });
  }

  /** The message is there, exactly once. */
  async sees(text) {
    await this.message(text).first().waitFor();
    assert.equal(await this.message(text).count(), 1, `"${text}" stands here once`);
  }

  async seesTick(text, name, options) {
    await this.message(text).getByRole("img", { name, exact: true }).waitFor(options);
  }

  sent(text, options) {
    return this.seesTick(text, "Sent", options);
  }

  async seesLine(text) {
    await this.pane.locator(".place").filter({ hasText: text }).first().waitFor();
  }

  /** Chooses something from a message's menu. */
  async act(text, item) {
    const row = this.message(text).last();
    await row.hover();
    await row.getByRole("button", { name: "Actions" }).click();
    await row.getByRole("menuitem", { name: item, exact: true }).click();
  }

  async network(on) {
    const lever = this.pane.getByRole("switch", { name: "Network" });
    if ((await lever.getAttribute("aria-checked") === "true") !== on) await lever.click();
  }

  async unread(name) {
    const badge = this.conversation(name).first().locator(".badge [aria-hidden]");
    return (await badge.count()) ? Number(await badge.textContent()) : 0;
  }

  /** Waits until the list says so. */
  async seesUnread(name, count) {
    const badge = this.conversation(name).first().locator(".badge");
    if (count === 0) return badge.waitFor({ state: "detached" });
    return badge.filter({ hasText: String(count) }).waitFor();
  }

  async seesLast(name, text) {
    await this.conversation(name).filter({ hasText: text }).first().waitFor();
  }

  texts() {
    return this.pane.locator(".message .text").allTextContents();
  }

  async menu(item) {
    await this.pane.locator(".bar").getByRole("button", { name: "Menu" }).click();
    await this.pane.getByRole("menuitem", { name: item }).or(this.pane.getByRole("menuitemradio", { name: item })).click();
  }
}
