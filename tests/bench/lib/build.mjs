// Builds what is compared: the package as it is published, the bench's own WebAssembly beside it, and the official SDK as one module.
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

import { buildPackage, compileWasm, smaller } from "../../../scripts/build.mjs";
import { files, fingerprint, whenChanged } from "../../../scripts/lib/fingerprint.mjs";
import { Problem, root, run, step } from "../../../scripts/lib/shell.mjs";
import { packagesMatch } from "../../../scripts/lib/versions.mjs";
import { bindgen, compilers, npmPackages, packagePrograms, wasmTarget, wasmTargetAdded } from "../../../scripts/setup.mjs";

export const bench = join(root, "tests", "bench");
export const output = join(bench, "output");
const built = join(root, "target", "jindou", "bench");
const target = process.env.CARGO_TARGET_DIR || join(root, "target");

/** Answers where everything is that a page of the benches loads. */
export async function build() {
  await npmPackages();
  await peers();
  await buildPackage();
  const wasm = await buildWasm();
  const sdk = await buildSdk();
  return { pkg: join(root, "pkg"), wasm, sdk, dexie: join(bench, "node_modules", "dexie", "dist", "dexie.mjs"), pages: join(bench, "page") };
}

/** The version of a package that we compare with. */
export const peerVersion = (name) => JSON.parse(readFileSync(join(bench, "node_modules", name, "package.json"), "utf8")).version;

// They are the bench's alone, in a folder of their own, so that nobody else installs them.
async function peers() {
  const list = join(bench, "node_modules", ".package-lock.json");
  const read = (path) => JSON.parse(readFileSync(path, "utf8"));
  const present = (path) => existsSync(join(bench, path));
  if (existsSync(list) && packagesMatch(read(join(bench, "package-lock.json")), read(list), present)) return;
  await step("Installing what the benches compare with", "a quarter of a minute", () =>
    run("npm", ["ci", "--no-audit", "--no-fund", "--ignore-scripts"], { cwd: bench, otherwise: '"npm ci" failed in tests/bench: see the lines above.' }));
}

async function buildWasm() {
  const folder = join(built, "wasm");
  const cargo = await compilers();
  await wasmTargetAdded();
  // All as the package itself is made: what is measured is what is published.
  await compileWasm(cargo, {
    name: "jindou-bench", profile: "wasm-bench",
    wanted: "Compiling the bench to WebAssembly", otherwise: "The bench does not compile to WebAssembly: see the lines above.",
  });
  const compiled = join(target, wasmTarget, "wasm-bench", "jindou_bench.wasm");
  await whenChanged("bench-wasm", fingerprint([compiled, join(root, "scripts", "build.mjs")]), [join(folder, "bench_bg.wasm")], async () => {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    await run(await bindgen(cargo), [compiled, "--target", "web", "--out-dir", folder, "--out-name", "bench", "--no-typescript"], {
      otherwise: "wasm-bindgen could not bind the bench to JavaScript: see the lines above.",
    });
    const wasm = join(folder, "bench_bg.wasm");
    await run(packagePrograms().wasmOpt, [...smaller, wasm, "-o", wasm], { otherwise: "wasm-opt could not optimise the bench: see the lines above." });
  });
  return folder;
}

async function buildSdk() {
  const folder = join(built, "sdk");
  await bundle("bench-sdk", folder, "sdk.js");
  return join(folder, "main.js");
}

/** Bundles and minifies `entry`, a file in entries/, as an application would, and answers the files that come of it. */
export async function bundle(name, folder, entry) {
  const source = join(bench, "entries", entry);
  const print = fingerprint([source, ...files(join(root, "pkg")), join(bench, "package-lock.json"), join(root, "package-lock.json")], "1");
  await whenChanged(name, print, [join(folder, "main.js")], async () => {
    const { default: webpack } = await import("webpack");
    const configuration = {
      mode: "production",
      context: bench,
      entry: source,
      resolve: { alias: { jindou$: join(root, "pkg", "index.js") } },
      experiments: { outputModule: true },
      output: { path: folder, filename: "main.js", clean: true, library: { type: "module" } },
      performance: { hints: false },
    };
    await new Promise((done, fail) => {
      webpack(configuration, (error, result) => {
        if (error) fail(error);
        else if (result.hasErrors()) fail(new Problem(`webpack could not bundle ${entry}.`, result.toString({ colors: false })));
        else done();
      });
    });
  });
  return files(folder).filter((path) => !path.endsWith(".txt"));
}
