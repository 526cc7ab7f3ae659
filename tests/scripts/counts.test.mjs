import assert from "node:assert/strict";
import { test } from "node:test";

import { failures, ofCheck, ofLibtest, ofNode, verdict } from "../../scripts/lib/counts.mjs";

test("the results of every test program of one run are added up", () => {
  const output = [
    "running 3 tests",
    "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
    "test a::b ... FAILED",
    "test result: FAILED. 4 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.02s",
  ].join("\n");
  assert.deepEqual(ofLibtest(output), { passed: 7, failed: 1 });
});

test("a cancelled test of node counts as failed and a skipped one not at all", () => {
  assert.deepEqual(ofNode("ℹ tests 9\nℹ suites 0\nℹ pass 5\nℹ fail 1\nℹ cancelled 2\nℹ skipped 1\nℹ todo 0\n"), { passed: 5, failed: 3 });
});

test("a runner that broke without a failed test has failed once", () => {
  assert.deepEqual(verdict(ofLibtest("error: could not compile"), 101), { passed: 0, failed: 1 });
  assert.deepEqual(verdict({ passed: 7, failed: 0 }, 101), { passed: 7, failed: 1 });
});

test("a stage that ran no test has failed", () => {
  assert.deepEqual(verdict(ofNode("ℹ pass 0\nℹ fail 0\n"), 0), { passed: 0, failed: 1 });
});

test("a check is right or wrong as a whole", () => {
  assert.deepEqual(verdict(ofCheck("", 0), 0), { passed: 1, failed: 0 });
  assert.deepEqual(verdict(ofCheck("warning: …", 1), 1), { passed: 0, failed: 1 });
});

test("failed tests of both runners are named once", () => {
  const output = "test wire::a_cut_packet_needs_more ... FAILED\ntest wire::b ... ok\n✔ fine (1.5ms)\n✖ two people talk (12.25ms)\n✖ failing tests:\n✖ two people talk (12.25ms)\n";
  assert.deepEqual(failures(output), ["wire::a_cut_packet_needs_more", "two people talk"]);
});
