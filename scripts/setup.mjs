// Makes sure that everything is there which the other commands need, and installs what is missing.
// As a program: `node scripts/setup.mjs [start|test]`. As a library: `await setUp("start")` answers where the tools are.
//
// Tools that cargo builds live in a per-user cache under their version, so that a clean clone does not build them again;
// packages of the system come from apt, where there is one; npm packages live in node_modules as ever.
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

import { Problem, ask, command, find, isProgram, root, run, say, step, together } from "./lib/shell.mjs";
import { crateVersion, packagesInstalled } from "./lib/versions.mjs";

const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "jindou");
const cargoBin = join(process.env.CARGO_HOME || join(homedir(), ".cargo"), "bin");

export const wasmTarget = "wasm32-unknown-unknown";
// The newest rust-version of the workspace: an older compiler fails in the middle of a build with a message that names none.
const oldestRust = [1, 94];
// Whose warnings this code was held against: a newer one finds what nobody has looked at yet.
const knownRust = [1, 99];
// As `engines` in package.json, which npm only warns of.
const oldestNode = 20;
const wasmPackVersion = "0.15.1";

// These tools take minutes to compile and run for a fraction of a second either way, so they are compiled in a hurry.
const quickly = { CARGO_PROFILE_RELEASE_OPT_LEVEL: "0", CARGO_PROFILE_RELEASE_LTO: "off", CARGO_PROFILE_RELEASE_CODEGEN_UNITS: "256" };

/**
 * Installs what `purpose` ("start" or "test") needs and answers `{ cargo, wasmBindgen, wasmOpt, webpack, tsc }`, for tests `wasmPack`, `chromium`
 * and `chromedriver` too: paths of programs. `npmPackages` is separate, since a build may begin before they are there.
 */
export async function setUp(purpose) {
  node();
  const forTests = purpose === "test";
  await systemPackages(forTests);
  const cargo = rust(forTests);
  const [, wasmBindgen, wasmPack] = await together(
    npmPackages(),
    wasmTargetAdded().then(() => bindgen(cargo)),
    forTests ? wasmPackOf(cargo) : undefined,
  );
  return { cargo, wasmBindgen, wasmPack, ...packagePrograms(), ...(forTests ? browser() : {}) };
}

/** What is quick to find out, and what everything else waits for: a linker and a compiler. Answers where cargo is. */
export async function compilers() {
  node();
  await systemPackages(false);
  return rust(false);
}

/** What makes clippy fail where it warns; a compiler that came later shows its warnings and fails nobody who has only just come. */
export function strictly() {
  const [major, minor] = rustVersion() ?? knownRust;
  return major === knownRust[0] && minor <= knownRust[1] ? ["--", "-D", "warnings"] : [];
}

function rustVersion() {
  return /rustc (\d+)\.(\d+)/.exec(ask("rustc", ["--version"]) ?? "")?.slice(1).map(Number);
}

/** The programs that npm brings. They are named by path, so that they need no PATH and no npx. */
export function packagePrograms() {
  const program = (name) => join(root, "node_modules", ".bin", name);
  return { wasmOpt: program("wasm-opt"), webpack: program("webpack"), tsc: program("tsc") };
}

/** Where Chromium and its driver are, and a Firefox, and its driver if there are both; undefined for what is missing. */
export function browser() {
  const firefox = find(["firefox", "firefox-esr"]);
  return {
    firefox,
    geckodriver: firefox && find("geckodriver"),
    chromium: process.env.CHROMIUM || find(["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]),
    chromedriver: process.env.CHROMEDRIVER || find(["chromedriver", "chromium.chromedriver"]),
  };
}

function node() {
  const [major] = process.versions.node.split(".").map(Number);
  if (major < oldestNode) throw new Problem(`Node ${process.versions.node} is too old, ${oldestNode} is needed: please install a newer one and run this again.`);
}

async function systemPackages(forTests) {
  const wanted = [];
  // cargo and the crates that compile C call it by this name.
  if (!find(["cc"])) wanted.push("build-essential");
  if (forTests) {
    const { chromium, chromedriver } = browser();
    // The fonts are for the Chinese half of the demo, which is otherwise a row of boxes in a screenshot.
    if (!chromium || !chromedriver) wanted.push("chromium", "chromium-driver", "fonts-liberation", "fonts-wqy-microhei");
  }
  if (wanted.length === 0) return;

  const names = wanted.join(" ");
  if (!find("apt-get")) throw new Problem(`Missing: ${names}. This system has no apt-get, so please install them (or what they are called here) and run this again.`);
  const asRoot = process.getuid() === 0 ? [] : sudo(names);
  const apt = async (...args) => {
    const [program, ...rest] = [...asRoot, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120", ...args];
    await run(program, rest, { otherwise: `apt-get could not install ${names}: see the lines above.` });
  };
  await step(`Installing ${names} from Debian`, "half a minute", async () => {
    await apt("update");
    await apt("install", "--yes", "--no-install-recommends", ...wanted);
  });
}

function sudo(names) {
  // Without a terminal of its own (see `launch`) sudo cannot ask for a password, so it must not need to.
  if (find("sudo") && ask("sudo", ["--non-interactive", "true"]) !== undefined) return ["sudo", "--non-interactive"];
  throw new Problem(`Missing: ${names}. Installing them needs root: please run "sudo apt-get install ${names}" and then this again.`);
}

function rust(forTests) {
  const cargo = find("cargo", [cargoBin]);
  if (!cargo) throw new Problem("cargo was not found: please install Rust from https://rustup.rs and run this again.");
  // A rustup that is not on PATH yet (its installer asks for a new shell), or behind a system's older Rust, comes first for everything that we start.
  if (find("cargo") !== cargo) process.env.PATH = `${cargoBin}${delimiter}${process.env.PATH}`;
  const version = rustVersion();
  if (!version) throw new Problem('rustc does not run: please choose a toolchain with "rustup default stable" and run this again.');
  const [major, minor] = version;
  if (major === oldestRust[0] && minor < oldestRust[1]) {
    throw new Problem(`Rust ${major}.${minor} is too old, ${oldestRust.join(".")} is needed: please run "rustup update stable" and then this again.`);
  }
  if (forTests) {
    for (const component of ["rustfmt", "clippy"]) {
      if (ask("cargo", [component === "rustfmt" ? "fmt" : component, "--version"]) !== undefined) continue;
      if (ask("rustup", ["component", "add", component]) === undefined) throw new Problem(`"rustup component add ${component}" failed: please run it by hand to see why.`);
    }
  }
  return cargo;
}

export async function wasmTargetAdded() {
  const folder = ask("rustc", ["--print", "target-libdir", "--target", wasmTarget]);
  if (folder && existsSync(folder)) return;
  if (!find("rustup")) throw new Problem(`Rust has no target ${wasmTarget} and there is no rustup to add it: please install it and run this again.`);
  await step(`Adding Rust's target ${wasmTarget}`, "", () =>
    run("rustup", ["target", "add", wasmTarget], { otherwise: `"rustup target add ${wasmTarget}" failed: see the lines above.` }));
}

/** Whether Rust's own library can be compiled along with the client, which needs its sources. What has them not builds a larger package. */
export async function librarySources() {
  const sysroot = ask("rustc", ["--print", "sysroot"]);
  const there = () => Boolean(sysroot) && existsSync(join(sysroot, "lib", "rustlib", "src", "rust", "library", "Cargo.lock"));
  if (!there() && find("rustup")) await step("Adding the sources of Rust's library", "", () => run("rustup", ["component", "add", "rust-src"]));
  return there();
}

/** The wasm-bindgen whose version is the lock file's: another one refuses the wasm file. */
export async function bindgen(cargo) {
  const version = crateVersion("wasm-bindgen");
  if (!version) throw new Problem("Cargo.lock names no wasm-bindgen, so there is nothing to build for the browser.");
  const ready = (path) => ask(path, ["--version"]) === `wasm-bindgen ${version}`;
  const onPath = find("wasm-bindgen");
  // wasm-pack wants the runner of tests from the same folder.
  if (onPath && ready(onPath) && find("wasm-bindgen-test-runner")) return onPath;
  return cargoInstall(cargo, "wasm-bindgen-cli", version, ["wasm-bindgen", "wasm-bindgen-test-runner"]);
}

async function wasmPackOf(cargo) {
  return find("wasm-pack") ?? cargoInstall(cargo, "wasm-pack", wasmPackVersion, ["wasm-pack"]);
}

async function cargoInstall(cargo, crate, version, programs) {
  const folder = join(cache, "tools", `${crate}-${version}`);
  const paths = programs.map((name) => join(folder, "bin", name));
  if (paths.every((path) => existsSync(path))) return paths[0];
  mkdirSync(folder, { recursive: true });
  const build = join(cache, "build", `${crate}-${version}`);
  await step(`Building ${crate} ${version}`, "two minutes, once", () =>
    // Not --locked: a lock file may name crate versions that are no longer served. cargo's lock on the build folder makes a second set-up wait
    // for the first instead of doing the same work, and what was interrupted goes on where it was.
    run(cargo, ["install", crate, "--version", version, "--no-default-features", ...programs.flatMap((name) => ["--bin", name]), "--root", folder, "--target-dir", build], {
      cwd: folder,
      env: quickly,
      otherwise: `cargo could not install ${crate} ${version}: see the lines above.`,
    }));
  rmSync(build, { recursive: true, force: true });
  return paths[0];
}

export async function npmPackages() {
  if (packagesInstalled()) return;
  // Under npm this is the very npm that was called.
  const npm = process.env.npm_execpath;
  const [program, args] = npm?.endsWith("js") ? [process.execPath, [npm]] : ["npm", []];
  await step("Installing the npm packages", "a quarter of a minute", () =>
    run(program, [...args, "ci", "--no-audit", "--no-fund"], { otherwise: '"npm ci" failed: see the lines above.' }));
}

if (isProgram(import.meta)) {
  await command(async () => {
    const purpose = process.argv[2] ?? "start";
    if (!["start", "test"].includes(purpose)) throw new Problem(`"${purpose}" is neither "start" nor "test".`);
    await setUp(purpose);
    say("Everything that is needed is there.");
  });
}
