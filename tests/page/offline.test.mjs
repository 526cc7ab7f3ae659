// Without servers: the page loads, everything that was said is there, what is written waits; and it all goes on when they are back.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Person } from "./support/person.mjs";
import { Town } from "./support/town.mjs";

const town = await Town.build();

for (const [where, path] of [["in a worker", "/"], ["on the page", "/?worker=false"]]) {
  test(`reloaded without any server, everything is still there (client ${where})`, async (context) => {
    const [alice, bob] = await town.pair(context, "alice", "bob", { path });
    await alice.begin("Bob");
    await alice.say(`kept words ${where}`);
    await alice.sent(`kept words ${where}`);
    await bob.open("Alice");
    await bob.say(`kept answer ${where}`);
    await alice.sees(`kept answer ${where}`);
    await alice.page.evaluate(() => navigator.serviceWorker.ready);

    await town.stopServers();
    await alice.page.reload();
    await alice.open("Bob");
    await alice.sees(`kept words ${where}`);
    await alice.sees(`kept answer ${where}`);
    await alice.pane.getByText("No connection to the server.").first().waitFor();
    await alice.say(`written alone ${where}`);
    await alice.seesTick(`written alone ${where}`, "Waiting to be sent");
    await alice.page.reload();
    await alice.open("Bob");
    await alice.seesTick(`written alone ${where}`, "Waiting to be sent");

    await town.startServers();
    await alice.pane.getByRole("button", { name: "Try now" }).click({ timeout: 5000 }).catch(() => {});
    await alice.connected();
    await alice.sent(`written alone ${where}`);
    await bob.open("Alice");
    await bob.sees(`written alone ${where}`);
    await alice.sees(`written alone ${where}`);
  });
}

test("a browser that was ended and started again opens without any server", async (context) => {
  const folder = town.folder("profile");
  const before = new Person(await town.profile(context, folder));
  await before.logIn("carol");
  await before.begin("Bob");
  await before.say("still on the disk");
  await before.sent("still on the disk");
  await before.page.evaluate(() => navigator.serviceWorker.ready);
  await before.page.context().close();

  await town.stopServers();
  const later = new Person(await town.profile(context, folder));
  await later.open("Bob");
  await later.sees("still on the disk");
  assert.equal(await later.pane.getByLabel("Password").count(), 0);
  await town.startServers();
});
