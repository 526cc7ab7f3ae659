// Whether the benches work. Their numbers are for people: nothing here passes or fails by time.
import assert from "node:assert/strict";
import { test } from "node:test";

import { measure, partNames, report } from "./bench.mjs";

test("every part of the benches finds all its rows", { timeout: 900_000 }, async () => {
  const { parts } = await measure(partNames, { quick: true, log: () => {} });
  assert.deepEqual(parts.size.rows.map(({ name }) => name.split(" ")[0]), ["Jindou,", "Jindou,", "Jindou", "wukongimjssdk"]);
  assert.deepEqual(
    parts.decode.rows.map(({ variant, content, together }) => `${variant} ${content} ${together}`).sort(),
    ["sdk 200 1", "sdk 4096 1", ...["rows", "objects"].flatMap((variant) => ["200 1", "200 100", "4096 1", "4096 10"].map((cell) => `${variant} ${cell}`))].sort(),
  );
  assert.deepEqual(parts.burst.rows.map(({ variant }) => variant).sort(), ["dexie", "ours", "page", "plain", "worker"]);
  assert.deepEqual(parts.newest.rows.map(({ how }) => how).sort(), ["dexie", "ours", "page", "plain.newest", "plain.newestByCursor", "worker"]);
  for (const { rows } of Object.values(parts)) {
    for (const { name, ratio = 1, median = 1, gzip = 1 } of rows) for (const number of [ratio, median, gzip]) assert.ok(Number.isFinite(number) && number > 0, name);
  }
  for (const title of ["(a)", "(b)", "(c)", "(d)", "(e)"]) assert.ok(report({ parts }).includes(title));
});
