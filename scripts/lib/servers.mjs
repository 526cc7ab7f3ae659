// Starts the servers that the demo and the page tests need, each ready when its promise settles, on ports that nobody else has.
import { mkdirSync } from "node:fs";
import { createServer } from "node:net";

import { Problem, end, ending, launch, tail } from "./shell.mjs";

// A server that says nothing for so long will not say anything any more.
const patience = 60_000;

/** Why a port of the loopback interface cannot be listened on ("EADDRINUSE", "EACCES", …), or undefined where it can. */
export function portTrouble(port) {
  return new Promise((answer) => {
    const server = createServer();
    server.once("error", ({ code }) => answer(code));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => answer(undefined)));
  });
}

/** The gateway double. `ws` and `api` are ports, 0 for free ones. Its `addresses` are `{ ws, api }`. */
export function startGateway({ program, data, ws = 0, api = 0, generation, tokenAuth = true, onExit }) {
  const args = ["--ws", `127.0.0.1:${ws}`, "--api", `127.0.0.1:${api}`, "--data", data];
  if (generation) args.push("--generation", generation);
  if (tokenAuth) args.push("--token-auth");
  return start("The gateway double", program, args, data, onExit);
}

/** The business server. `wukongim` is the address of an HTTP API, `page` the folder that it serves. Its `addresses` are `{ url }`. */
export function startBusiness({ program, data, wukongim, page, port = 0, demo = true, more = [], onExit }) {
  const args = ["--listen", `127.0.0.1:${port}`, "--wukongim", wukongim, "--data", data, "--page", page, ...more];
  if (demo) args.push("--demo");
  return start("The business server", program, args, data, onExit);
}

/**
 * Starts a server and waits for the one line of JSON in which it says where it listens.
 * Answers `{ addresses, lines(), stop() }`; `onExit(sentence, lines)` is told when it ends without having been asked to.
 */
function start(name, program, args, data, onExit) {
  // Messages and password hashes are nobody else's, and a server leaves a folder that is there as it is.
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const child = launch(program, args);
  let said = "";
  let ready = false;
  let stopping = false;
  const lines = () => tail(said, 20);

  return new Promise((settle, fail) => {
    const giveUp = setTimeout(() => {
      stopping = true;
      end(child).then(() => fail(new Problem(`${name} did not become ready within ${patience / 1000} s.`, lines())));
    }, patience);

    const keep = (text) => {
      // Only the end is ever shown, so only the end is kept.
      said = (said + text).slice(-20_000);
    };
    child.stderr.setEncoding("utf8").on("data", keep);
    let first = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      keep(text);
      if (ready) return;
      first += text;
      if (!first.includes("\n")) return;
      ready = true;
      clearTimeout(giveUp);
      const line = first.slice(0, first.indexOf("\n"));
      try {
        settle({
          addresses: JSON.parse(line),
          lines,
          stop: () => {
            stopping = true;
            return end(child);
          },
        });
      } catch {
        fail(new Problem(`${name} did not say where it listens, but: ${line}`));
      }
    });

    child.once("error", (error) => {
      clearTimeout(giveUp);
      fail(new Problem(`${name} could not be started: ${error.message}.`));
    });
    child.once("close", (code, signal) => {
      clearTimeout(giveUp);
      if (stopping) return;
      const sentence = `${name} ${ending(code, signal)}.`;
      if (ready) onExit?.(sentence, lines());
      else fail(new Problem(sentence, lines()));
    });
  });
}
