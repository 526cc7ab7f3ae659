import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";

import { root } from "../../scripts/lib/shell.mjs";

/** Runs `npm start` with `env` until it ends by itself. */
function start(env) {
  const child = spawn(process.execPath, [join(root, "scripts", "start.mjs")], { env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (said += text));
  return new Promise((done) => child.once("close", (code) => done({ code, said: said.trim() })));
}

test("a configured port that is in use is told before anything is built", async () => {
  const server = createServer();
  const port = await new Promise((ready) => server.listen(0, "127.0.0.1", () => ready(server.address().port)));
  const { code, said } = await start({ PORT: String(port) });
  await new Promise((closed) => server.close(closed));
  assert.equal(code, 1);
  assert.equal(said, `Port ${port} (PORT) is in use: please end what listens there, or choose another.`);
});

test("what is no port and what is no address is told by its name", async () => {
  assert.deepEqual(await start({ GATEWAY_PORT: "70000" }), { code: 1, said: 'GATEWAY_PORT is "70000", which is no port.' });
  assert.deepEqual(await start({ WUKONGIM_API: "localhost" }), { code: 1, said: 'WUKONGIM_API is "localhost", which is no http:// address.' });
  assert.deepEqual(await start({ WUKONGIM_API: "https://im.example" }), { code: 1, said: 'WUKONGIM_API is "https://im.example", which is no http:// address.' });
});

test("a WuKongIM that does not answer is told before anything is built", async () => {
  const server = createServer();
  const port = await new Promise((ready) => server.listen(0, "127.0.0.1", () => ready(server.address().port)));
  await new Promise((closed) => server.close(closed));
  const { code, said } = await start({ WUKONGIM_API: `http://127.0.0.1:${port}` });
  assert.equal(code, 1);
  assert.equal(said, `There is no answer from the WuKongIM at http://127.0.0.1:${port} (ECONNREFUSED): is it running, and is this its HTTP API?`);
});

test("what answers but is no WuKongIM, or wants a token, is told before anything is built", async () => {
  let status = 200;
  const server = createHttpServer((_, answer) => answer.writeHead(status).end("<html>"));
  const port = await new Promise((ready) => server.listen(0, "127.0.0.1", () => ready(server.address().port)));
  const node = `http://127.0.0.1:${port}`;
  assert.deepEqual(await start({ WUKONGIM_API: node }), { code: 1, said: `What listens at ${node} is not the HTTP API of a WuKongIM 2: it does not say where its WebSocket is.` });
  status = 401;
  assert.deepEqual(await start({ WUKONGIM_API: node }), { code: 1, said: `The WuKongIM at ${node} wants its manager token: please set JINDOU_WUKONGIM_TOKEN.` });
  await new Promise((closed) => server.close(closed));
});
