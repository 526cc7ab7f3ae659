import assert from "node:assert/strict";
import { test } from "node:test";

import { crateVersion, packagesMatch } from "../../scripts/lib/versions.mjs";

const lock = `version = 4

[[package]]
name = "wasm-bindgen-macro"
version = "9.9.9"

[[package]]
name = "wasm-bindgen"
version = "0.2.130"
source = "registry+https://github.com/rust-lang/crates.io-index"
`;

test("the version of a crate is that of its own entry, not of one whose name begins alike", () => {
  assert.equal(crateVersion("wasm-bindgen", lock), "0.2.130");
});

test("a crate that the lock file does not name has no version", () => {
  assert.equal(crateVersion("rexie", lock), undefined);
});

const packages = (list) => ({ packages: list });
const wanted = packages({
  "": { version: "0.1.0" },
  "node_modules/webpack": { version: "5.0.0", integrity: "sha512-a" },
  "node_modules/@typescript/other-system": { version: "7.0.0", integrity: "sha512-b", optional: true },
});

test("packages for other systems need not be installed", () => {
  assert.equal(packagesMatch(wanted, packages({ "node_modules/webpack": { version: "5.0.0", integrity: "sha512-a" } })), true);
});

test("a package of another version, of other bytes, or gone from the disk is not the locked one", () => {
  assert.equal(packagesMatch(wanted, packages({ "node_modules/webpack": { version: "5.0.1", integrity: "sha512-a" } })), false);
  assert.equal(packagesMatch(wanted, packages({ "node_modules/webpack": { version: "5.0.0", integrity: "sha512-c" } })), false);
  assert.equal(packagesMatch(wanted, packages({})), false);
  assert.equal(packagesMatch(wanted, packages({ "node_modules/webpack": { version: "5.0.0", integrity: "sha512-a" } }), () => false), false);
});
