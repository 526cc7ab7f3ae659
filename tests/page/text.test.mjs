// The page's own small decisions, without a browser: how a text is taken apart, what a name may be, what hostile content turns into.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { build } from "esbuild";

import { root } from "../../scripts/lib/shell.mjs";

async function load(module) {
  const { outputFiles } = await build({ entryPoints: [join(root, "www", "src", "model", module)], bundle: true, format: "esm", write: false });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`);
}
const { beginning, cleanName, pieces } = await load("text.ts");
const { Draft } = await load("draft.ts");
const { kindOf, mentionsOf, noticeText, quoteOf, safeUrl } = await load("content.ts");

const joined = (found) => found.map(({ text }) => text).join("");

test("the pieces of a text put together are the text", () => {
  const people = [{ uid: "a", name: "Ann" }, { uid: "b", name: "Ann (work) [x]" }, { uid: "c", name: "$&^.*" }];
  for (const text of ["", "hello", "@Ann hello", "see http://a.b/c, and (https://x.y/z).", "@Ann (work) [x]@Ann", "@$&^.* hi", "https://", "<b>@Ann</b>", "网址https://例子.测试/路，好"]) {
    assert.equal(joined(pieces(text, people)), text);
  }
});

test("a name may hold any sign", () => {
  for (let code = 0x21; code < 0x7f; code++) {
    const name = `A${String.fromCharCode(code)}B`;
    assert.deepEqual(pieces(`hi @${name} you`, [{ uid: "a", name }])[1], { kind: "mention", text: `@${name}`, uid: "a" });
  }
});

test("the longest name that fits is the one that is mentioned", () => {
  const found = pieces("@Ann (work) hi", [{ uid: "a", name: "Ann" }, { uid: "b", name: "Ann (work)" }]);
  assert.deepEqual(found[0], { kind: "mention", text: "@Ann (work)", uid: "b" });
});

test("only who still stands in the text is mentioned, also among people of one name", () => {
  const [ann, anna, other] = [{ uid: "a", name: "Ann" }, { uid: "b", name: "Anna" }, { uid: "c", name: "Ann" }];
  const mentioned = (picked, text) => {
    const draft = new Draft();
    for (const person of picked) draft.mention(person);
    draft.text.value = text;
    return draft.take(() => "").mention?.uids;
  };
  assert.deepEqual(mentioned([ann], "@Ann hi"), ["a"]);
  assert.deepEqual(mentioned([ann, anna], "@Anna hi"), ["b"]);
  assert.deepEqual(mentioned([ann, other], "@Ann hi"), ["c"]);
  assert.deepEqual(mentioned([ann, other, ann], "@Ann hi"), ["a"]);
  assert.deepEqual(mentioned([ann, other], "@Ann and @Ann"), ["a", "c"]);
  assert.deepEqual(mentioned([ann, anna], "@Ann, @Anna, https://a.example/@Ann"), ["a", "b"]);
  assert.deepEqual(mentioned([ann, anna], "hi"), undefined);
});

test("an address ends before the punctuation of the sentence", () => {
  const links = (text) => pieces(text, []).filter(({ kind }) => kind === "link").map(({ url }) => url);
  assert.deepEqual(links("Look (https://a.example/b?c=1), or http://d.example."), ["https://a.example/b?c=1", "http://d.example"]);
  assert.deepEqual(links("https://a.example，然后"), ["https://a.example"]);
});

test("only http and https become links", () => {
  for (const bad of ["javascript:alert(1)", "data:text/html,x", "JaVaScRiPt://x", "vbscript:x", "file:///etc/passwd", "//x", "", undefined]) assert.equal(safeUrl(bad), undefined);
  assert.equal(safeUrl("https://a.example/"), "https://a.example/");
  assert.deepEqual(pieces("javascript:alert(1)//https", []).map(({ kind }) => kind), ["plain"]);
});

test("a name loses what would turn or break the sentence around it, and its excess", () => {
  assert.equal(cleanName("Eve\u202egnp.exe"), "Eve gnp.exe");
  assert.equal(cleanName("two\nlines\u2069\u0000"), "two lines");
  assert.equal([...cleanName("👩‍👩‍👧".repeat(100))].length, 64);
  assert.equal(cleanName("مريم"), "مريم");
  for (const unseen of ["\u200b\u200b", " \u3164 ", "\u2800\ufeff"]) assert.equal(cleanName(unseen), "");
});

test("a long text begins with what is not cut inside a character, a short one is left whole", () => {
  assert.equal(beginning("x".repeat(1200), 1200, 24), undefined);
  assert.equal(beginning("x".repeat(1300), 1200, 24), undefined);
  assert.equal(beginning("x".repeat(20_000), 1200, 24).length, 1200);
  assert.equal(beginning(`x${"😀".repeat(3000)}`, 1200, 24).length, 1199);
  assert.equal(beginning("\n".repeat(2000), 1200, 24).split("\n").length, 24);
});

test("content of any shape is shown as something", () => {
  const odd = [undefined, "text", new Uint8Array([1]), { type: 1 }, { type: 1, content: { toString: null } }, { type: 2, url: 7 }, { type: 7, name: [] },
    { type: 11, users: "x" }, { type: 11, users: [null, { name: 3 }] }, { type: 1002, content: 4, extra: 5 }, { type: 1002, content: "{0} {7}", extra: [null] },
    { type: 1, content: "x", reply: 5, mention: "y" }, { type: 1, content: "x", reply: { message_id: {} }, mention: { uids: { 0: 1 } } },
    { type: 1, content: "x", reply: { message_id: "1", payload: null }, mention: { uids: [1, null, "a"], all: "1" } }, { type: Number.NaN }];
  for (const content of odd) {
    assert.equal(typeof kindOf(content).kind, "string");
    assert.ok(Array.isArray(mentionsOf(content).uids));
    quoteOf(content);
  }
  assert.deepEqual(mentionsOf(odd.at(-2)), { all: false, uids: ["a"] });
  assert.equal(quoteOf(odd.at(-2)).payload, undefined);
  assert.equal(noticeText("{0} met {1} at {9}", ["A", "B"]), "A met B at {9}");
});
