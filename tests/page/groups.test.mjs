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

test("of two people with one name the one who was picked is mentioned, and each sees where they are meant", async (context) => {
  for (const uid of ["twin-a", "twin-b"]) await town.signUp(uid, "Twin");
  const group = await town.group("alice", "Twins", ["twin-a", "twin-b"]);
  const alice = await town.person(context, "alice");
  const [a, b] = await town.pair(context, "twin-a", "twin-b");
  for (const person of [alice, a, b]) await person.open(group.name);
  const pick = async (uid) => {
    await alice.field.pressSequentially("@Tw");
    await alice.pane.getByRole("option", { name: `Twin ${uid}` }).click();
  };
  await pick("twin-a");
  await alice.field.fill("");
  await pick("twin-b");
  await alice.field.pressSequentially("only you");
  await alice.field.press("Enter");
  await pick("twin-a");
  await pick("twin-b");
  await alice.field.pressSequentially("both");
  await alice.field.press("Enter");
  for (const [person, meant] of [[a, "false"], [b, "true"]]) {
    assert.equal(await person.message("both").locator(".mention").first().getAttribute("data-me"), "true");
    await person.message("only you").waitFor();
    assert.equal(await person.message("only you").getAttribute("data-for-me"), meant);
  }
});

test("what becomes of a group shows at everybody at once, in their own language, without a message", async (context) => {
  const [alice, bob] = await town.pair(context, "alice", "bob");
  const carol = await town.person(context, "carol");
  await carol.page.evaluate(() => localStorage.setItem("jindou.language", '"zh"'));
  await carol.page.reload();
  await carol.connected();
  await alice.pane.getByRole("button", { name: "New conversation" }).first().click();
  const dialog = alice.page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Group" }).click();
  await dialog.getByLabel("Group name").fill("Evening walk");
  await dialog.getByRole("searchbox").fill("Bob");
  await dialog.getByRole("button", { name: /^B? ?Bob/ }).first().click();
  await dialog.getByRole("button", { name: "Create group" }).click();
  await alice.seesLine("You made this group with Bob");
  await bob.seesLast("Evening walk", "Alice made this group with you");
  await bob.open("Evening walk");
  await bob.seesLine("Alice made this group with you");

  await alice.pane.getByRole("button", { name: "Group", exact: true }).click();
  await dialog.getByRole("button", { name: "Add members" }).click();
  await dialog.getByRole("button", { name: /Carol/ }).click();
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  await bob.seesLine("Alice added Carol");
  await carol.open("Evening walk");
  await carol.seesLine("Alice邀请你加入了群聊");
  await carol.pane.locator(".conversation-title").getByText("3 位成员").waitFor();

  await dialog.getByRole("button", { name: "Rename group" }).click();
  await dialog.getByLabel("Group name").fill("Morning walk");
  await dialog.getByRole("button", { name: "Rename", exact: true }).click();
  await dialog.getByRole("heading", { name: "Morning walk" }).waitFor();
  await bob.pane.locator(".conversation-head").filter({ hasText: "Morning walk" }).waitFor();
  await carol.seesLine("Alice将群名修改为“Morning walk”");
  await carol.conversation("Morning walk").waitFor();

  await dialog.getByRole("button", { name: "What to do with Bob" }).click();
  await dialog.getByRole("menuitem", { name: "Make admin" }).click();
  await alice.page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await bob.pane.getByRole("button", { name: "Group", exact: true }).click();
  // Nobody writes a line of it; the dialog is open already when it is known.
  await bob.page.getByRole("dialog").getByRole("button", { name: "Add members" }).waitFor();
  await bob.page.keyboard.press("Escape");

  await alice.pane.getByRole("button", { name: "Group", exact: true }).click();
  await dialog.getByRole("button", { name: "What to do with Bob" }).click();
  await dialog.getByRole("menuitem", { name: "Remove from group" }).click();
  await bob.pane.getByText("You are not in this group any more.").waitFor();
  await carol.seesLine("Alice将Bob移出了群聊");
  await alice.seesLine("You removed Bob");
  assert.equal(await bob.pane.locator(".notice").count(), 0);
});

test("what a member says in the words of the system stays a message of theirs", async (context) => {
  const group = await town.group("alice", "Masks", ["bob"]);
  const bob = await town.person(context, "bob");
  await bob.open(group.name);
  await town.say("alice", group.groupId, 2, { type: 1003, content: "{0} left", from_uid: "bob", extra: [{ uid: "bob", name: "Bob" }, { uid: "alice", name: "Alice" }] });
  await bob.sees("Bob left");
  assert.equal(await bob.pane.locator(".place", { hasText: "left" }).count(), 0);
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
