// `npm test`: sets up what is missing, runs every kind of test, and ends with one line: N passed, N failed.
// `npm test -- native page` runs those stages alone. The counts are the runners' own; a check without tests counts as one.
import { readdirSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";

import { buildPackage, buildPage, buildServers } from "./build.mjs";
import { failures, ofCheck, ofLibtest, ofNode, verdict } from "./lib/counts.mjs";
import { Problem, command, root, run, say, seconds } from "./lib/shell.mjs";
import { setUp, strictly, wasmTarget } from "./setup.mjs";

const stages = {
  format: { count: ofCheck, commands: ({ cargo }) => [[cargo, "fmt", "--all", "--check"]] },
  lint: {
    count: ofCheck,
    commands: ({ cargo }) => [
      [cargo, "clippy", "--workspace", "--all-targets", ...strictly()],
      [cargo, "clippy", "--package", "jindou", "--lib", "--test", "browser", "--target", wasmTarget, ...strictly()],
      [cargo, "clippy", "--package", "jindou-bench", "--target", wasmTarget, ...strictly()],
    ],
  },
  scripts: { count: ofNode, commands: () => nodeTests("scripts") },
  native: { count: ofLibtest, commands: ({ cargo }) => [[cargo, "test", "--workspace", "--no-fail-fast"]] },
  types: { count: ofCheck, commands: ({ tsc }) => ["tests/types", "www"].map((project) => [tsc, "--project", project]) },
  browser: {
    count: ofLibtest,
    commands: ({ wasmPack, geckodriver }) => {
      const inBrowser = (...browser) => [wasmPack, "test", "--headless", ...browser, "--mode", "no-install", "--", "--test", "browser"];
      // In Firefox too, where there is one: nothing asks for it, since its driver is in no package of Debian's.
      return [inBrowser("--chrome"), ...(geckodriver ? [inBrowser("--firefox", "--geckodriver", geckodriver)] : [])];
    },
    environment: ({ wasmBindgen, wasmPack, chromedriver }) => ({
      PATH: [dirname(wasmBindgen), dirname(wasmPack), process.env.PATH].join(delimiter),
      CHROMEDRIVER: chromedriver,
      // The runner's own limit of 20 s is for all tests together, on a machine that may be busy.
      WASM_BINDGEN_TEST_TIMEOUT: "300",
    }),
  },
  client: { count: ofNode, before: buildClientAndServers, commands: () => nodeTests("client") },
  page: { count: ofNode, before: buildEverything, commands: () => nodeTests("page") },
  package: { count: ofNode, before: () => buildPackage(), commands: () => nodeTests("package") },
  // Whether the benches work; they have no opinion about how fast.
  bench: { count: ofNode, commands: () => nodeTests("bench") },
};

await command(async () => {
  const chosen = process.argv.slice(2);
  const unknown = chosen.find((name) => !stages[name]);
  if (unknown) throw new Problem(`There is no stage "${unknown}"; there are: ${Object.keys(stages).join(", ")}.`);
  const since = performance.now();
  let tools;
  try {
    tools = await setUp("test");
  } catch (error) {
    if (error instanceof Problem) say(`${error.detail && `${error.detail}\n\n`}${error.message}\n\n0 passed, 1 failed`);
    else throw error;
    return 1;
  }
  say(`Set up in ${seconds(since)}`);

  const results = [];
  for (const name of chosen.length > 0 ? chosen : Object.keys(stages)) {
    say(`\n── ${name}`);
    results.push({ name, ...(await perform(stages[name], tools)) });
  }

  say("\n── result");
  for (const { name, names } of results) for (const test of names) say(`failed in ${name}: ${test}`);
  for (const { name, passed, failed, took } of results) say(`${name.padEnd(8)} ${String(passed).padStart(5)} passed ${String(failed).padStart(4)} failed   ${took}`);
  const sum = (word) => results.reduce((total, result) => total + result[word], 0);
  say(`In ${seconds(since)}, set-up included.`);
  say(`${sum("passed")} passed, ${sum("failed")} failed`);
  return sum("failed") === 0 ? 0 : 1;
});

async function perform(stage, tools) {
  const since = performance.now();
  const total = { passed: 0, failed: 0, names: [] };
  try {
    const env = { ...stage.environment?.(tools), ...(await stage.before?.()) };
    const commands = stage.commands(tools);
    if (commands.length === 0) throw new Problem("There are no tests to run, which counts as a failure.");
    for (const [program, ...args] of commands) {
      const { code, output } = await run(program, args, { show: true, env });
      const { passed, failed } = verdict(stage.count(output, code), code);
      if (failed > 0 && code === 0) say("No test ran, which counts as a failure.");
      total.passed += passed;
      total.failed += failed;
      total.names.push(...failures(output));
    }
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    say(`${error.detail}\n${error.message}`);
    total.failed += 1;
  }
  return { ...total, took: seconds(since) };
}

/** Builds the package, the page and the servers, and says to the tests where the servers are. */
async function buildEverything() {
  const where = await buildClientAndServers();
  await buildPage();
  return where;
}

async function buildClientAndServers() {
  // The profile of the native tests, whose crates are compiled already.
  const servers = await buildServers("dev");
  await buildPackage();
  return { JINDOU_TEST_GATEWAY: servers.gateway, JINDOU_TEST_BUSINESS: servers.business };
}

function nodeTests(folder) {
  const path = join("tests", folder);
  const files = readdirSync(join(root, path)).filter((name) => name.endsWith(".test.mjs"));
  if (files.length === 0) return [];
  return [[process.execPath, "--test", "--test-reporter=spec", ...files.sort().map((name) => join(path, name))]];
}
