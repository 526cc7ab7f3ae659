// Builds what runs: the npm package in pkg/, the page in www/dist, the two servers. Each is skipped when nothing changed.
// As a program: `node scripts/build.mjs` builds the package alone, which is what `npm pack` publishes.
//
// pkg/ is cargo's wasm file, bound to JavaScript by wasm-bindgen, made small by wasm-opt and packed, beside the hand-written JavaScript and types of
// src/browser/. wasm-pack has no part in it: it writes a pkg/.gitignore that makes `npm pack` leave pkg/ out without a word.
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

import { files, fingerprint, whenChanged } from "./lib/fingerprint.mjs";
import { shortened } from "./lib/names.mjs";
import { Problem, command, isProgram, root, run, say, step, together } from "./lib/shell.mjs";
import { crateVersion } from "./lib/versions.mjs";
import { bindgen, compilers, librarySources, npmPackages, packagePrograms, wasmTarget, wasmTargetAdded } from "./setup.mjs";

export const pkg = join(root, "pkg");
export const page = join(root, "www", "dist");
const target = process.env.CARGO_TARGET_DIR || join(root, "target");

/** Builds pkg/, with whatever set-up that needs. */
export async function buildPackage() {
  const cargo = await compilers();
  // The tools and packages are wanted after cargo only, so they are made ready beside it.
  const [wasmBindgen] = await together(bindgen(cargo), npmPackages(), wasmTargetAdded().then(() => compileWasm(cargo)));

  const compiled = join(target, wasmTarget, "wasm", "jindou.wasm");
  const script = files(join(root, "src", "browser")).filter((path) => /\.(js|d\.ts)$/.test(path));
  const build = ["build.mjs", "lib/names.mjs", "lib/pack.mjs"].map((name) => join(root, "scripts", name));
  const programs = [crateVersion("wasm-bindgen"), packageVersion("binaryen"), packageVersion("@gfx/zopfli")];
  const print = fingerprint([compiled, ...script, ...build], ...programs);
  await whenChanged("package", print, [join(pkg, "jindou_bg.wasm")], () =>
    step("Making the package of it", "", () => assemble(compiled, script, wasmBindgen)));
}

/** Compiles a package of the workspace to WebAssembly as what is published is compiled. */
export async function compileWasm(cargo, { name, profile, wanted, otherwise } = client) {
  // As a cdylib and nothing else: beside an rlib cargo leaves out link-time optimisation without a word, a tenth of the size.
  const args = ["rustc", "--package", name, "--lib", "--crate-type", "cdylib", "--profile", profile, "--target", wasmTarget];
  const library = (await librarySources()) ? [[...withLibrary, ...args, ...smallerCode], [...withLibrary, ...args]] : [];
  for (const attempt of library) {
    try {
      return await compile(cargo, attempt, wanted, otherwise, { RUSTC_BOOTSTRAP: "1" });
    } catch (error) {
      if (!(error instanceof Problem) || error.ended) throw error;
      say("· This compiler does not take all that makes it small: trying with less.");
    }
  }
  await compile(cargo, args, wanted, otherwise);
  say("· Rust's library was not compiled along, so the package is an eighth larger than the published one.");
}

const client = {
  name: "jindou", profile: "wasm",
  wanted: "Compiling the client to WebAssembly", otherwise: "The client does not compile to WebAssembly: see the lines above.",
};

// Rust's library compiled as the client is, for size, and without the texts and places of panics: an eighth of the package. Cargo calls
// all of this unstable; RUSTC_BOOTSTRAP lets a stable compiler do it. What is built without it behaves alike.
const withLibrary = [
  "-Zbuild-std=std", "-Zbuild-std-features=optimize_for_size", "-Zpanic-immediate-abort", "--config", 'profile.wasm.panic="immediate-abort"',
];

// A load that one of two ways to a place has made is not made a second time on the other, only to save a third behind it. And what is moved
// is copied by one instruction where it is larger than a register, not piece by piece. Nor is anything computed ahead of a loop and kept for it.
const smallerCode = ["--", "-Cllvm-args=-enable-load-pre=0 -max-store-memcpy=1 -max-store-memmove=1 -opt-disable=licm"];

// What compresses best: large functions with one caller stay functions, what is cheap to compute twice is, and no load or store says how it is
// aligned, which engines do not ask; functions of like names stand together. Nothing is ever stored in the first kilobyte, the stack's last.
export const smaller = ["-Os", "--one-caller-inline-max-function-size=40", "--low-memory-unused", "--dealign", "--skip-pass=local-cse", "--reorder-functions-by-name"];

async function assemble(compiled, script, wasmBindgen) {
  // Built aside, so that a failure leaves the last good package as it is.
  const fresh = join(root, "target", "jindou", "pkg");
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  await run(wasmBindgen, [compiled, "--target", "web", "--out-dir", fresh, "--out-name", "jindou", "--no-typescript", "--remove-producers-section"], {
    otherwise: "wasm-bindgen could not bind the client to JavaScript: see the lines above.",
  });
  const wasm = join(fresh, "jindou_bg.wasm");
  const { output } = await run(packagePrograms().wasmOpt, [...smaller, "--minify-imports-and-exports-and-modules", wasm, "-o", wasm], {
    otherwise: "wasm-opt could not optimise the client: see the lines above.",
  });
  const bound = join(fresh, "jindou.js");
  writeFileSync(bound, shortened(readFileSync(bound, "utf8"), output));
  for (const path of script) cpSync(path, join(fresh, basename(path)));
  // A package of npm does it, which is there by now and was not when this program began.
  const { packed } = await import("./lib/pack.mjs");
  writeFileSync(wasm, await packed(readFileSync(wasm)));
  rmSync(pkg, { recursive: true, force: true });
  renameSync(fresh, pkg);
}

/** Builds www/dist from www/ and pkg/. */
export async function buildPage() {
  const sources = files(join(root, "www"), (path) => path === page);
  const settings = ["webpack.config.js", "package-lock.json"].map((name) => join(root, name));
  await whenChanged("page", fingerprint([...sources, ...settings, ...files(pkg)]), [join(page, "index.html")], () =>
    step("Building the page", "", () =>
      run(packagePrograms().webpack, ["--mode", "production"], { otherwise: "webpack could not build the page: see the lines above." })));
}

/** Builds both servers and answers where they are. `profile` is one of Cargo.toml's. */
export async function buildServers(profile) {
  const cargo = await compilers();
  const args = ["build", "--package", "jindou-gateway", "--package", "jindou-business", "--bins", "--profile", profile];
  await compile(cargo, args, "Compiling the servers", "The servers do not compile: see the lines above.");
  const folder = join(target, profile === "dev" ? "debug" : profile);
  const programs = { gateway: join(folder, "jindou-gateway"), business: join(folder, "jindou-business") };
  for (const path of Object.values(programs)) if (!existsSync(path)) throw new Problem(`The build made no ${path}.`);
  return programs;
}

// cargo alone knows whether it has something to do, so its line of progress is shown only once it begins to compile.
async function compile(cargo, args, name, otherwise, env) {
  const since = performance.now();
  const slow = setTimeout(() => say(`· ${name} …`), 1500);
  try {
    await run(cargo, args, { otherwise, env });
  } finally {
    clearTimeout(slow);
  }
  const took = performance.now() - since;
  if (took > 1500) say(`· ${name}: done in ${(took / 1000).toFixed(1)} s`);
}

const packageVersion = (name) => JSON.parse(readFileSync(join(root, "node_modules", name, "package.json"), "utf8")).version;

if (isProgram(import.meta)) {
  await command(async () => {
    await buildPackage();
    say("The package is in pkg/.");
  });
}
