// Hostile people and crowded browsers: markup and tricks in names and messages on the real road, one account in two windows, a session that ends.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Person } from "./support/person.mjs";
import { Town } from "./support/town.mjs";

const town = await Town.build();
const evil = '<img src=x onerror="window.hacked=1">';

test("names, groups and messages with markup, tricks and 20,000 characters stay text", async (context) => {
  await town.signUp("mallory", evil);
  await town.group("mallory", `<script>window.hacked=1</script>\u202egroup`, ["alice"]);
  const [alice, mallory] = await town.pair(context, "alice", "mallory");
  await mallory.begin("Alice");
  const texts = [evil, "\u202eturned around", "Z̷̢̛̰a̷l̷g̷o̷ ".repeat(80), "👩‍👩‍👧‍👦🏳️‍🌈", "مرحبا https://example.org/?q=<b>", "x".repeat(20_000)];
  for (const text of texts) await mallory.say(text);
  await mallory.sent("xxxxxxxxxx");
  await alice.open("onerror");
  await alice.sees("xxxxxxxxxx");
  assert.equal(await alice.message("onerror").locator(".text").first().textContent(), evil);
  assert.equal(await alice.page.locator("#app img, #app script").count(), 0);
  assert.equal(await alice.page.evaluate(() => window.hacked), undefined);
  assert.deepEqual(await alice.pane.locator(".bubble a").evaluateAll((links) => links.map(({ href }) => href)), ["https://example.org/?q="]);
  const [all, seen] = await alice.pane.evaluate((pane) => [pane.scrollWidth, pane.clientWidth]);
  assert.equal(all, seen);
});

test("a message that is too long is not queued, and the text is given back", async (context) => {
  const uid = await town.signUp(`lena-${crypto.randomUUID().slice(0, 6)}`, "Lena");
  const lena = await town.person(context, uid);
  await lena.begin("Bob");
  await lena.field.fill("长".repeat(9000));
  await lena.pane.getByText(/bytes too long/).waitFor();
  await lena.field.press("Enter");
  assert.equal((await lena.field.inputValue()).length, 9000);
  assert.equal(await lena.pane.locator(".message").count(), 0);
});

test("one account in two windows of a browser: the second says so, and takes over when the first is closed", async (context) => {
  const first = await town.person(context, "carol");
  const other = await first.page.context().newPage();
  await other.goto(town.url);
  await other.getByRole("heading", { name: "Open in another window" }).waitFor();
  await first.page.close();
  // By itself, within seconds, unless one asks for it first.
  await Promise.any([other.getByRole("button", { name: "Try again" }).click(), new Person(other).connected()]);
  await new Person(other).connected();
});

test("where the browser has no Web Locks, a person is told what that means", async (context) => {
  const page = await town.window(context);
  await page.addInitScript(() => Object.defineProperty(navigator, "locks", { value: undefined }));
  await page.goto(new URL("/?worker=false", town.url).href);
  await new Person(page).logIn("carol");
  await page.getByText("a second window with this account is not noticed").waitFor();
});

test("one account in two browsers: both see everything", async (context) => {
  const desk = await town.person(context, "carol");
  const sofa = await town.person(context, "carol");
  const bob = await town.person(context, "bob");
  await desk.begin("Bob");
  await desk.say("from the desk");
  await desk.sent("from the desk");
  await sofa.open("Bob");
  await sofa.sees("from the desk");
  await bob.open("Carol");
  await bob.say("to both");
  await desk.sees("to both");
  await sofa.sees("to both");
  await sofa.say("from the sofa");
  await desk.sees("from the sofa");
});

test("who logs out and erases leaves nothing behind", async (context) => {
  const uid = await town.signUp("nina", "Nina");
  const nina = await town.person(context, uid);
  await nina.begin("Bob");
  await nina.say("words to forget");
  await nina.sent("words to forget");
  await nina.menu("Log out");
  const dialog = nina.page.getByRole("dialog");
  await dialog.getByRole("checkbox").check();
  await dialog.getByRole("button", { name: "Log out" }).click();
  await nina.pane.getByLabel("Password").waitFor();
  const left = await nina.page.evaluate(async () => ({ databases: (await indexedDB.databases()).map(({ name }) => name), shelf: JSON.stringify({ ...localStorage, ...sessionStorage }) }));
  assert.deepEqual(left.databases, []);
  assert.ok(!/nina|token|Bob/.test(left.shelf), left.shelf);
});

test("a session that ended elsewhere leads to the log-in, and the messages are still there afterwards", async (context) => {
  const uid = await town.signUp("olga", "Olga");
  const olga = await town.person(context, uid);
  await olga.begin("Bob");
  await olga.say("keep this");
  await olga.sent("keep this");
  await town.ask("POST", "/v1/logout", { token: await town.token(uid), body: {} });
  await olga.pane.getByText("The session has ended").waitFor({ timeout: 60_000 });
  await olga.logIn(uid);
  await olga.open("Bob");
  await olga.sees("keep this");
});
