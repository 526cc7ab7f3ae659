// For one test file: the page with the scripted client, a browser, and windows in it.
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { after } from "node:test";

import { openBrowser } from "../../../scripts/lib/browser.mjs";
import { address, answer, buildPage, names, tellBodies } from "./world.mjs";

const roles = { alice: "owner", bob: "admin", carol: "member", dave: "member" };
const group = { groupId: "g1", name: "Cloud crew", members: Object.entries(roles).map(([uid, role]) => ({ uid, name: names[uid], role })) };

const [folder, browser] = await Promise.all([buildPage(), openBrowser()]);
after(async () => {
  await browser.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A window with `uid` logged in, or nobody. `world` changes what the server says; `prepare` runs in the page before the log-in. */
export async function enter(context, uid, { world = {}, prepare = () => {}, size = { width: 1000, height: 700 }, locale = "en", path = "", ...options } = {}) {
  const window = await browser.newContext({ viewport: size, locale, serviceWorkers: "block", ...options });
  context.after(() => window.close());
  const state = { groups: [structuredClone(group)], ...world };
  await answer(window, folder, state);
  const page = await window.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  context.after(() => assert.deepEqual(errors, [], "the page threw nothing"));
  await page.addInitScript(tellBodies);
  await page.goto(address + path);
  await page.evaluate((members) => scripted.members.set("g1", members), Object.keys(roles));
  await page.evaluate(prepare);
  if (uid) await logIn(page, uid);
  return { page, state, window };
}

export async function logIn(scope, uid) {
  await scope.locator('input[name="uid"]').fill(uid);
  await scope.locator('input[name="password"]').fill("secret");
  await scope.locator('form button.primary').click();
}

export const row = (page, text) => page.locator(".message").filter({ hasText: text });
export const say = (page, ...args) => page.evaluate((all) => { scripted.say(...all); }, args);

/** The first message in sight and where it stands, to a pixel. */
export function firstVisible(box) {
  return box.evaluate((element) => {
    const top = element.getBoundingClientRect().top;
    const first = [...element.querySelectorAll(".message")].find((one) => one.getBoundingClientRect().bottom > top);
    return { key: first.dataset.key, top: Math.round(first.getBoundingClientRect().top - top) };
  });
}
