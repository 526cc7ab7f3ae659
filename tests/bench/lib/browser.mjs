// A browser with a fresh profile on disk, and the server of the pages that measure in it.
//
// An ordinary context of the test library is off the record: its IndexedDB is in memory, and nearly twice as fast.
import { createReadStream, existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";

import { openProfile } from "../../../scripts/lib/browser.mjs";
import { watch } from "./load.mjs";

/** A page that is isolated from other origins is told the time in steps of 5 µs; any other in steps of 100. */
const isolated = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };

const types = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm" };

/** How long a new browser is left alone: it has things of its own to do. */
const SETTLE = 1500;

/** Serves what `build` answered; everything below /flooded/ is the package with a false socket in its worker. */
export async function serve({ pkg, wasm, sdk, dexie, pages }) {
  const fileOf = (path) => {
    if (path === "/flooded/worker.js") return join(pages, "worker.js");
    if (path === "/flooded/real-worker.js") return join(pkg, "worker.js");
    const [, folder, ...rest] = path.split("/");
    const places = { flooded: pkg, pkg, wasm, bench: pages, sdk: join(sdk, ".."), dexie: join(dexie, "..") };
    return places[folder] && join(places[folder], ...rest);
  };
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url, "http://localhost").pathname);
    const file = fileOf(path);
    if (!file || !existsSync(file)) return response.writeHead(404).end();
    response.writeHead(200, { ...isolated, "content-type": types[extname(file)] ?? "application/octet-stream" });
    createReadStream(file).pipe(response);
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/**
 * A page in a browser with a profile of its own. `call(module, function, argument)` calls an exported function of a module in page/ and
 * answers { value, others }: what came of it, and the share of the machine that others used meanwhile.
 */
export async function openPage(url, { settle = SETTLE } = {}) {
  const profile = mkdtempSync(join(tmpdir(), "jindou-bench-"));
  const context = await openProfile(profile);
  const page = context.pages()[0] ?? (await context.newPage());
  const problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  await page.goto(`${url}/bench/index.html`);
  await new Promise((done) => setTimeout(done, settle));
  return {
    async call(module, name, argument) {
      const end = watch();
      const value = await page.evaluate(async ([module, name, argument]) => (await import(module))[name](argument), [`/bench/${module}`, name, argument]);
      const others = end();
      if (problems.length > 0) throw new Error(`${module}: ${problems.join("; ")}`);
      return { value, others };
    },
    version: () => context.browser()?.version() ?? "",
    reload: () => page.reload(),
    async close() {
      await context.close();
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
