// One demo at a time for each folder of records.
import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Problem } from "./shell.mjs";

/**
 * Two demos would write over each other's records, so the first one listens where the second one asks. A listener ends with its process,
 * however that ends. Answers a function that is told the address, for whoever asks.
 */
export async function alone(records) {
  const name = `jindou-${createHash("sha256").update(records).digest("hex").slice(0, 16)}`;
  const place = process.platform === "win32" ? `\\\\.\\pipe\\${name}` : join(tmpdir(), `${name}.sock`);
  const other = await new Promise((done) => {
    let said = "";
    connect(place).setEncoding("utf8").on("data", (text) => (said += text)).once("end", () => done(said)).once("error", () => done(undefined));
  });
  if (other !== undefined) throw new Problem(`Jindou is running already with the records of this folder${other && `: ${other}`}. Please end it first.`);
  try {
    rmSync(place, { force: true });
  } catch {
    // Another user's, who has ended: nobody is warned then, which is no reason not to start.
  }
  let url = "";
  const server = createServer((socket) => socket.on("error", () => {}).end(url)).on("error", () => {});
  server.listen(place).unref();
  return (address) => void (url = address);
}
