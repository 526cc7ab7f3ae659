// Groups: made and filled by hand, mentions by the picker, roles, what an admin may recall.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Town } from "./support/town.mjs";

const town = await Town.build();

test("a group is made, people are added, and a mention reaches who is meant", async (context) => {
  const [alice, bob] = await town.pair(context, "alice", "bob");
  const { page } = alice;
  await alice.pane.getByRole("button", { name: "New conversation" }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Group" }).click();
  await dialog.getByLabel("Group name").fill("Mountain trip");
  await dialog.getByRole("searchbox").fill("Bob");
  await dialog.getByRole("button", { name: /^B? ?Bob/ }).first().click();
  await dialog.getByRole("button", { name: "Create group" }).click();
  await alice.pane.locator(".conversation-head").filter({ hasText: "Mountain trip" }).waitFor();

  await alice.pane.getByRole("button", { name: "Group", exact: true }).click();
  await dialog.getByText("2 members").waitFor();
  await dialog.getByRole("button", { name: "Add members" }).click();
  await dialog.getByRole("button", { name: /Carol/ }).click();
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  await dialog.getByText("3 members").waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });

  await alice.field.pressSequentially("Hi @bo");
  await alice.pane.getByRole("option", { name: "Bob" }).waitFor();
  await alice.field.press("Enter");
  assert.equal(await alice.field.inputValue(), "Hi @Bob ");
  await alice.field.pressSequentially("are you in?");
  await alice.field.press("Enter");
  await alice.sent("are you in?");

  await bob.conversation("Mountain trip").getByRole("img", { name: "You were mentioned" }).waitFor();
  await bob.open("Mountain trip");
  await bob.message("are you in?").and(bob.page.locator('[data-for-me="true"]')).waitFor();
  assert.equal(await bob.message("are you in?").locator('.mention[data-me="true"]').textContent(), "@Bob");
  await bob.conversation("Mountain trip").getByRole("img", { name: "You were mentioned" }).waitFor({ state: "detached" });
});

test("an owner recalls a member's message, and everybody reads who did it", async (context) => {
  const group = await town.group("alice", "Rules club", ["bob", "carol"]);
  const [alice, bob] = await town.pair(context, "alice", "bob");
  await bob.open(group.name);
  await bob.say("Buy cheap watches");
  await bob.sent("Buy cheap watches");
  await alice.open(group.name);
  await alice.sees("Buy cheap watches");
  await alice.act("Buy cheap watches", "Recall");
  await alice.seesLine("You recalled a message of Bob");
  await bob.seesLine("Alice recalled your message");
  await bob.seesLast(group.name, "Alice recalled your message");
});

test("a member leaves a group, and so does its owner, whom somebody follows", async (context) => {
  const group = await town.group("alice", "Short stay", ["bob", "carol"]);
  const roleOf = async (uid) => (await town.ask("GET", "/v1/groups", { token: await town.token(uid) })).groups.find(({ groupId }) => groupId === group.groupId)?.role;
  for (const uid of ["bob", "alice"]) {
    const person = await town.person(context, uid);
    await person.open(group.name);
    await person.pane.getByRole("button", { name: "Group", exact: true }).click();
    await person.page.getByRole("button", { name: "Leave group" }).click();
    await person.page.getByRole("dialog").waitFor({ state: "detached" });
    assert.equal(await roleOf(uid), undefined);
  }
  assert.equal(await roleOf("carol"), "owner");
});

test("who was put out of a group reads there why a message is not sent, and the group keeps its name", async (context) => {
  const group = await town.group("alice", "Brief club", ["bob", "carol"]);
  const bob = await town.person(context, "bob");
  await bob.open(group.name);
  await bob.say("I am here");
  await bob.sent("I am here");
  await town.ask("DELETE", `/v1/groups/${group.groupId}/members/bob`, { token: await town.token("alice") });
  await bob.say("am I still?");
  await bob.message("am I still?").getByText("Not sent: you are not in this group").waitFor();
  await bob.page.reload();
  await bob.connected();
  await bob.open(group.name);
  await bob.pane.getByRole("button", { name: "Group", exact: true }).waitFor({ state: "detached" });
  await bob.pane.locator(".bar .connection-line", { hasText: "Connected" }).waitFor();
  await bob.seesLast(group.name, "am I still?");
  assert.equal(await bob.pane.locator(".notice").count(), 0, "it is not told what the client may not ask");
});
