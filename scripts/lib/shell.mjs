// What every script here needs of its surroundings: say something, run a program, end what was started, fail in one sentence.
// It knows nothing of Jindou's own parts.
import { spawn, spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** A failure that a person can act on: `message` is one clear sentence, `detail` what the failing program printed. */
export class Problem extends Error {
  /** `ended`: the program did not fail but was ended, as by whoever interrupts us. There is no reason to try it another way. */
  constructor(sentence, detail = "", ended = false) {
    super(sentence);
    this.detail = detail;
    this.ended = ended;
  }
}

export const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;

export function say(line) {
  process.stdout.write(`${line}\n`);
}

/** Runs `work` between two lines of progress; `hint` says how long it may take. What goes unnoticed is not worth calling this for. */
export async function step(name, hint, work) {
  const since = performance.now();
  say(`· ${name}${hint && ` (${hint})`} …`);
  const result = await work();
  say(`· ${name}: done in ${seconds(since)}`);
  return result;
}

/** The path of the first of `names` that is an executable file on PATH (or in `also`), or undefined. */
export function find(names, also = []) {
  const folders = [...also, ...(process.env.PATH ?? "").split(delimiter)].filter(Boolean);
  for (const name of [names].flat()) {
    for (const folder of folders) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not here; the next folder may have it.
      }
    }
  }
  return undefined;
}

/** The trimmed output of a program that answers at once, or undefined when it is missing or fails. */
export function ask(command, args, options = {}) {
  const answer = spawnSync(command, args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], ...options });
  return answer.status === 0 ? answer.stdout.trim() : undefined;
}

// Every child leads a process group of its own, so that ending it ends what it started too: cargo's compilers, a test's browser.
const children = new Set();
let guarded = false;

/** Starts a program that ends with us at the latest. */
export function launch(command, args, { cwd = root, env = {}, stdio = ["ignore", "pipe", "pipe"] } = {}) {
  guard();
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio, detached: true });
  children.add(child);
  child.once("error", () => children.delete(child));
  child.once("exit", () => sweep(child));
  return child;
}

function signal(child, name) {
  try {
    return process.kill(-child.pid, name);
  } catch {
    // The group is gone already.
    return false;
  }
}

/** Ends what a child that is gone has left in its group, with a moment for those who have something to end themselves. */
async function sweep(child) {
  for (const until = Date.now() + 2000; signal(child, "SIGTERM") && Date.now() < until; ) await new Promise((next) => setTimeout(next, 20));
  signal(child, "SIGKILL");
  children.delete(child);
}

/** Asks a child and its helpers to end, and insists after `patience` milliseconds. Settles once they are gone. */
export async function end(child, patience = 5000) {
  const until = Date.now() + patience;
  if (children.has(child)) signal(child, "SIGTERM");
  while (children.has(child)) {
    if (Date.now() > until) signal(child, "SIGKILL");
    await new Promise((next) => setTimeout(next, 10));
  }
}

const endings = [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]];

/** However this process ends, its children do not outlive it. Where it is not a command of ours (a test file), nobody else would see to that. */
function guard() {
  if (guarded) return;
  guarded = true;
  process.on("exit", () => children.forEach((child) => signal(child, "SIGKILL")));
  for (const [name, code] of endings) if (process.listenerCount(name) === 0) process.on(name, () => endAll().then(() => process.exit(code)));
}

/** Ends every child, the youngest first, since it may depend on the older ones. */
export async function endAll() {
  for (const child of [...children].reverse()) await end(child);
}

/** How a finished program is named in a sentence: how it ended, in words. */
export function ending(code, signalName) {
  return signalName ? `was ended by ${signalName}` : `ended with code ${code}`;
}

/** The last lines of what a program printed: the part that says why it failed. */
export function tail(text, lines = 40) {
  return text.trimEnd().split("\n").slice(-lines).join("\n");
}

/**
 * Runs a program to its end and returns what it printed. With `show` it is printed as it comes.
 * Without `otherwise` a failure is returned as `code`; with it, it is a `Problem` with that sentence.
 */
export function run(command, args, { show = false, otherwise, ...options } = {}) {
  return new Promise((done, fail) => {
    const child = launch(command, args, options);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text) => {
        output += text;
        if (show) process.stdout.write(text);
      });
    }
    child.once("error", (error) => fail(new Problem(`${command} could not be started: ${error.message}.`)));
    child.once("close", (code, signalName) => {
      if (code === 0) done({ code, output });
      else if (otherwise === undefined) done({ code: code ?? 1, output });
      else fail(new Problem(otherwise, show ? "" : tail(output) || `${command} ${ending(code, signalName)}`, signalName !== null));
    });
  });
}

/** Does several things at once. The first failure ends the others, since none of them would be of use without it. */
export async function together(...work) {
  try {
    return await Promise.all(work);
  } catch (error) {
    await endAll();
    const settled = await Promise.allSettled(work);
    // Of two calls, one within the other, the inner one has ended what the outer one waits for: that is not why.
    throw error.ended ? settled.find(({ reason }) => reason && !reason.ended)?.reason ?? error : error;
  }
}

/** The frame of every command: the code of `work` becomes the exit code, a Problem one sentence, an interruption the end of all children. */
export async function command(work) {
  let interrupted = false;
  for (const [name, code] of endings) {
    process.on(name, async () => {
      if (interrupted) return;
      interrupted = true;
      await endAll();
      process.exit(code);
    });
  }
  guard();
  let code;
  try {
    code = (await work()) ?? 0;
  } catch (error) {
    if (interrupted) return;
    if (error instanceof Problem) {
      if (error.detail) console.error(error.detail);
      console.error(`\n${error.message}`);
    } else {
      console.error(error);
    }
    code = 1;
  }
  if (interrupted) return;
  await endAll();
  process.exit(code);
}

/** Whether this module was started as a program, rather than imported. */
export const isProgram = (meta) => process.argv[1] === fileURLToPath(meta.url);
