// The WebAssembly module's way through the package: packed by the build, put together again in the browser.
import assert from "node:assert/strict";
import { test } from "node:test";

import binaryen from "binaryen";

import { apart, packed } from "../../scripts/lib/pack.mjs";
import { Problem } from "../../scripts/lib/shell.mjs";
import { joined, unpacked } from "../../src/browser/module.js";

const text = `(module
  (type $two (func (param i32 i32) (result i32)))
  (import "env" "tell" (func $tell (param f64)))
  (memory (export "memory") 1 2)
  (data $words "some words that are data")
  (table $table 2 funcref)
  (elem $both func $sum $difference)
  (global $count (mut i64) (i64.const -1))
  (func $sum (type $two) (i32.add (local.get 0) (local.get 1)))
  (func $difference (type $two) (i32.sub (local.get 0) (local.get 1)))
  (func $start
    (memory.init $words (i32.const 300) (i32.const 0) (i32.const 24))
    (memory.copy (i32.const 400) (i32.const 300) (i32.const 24))
    (memory.fill (i32.const 500) (i32.const 7) (i32.const 9))
    (data.drop $words)
    (table.init $table $both (i32.const 0) (i32.const 0) (i32.const 2))
    (elem.drop $both)
    (call $tell (f64.const 2.5)))
  (start $start)
  (func (export "work") (param $which i32) (param $a i32) (param $b i32) (result i32) (local $float f32) (local $long i64)
    (local.set $float (f32.const -0.5))
    (global.set $count (i64.add (global.get $count) (i64.const 0x123456789abcdef0)))
    (block $out
      (block $one
        (block $zero (br_table $zero $one $out (local.get $which)))
        (return (call_indirect $table (type $two) (local.get $a) (local.get $b) (i32.const 0))))
      (return (call_indirect $table (type $two) (local.get $a) (local.get $b) (i32.const 1))))
    (loop $again
      (i32.store16 offset=200000 align=1 (local.tee $a (i32.sub (local.get $a) (i32.const 1))) (local.get $b))
      (if (i32.eqz (local.get $a)) (then (nop)) (else (br_if $again (i32.gt_s (local.get $a) (i32.const -70000))))))
    (drop (memory.grow (i32.trunc_sat_f32_s (local.get $float))))
    (i64.store (i32.const 8) (i64.extend_i32_u (memory.size)))
    (select (i32.load8_u offset=300 (local.get $which)) (i32.wrap_i64 (global.get $count)) (ref.is_null (ref.null func)))))`;

function assembled(words) {
  const module = binaryen.parseText(words);
  // Rust makes nothing for a garbage collector, and that needs a new browser.
  const { All, GC } = binaryen.Features;
  module.setFeatures(All & ~GC);
  assert.ok(module.validate());
  return Buffer.from(module.emitBinary());
}

test("a module with every kind of operand comes back byte for byte", async () => {
  const module = assembled(text);
  const file = await packed(module);
  assert.ok(WebAssembly.validate(file), "what is shipped is a module too");
  const back = await unpacked(file);
  assert.deepEqual(Buffer.from(back), module);
  const told = [];
  const { instance } = await WebAssembly.instantiate(back, { env: { tell: (number) => told.push(number) } });
  assert.deepEqual([told, instance.exports.work(0, 5, 3), instance.exports.work(1, 5, 3)], [[2.5], 8, 2]);
});

test("what is not packed, or was stripped of what it holds, is refused", async () => {
  const module = new Uint8Array(assembled(text));
  for (const file of [module, module.subarray(0, 8), new Uint8Array()]) await assert.rejects(unpacked(file), /not the packed module/);
});

test("neither instructions that nobody knows nor half a module are packed", async () => {
  const wide = assembled(`(module (memory 1) (func (drop (v128.const i64x2 1 2))))`);
  await assert.rejects(packed(wide), /the instruction 253 is not known/);
  const module = assembled(text);
  const whole = [];
  for (let length = 9; length < module.length; length += 1) {
    const file = await packed(module.subarray(0, length)).catch((error) => assert.ok(error instanceof Problem, String(error)));
    if (file) whole.push(length);
  }
  // Some sections and nothing else are a module as well.
  const ends = [];
  for (let at = 8; at < module.length;) {
    let size = 0;
    at += 1;
    for (let unit = 0, byte = 0x80; byte >= 0x80; unit += 7, at += 1) {
      byte = module[at];
      size += (byte & 0x7f) * 2 ** unit;
    }
    ends.push((at += size));
  }
  assert.deepEqual(whole, ends.slice(0, -1));
});

test("a packed module that was damaged on its way is refused, however", async () => {
  const module = assembled(text);
  const file = await packed(module);
  for (let place = 8; place < file.length; place += 1) {
    const damaged = Uint8Array.from(file);
    damaged[place] ^= 0x10;
    // A bit that fills up the last byte says nothing.
    const back = await unpacked(damaged).catch((error) => error);
    assert.ok(back instanceof Error || module.equals(back), `byte ${place}`);
    await assert.rejects(unpacked(file.subarray(0, place)), `cut at ${place}`);
  }
  // And behind the checksum: it ends, with an error or a module.
  const bytes = apart(module);
  for (let place = 0; place < bytes.length; place += 1) {
    for (const damage of [0x01, 0x10, 0x80, 0xff]) {
      const damaged = Uint8Array.from(bytes);
      damaged[place] ^= damage;
      try {
        assert.ok(joined(damaged).length < 0x10000);
      } catch (error) {
        assert.ok(error instanceof Error && !(error instanceof assert.AssertionError), String(error));
      }
    }
    assert.throws(() => joined(bytes.subarray(0, place)), `cut at ${place}`);
  }
});
