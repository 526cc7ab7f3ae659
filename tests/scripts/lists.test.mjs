// What stands in two languages must be the same in both: no compiler holds the one against the other.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { root } from "../../scripts/lib/shell.mjs";

const read = (path) => readFileSync(join(root, path), "utf8");
const types = read("src/browser/index.d.ts");
const kebab = (name) => name.replace(/\B[A-Z]/g, (letter) => `-${letter}`).toLowerCase();
const strings = (text) => [...text.matchAll(/"([\w-]+)"/g)].map(([, string]) => string);
const part = (text, begin, end) => {
  const rest = text.split(begin)[1];
  assert.ok(rest, `${begin} is not there any more`);
  return rest.split(end)[0];
};

/** The variants of an enum, as serde writes them. */
function variants(path, name) {
  const body = part(read(path), `pub enum ${name} {\n`, "\n}");
  return [...body.matchAll(/^ {4}([A-Z]\w*)/gm)].map(([, variant]) => kebab(variant));
}

const union = (name) => strings(part(types, `export type ${name} =`, ";"));
const same = (one, other) => assert.deepEqual([...one].sort(), [...other].sort());

test("the package's types know every code, reason, role and state of the core", () => {
  same(union("ErrorCode"), variants("src/error.rs", "ErrorCode"));
  same(union("DenyReason"), variants("src/error.rs", "DenyReason"));
  same(union("Role"), variants("src/rows.rs", "Role"));
  same(union("MessageState"), variants("src/rows.rs", "MessageState"));
  same(union("Delivery"), variants("src/event.rs", "Delivery"));
  same([...part(types, "export type Connection =", ";\n\n").matchAll(/state: "([\w-]+)"/g)].map(([, state]) => state), variants("src/event.rs", "ConnectionView"));
});

test("the package's types know every event and every line of a trace", () => {
  const events = part(types, "export interface Events {\n", "\n}");
  same([...events.matchAll(/type: "([\w-]+)"/g)].map(([, type]) => type), variants("src/event.rs", "Event"));
  same([...part(types, "export type Trace =", ";\n\n").matchAll(/what: "([\w-]+)"/g)].map(([, what]) => what), variants("src/event.rs", "Trace"));
});

test("an application's function may answer each of the core's questions, by the same name", () => {
  const asked = [...part(read("src/request/mod.rs"), "pub fn name(&self)", "\n    }").matchAll(/=> "(\w+)"/g)].map(([, name]) => name).filter((name) => name !== "token");
  same(strings(part(read("src/browser/index.js"), "const functions = [", "]")), asked);
  same([...part(types, "export interface BusinessApi {\n", "\n}").matchAll(/^ {2}(\w+)\?\(/gm)].map(([, name]) => name), asked);
});
