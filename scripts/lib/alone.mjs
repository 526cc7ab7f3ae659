// One demo at a time for each folder of records.
import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";

import { Problem } from "./shell.mjs";

/**
 * Two demos would write over each other's records, so the first one listens where the second one asks: of two that start at once only one
 * can. What a demo leaves behind that was killed is cleared away. Answers a function that is told the address, for whoever asks.
 */
export async function alone(records) {
  const name = `jindou-${createHash("sha256").update(records).digest("hex").slice(0, 16)}`;
  const piped = process.platform === "win32";
  const place = piped ? `\\\\.\\pipe\\${name}` : join(tmpdir(), `${name}.sock`);
  let url = "";
  const server = createServer((socket) => socket.on("error", () => {}).end(url));
  // Any other trouble than somebody who is there is no reason not to start: nobody is warned then.
  for (let tries = 0; (await trouble(server, place)) === "EADDRINUSE" && tries < 5; tries++) {
    // One that has bound its socket and does not listen yet looks dead.
    const other = await asked(place) ?? await setTimeout(50).then(() => asked(place));
    if (other !== undefined) throw new Problem(`Jindou is running already with the records of this folder${other && `: ${other}`}. Please end it first.`);
    clear(place);
  }
  server.unref();
  if (!piped && server.listening) process.on("exit", () => clear(place));
  return (address) => void (url = address);
}

/** Listens; answers why that failed, or undefined. */
function trouble(server, place) {
  return new Promise((done) => {
    server.removeAllListeners("error").removeAllListeners("listening");
    server.on("error", ({ code }) => done(code)).once("listening", () => done(undefined)).listen(place);
  });
}

/** What the demo says that listens there, or undefined where none does. */
function asked(place) {
  return new Promise((done) => {
    let said = "";
    connect(place).setEncoding("utf8").on("data", (text) => (said += text)).once("end", () => done(said)).once("error", () => done(undefined));
  });
}

function clear(place) {
  try {
    rmSync(place, { force: true });
  } catch {
    // Another user's.
  }
}
