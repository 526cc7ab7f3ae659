import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { portTrouble, startBusiness, startGateway } from "../../scripts/lib/servers.mjs";

const folder = mkdtempSync(join(tmpdir(), "jindou-servers-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A server of a few lines of shell. */
function fake(name, body) {
  const program = join(folder, name);
  writeFileSync(program, `#!/bin/sh\n${body}\n`);
  chmodSync(program, 0o755);
  return program;
}

const data = join(folder, "data");

test("a server is started once it has said where it listens, and stops when asked to", async () => {
  const program = fake("good", `echo "$@" >&2; echo '{"ws":"ws://127.0.0.1:1","api":"http://127.0.0.1:2"}'; exec sleep 60`);
  const server = await startGateway({ program, data, generation: "2.1", onExit: (sentence) => assert.fail(sentence) });
  assert.deepEqual(server.addresses, { ws: "ws://127.0.0.1:1", api: "http://127.0.0.1:2" });
  await server.stop();
  assert.match(server.lines(), new RegExp(`--ws 127.0.0.1:0 --api 127.0.0.1:0 --data ${data} --generation 2.1 --token-auth`));
  assert.equal(statSync(data).mode & 0o077, 0, "its folder is nobody else's");
});

test("a server that ends before it is ready is a problem with its last lines", async () => {
  const program = fake("early", "echo 'no room on the disk' >&2; exit 4");
  await assert.rejects(startBusiness({ program, data, wukongim: "http://127.0.0.1:2", page: folder }), {
    message: "The business server ended with code 4.",
    detail: "no room on the disk",
  });
});

test("a server that ends later tells so, with its last lines", async () => {
  const program = fake("late", `echo '{"url":"http://127.0.0.1:3"}'; echo 'broken pipe' >&2; exit 5`);
  const told = await new Promise((tell, fail) => {
    const onExit = (sentence, lines) => tell([sentence, lines]);
    startBusiness({ program, data, wukongim: "http://127.0.0.1:2", page: folder, onExit }).catch(fail);
  });
  assert.equal(told[0], "The business server ended with code 5.");
  assert.match(told[1], /broken pipe/);
});

test("a program that is not there is a problem in one sentence", async () => {
  await assert.rejects(startGateway({ program: join(folder, "missing"), data }), { message: /^The gateway double could not be started: .*ENOENT\.$/ });
});

test("a port is free until somebody listens on it", async () => {
  const server = createServer();
  const port = await new Promise((ready) => server.listen(0, "127.0.0.1", () => ready(server.address().port)));
  assert.equal(await portTrouble(port), "EADDRINUSE");
  await new Promise((closed) => server.close(closed));
  assert.equal(await portTrouble(port), undefined);
});
