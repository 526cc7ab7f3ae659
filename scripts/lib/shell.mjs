// What every script here needs of its surroundings: say something, run a program, end what was started, fail in one sentence.
// It knows nothing of Jindou's own parts.
import { spawn, spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** A failure that a person can act on: `message` is one clear sentence, `detail` what the failing program printed. */
export class Problem extends Error {
  constructor(sentence, detail = "") {
    super(sentence);
    this.detail = detail;
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

// Every child leads a process group of its own, so that ending it ends what it started too: cargo's compilers, a browser's renderers.
const children = new Set();

/** Starts a program that ends with us at the latest. */
export function launch(command, args, { cwd = root, env = {}, stdio = ["ignore", "pipe", "pipe"] } = {}) {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio, detached: true });
  children.add(child);
  child.once("error", () => children.delete(child));
  // What a child left behind in its group goes with it.
  child.once("exit", () => {
    signal(child, "SIGKILL");
    children.delete(child);
  });
  return child;
}

function signal(child, name) {
  try {
    process.kill(-child.pid, name);
  } catch {
    // The group is gone already.
  }
}

/** Asks a child to end, and insists after `patience` milliseconds. Settles once it is gone. */
export function end(child, patience = 5000) {
  if (!children.has(child)) return Promise.resolve();
  return new Promise((gone) => {
    const insist = setTimeout(() => signal(child, "SIGKILL"), patience);
    child.once("exit", () => {
      clearTimeout(insist);
      gone();
    });
    // Only the child itself is asked: it ends its own helpers in the order that it knows.
    child.kill("SIGTERM");
  });
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
      else fail(new Problem(otherwise, show ? "" : tail(output) || `${command} ${ending(code, signalName)}`));
    });
  });
}

/** Does several things at once. The first failure ends the others, since none of them would be of use without it. */
export async function together(...work) {
  try {
    return await Promise.all(work);
  } catch (error) {
    await endAll();
    await Promise.allSettled(work);
    throw error;
  }
}

/** The frame of every command: the code of `work` becomes the exit code, a Problem one sentence, an interruption the end of all children. */
export async function command(work) {
  let interrupted = false;
  for (const [name, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]]) {
    process.on(name, async () => {
      if (interrupted) return;
      interrupted = true;
      await endAll();
      process.exit(code);
    });
  }
  process.on("exit", () => children.forEach((child) => signal(child, "SIGKILL")));
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
