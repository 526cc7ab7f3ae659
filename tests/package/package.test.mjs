// The package as a user gets it: packed, installed in a folder of its own, bundled with webpack's defaults, opened in a browser.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, createReadStream, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { after, before, test } from "node:test";

import webpack from "webpack";

import { openBrowser } from "../../scripts/lib/browser.mjs";
import { root } from "../../scripts/lib/shell.mjs";

let home;
let packed;
let browser;

const npm = (cwd, ...args) => execFileSync("npm", args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });

before(async () => {
  home = mkdtempSync(join(tmpdir(), "jindou-package-"));
  // What `npm pack` would build first is built already.
  [packed] = JSON.parse(npm(root, "pack", "--json", "--ignore-scripts", "--pack-destination", home));
  writeFileSync(join(home, "package.json"), JSON.stringify({ name: "user", version: "1.0.0", private: true, type: "module" }));
  npm(home, "install", "--no-audit", "--no-fund", join(home, packed.filename));
  browser = await openBrowser();
});

after(async () => {
  await browser?.close();
  rmSync(home, { recursive: true, force: true });
});

test("it holds the program, the types and the WebAssembly, and nothing of the workshop", () => {
  const files = packed.files.map(({ path }) => path);
  for (const wanted of ["package.json", "LICENSE", "pkg/index.js", "pkg/index.d.ts", "pkg/jindou_bg.wasm"]) assert.ok(files.includes(wanted), `${wanted} is missing`);
  assert.deepEqual(files.filter((path) => !/^(pkg\/.+\.(js|d\.ts|wasm)|package\.json|LICENSE|README\.md|CHANGELOG\.md)$/.test(path)), []);
});

test("it depends on no other package", () => {
  assert.deepEqual(Object.keys(JSON.parse(npm(home, "ls", "--all", "--json")).dependencies), ["jindou"]);
});

test("it can be imported where there is no browser, as a server that renders pages does", () => {
  const script = 'const { Client, version } = await import("jindou"); console.log(typeof Client.open, version);';
  const printed = execFileSync(process.execPath, ["--input-type=module", "--eval", script], { cwd: home, encoding: "utf8" });
  assert.equal(printed.trim(), `function ${packed.version}`);
});

test("a client that is opened where there is no browser is refused by name, and holds nobody up", () => {
  const script = 'import { Client } from "jindou"; await Client.open({ uid: "u", token: "t", gateway: "ws://127.0.0.1:9" }).catch((error) => console.log(error.name, error.code));';
  const printed = execFileSync(process.execPath, ["--input-type=module", "--eval", script], { cwd: home, encoding: "utf8", timeout: 20_000 });
  assert.equal(printed.trim(), "JindouError not-supported");
});

for (const resolution of ["bundler", "nodenext"]) {
  test(`its types are found by TypeScript with the module resolution "${resolution}"`, () => {
    writeFileSync(join(home, "types.ts"), 'import { Client, type Message } from "jindou";\nexport const open: Promise<Client> = Client.open({ uid: "u", token: "t" });\nexport const key = (message: Message): string => message.key;\n');
    const module = resolution === "bundler" ? "esnext" : resolution;
    const options = ["--noEmit", "--strict", "--types", "", "--lib", "es2022,dom", "--target", "es2022", "--module", module, "--moduleResolution", resolution];
    execFileSync(join(root, "node_modules", ".bin", "tsc"), [...options, join(home, "types.ts")], { cwd: home, stdio: ["ignore", "inherit", "inherit"] });
  });
}

const application = `
  import { Client, version } from "jindou";
  const tried = async (worker) => {
    const client = await Client.open({ uid: "alice", token: "secret", gateway: "ws://127.0.0.1:9", database: "try-" + worker, worker });
    const answer = { mode: client.mode, outbox: await client.outbox(), conversations: await client.conversations() };
    await client.wipe();
    return answer;
  };
  globalThis.outcome = (async () => ({ version, worker: await tried(true), page: await tried(false) }))().catch((error) => ({ error: String(error), code: error.code }));
`;
const wanted = () => {
  const empty = { outbox: [], conversations: [] };
  return { version: packed.version, worker: { mode: "worker", ...empty }, page: { mode: "page", ...empty } };
};

test("webpack bundles it without any configuration, and the bundle opens a client in a worker and on the page", async () => {
  const source = join(home, "bundled");
  mkdirSync(source);
  writeFileSync(join(source, "main.js"), application);
  // Its hints about size are for pages; ours is measured by the benches.
  await bundle({ mode: "production", performance: { hints: false }, context: source, entry: "./main.js", output: { path: join(source, "dist") } });
  writeFileSync(join(source, "dist", "index.html"), '<!doctype html><title>user</title><script src="main.js" defer></script>');
  assert.deepEqual(await opened(join(source, "dist"), "/index.html"), wanted());
});

test("a page without a bundler opens it by an import map", async () => {
  const map = JSON.stringify({ imports: { jindou: "/node_modules/jindou/pkg/index.js" } });
  writeFileSync(join(home, "main.js"), application);
  writeFileSync(join(home, "index.html"), `<!doctype html><title>user</title><script type="importmap">${map}</script><script type="module" src="main.js"></script>`);
  assert.deepEqual(await opened(home, "/index.html"), wanted());
});

test("a trap is noticed on the page, also where the address of the script has signs in it that traces are full of", async () => {
  const signs = "npm/jindou@0.1.0/(any)";
  cpSync(join(home, "node_modules", "jindou", "pkg"), join(home, signs), { recursive: true });
  writeFileSync(join(home, "trap.js"), `
    const { prototype } = WebAssembly.Instance;
    const { get } = Object.getOwnPropertyDescriptor(prototype, "exports");
    let memory;
    Object.defineProperty(prototype, "exports", { get() {
      const exports = get.call(this);
      memory ??= Object.values(exports).find((value) => value instanceof WebAssembly.Memory);
      return exports;
    } });
    globalThis.outcome = import("/${signs}/index.js").then(async ({ Client }) => {
      const client = await Client.open({ uid: "trapped", token: "secret", gateway: "ws://127.0.0.1:9", worker: false });
      const reach = client.connect().catch((error) => error.code);
      await new Promise((resolve) => setTimeout(resolve, 100));
      new Uint8Array(memory.buffer).fill(0xff);
      return Promise.race([reach, new Promise((resolve) => setTimeout(resolve, 10_000, "nothing"))]);
    });
  `);
  writeFileSync(join(home, "trap.html"), '<!doctype html><title>user</title><script type="module" src="trap.js"></script>');
  assert.equal(await opened(home, "/trap.html", /RuntimeError|memory access|out of bounds|unreachable|establish a connection/), "closed");
});

function bundle(configuration) {
  return new Promise((done, fail) => {
    webpack(configuration, (error, result) => {
      if (error) fail(error);
      else if (result.hasErrors() || result.hasWarnings()) fail(new Error(result.toString({ colors: false })));
      else done();
    });
  });
}

/** What the application found out, served from `folder` on a port of its own. */
async function opened(folder, path, expected = /^$/) {
  const server = await serve(folder);
  const page = await browser.newPage();
  try {
    const problems = [];
    page.on("pageerror", (error) => expected.test(String(error)) || problems.push(String(error)));
    await page.goto(`http://127.0.0.1:${server.address().port}${path}`);
    await page.waitForFunction(() => globalThis.outcome);
    const outcome = await page.evaluate(() => globalThis.outcome);
    assert.deepEqual(problems, []);
    return outcome;
  } finally {
    await page.close();
    server.closeAllConnections();
    server.close();
  }
}

const types = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };

function serve(folder) {
  const server = createServer((request, response) => {
    const path = join(folder, normalize(new URL(request.url, "http://localhost").pathname));
    if (!existsSync(path)) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": types[extname(path)] ?? "application/octet-stream" });
    createReadStream(path).pipe(response);
  });
  return new Promise((ready) => server.listen(0, "127.0.0.1", () => ready(server)));
}
