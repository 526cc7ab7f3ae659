// `npm start`: everything that is needed to try Jindou out, and one URL.
//
//   PORT=8080          the page and the business server (default 5480, or a free one)
//   GATEWAY_PORT=…     the gateway double's WebSocket, GATEWAY_API_PORT=… its HTTP API (default: free ones)
//   WUKONGIM_API=http://…   the HTTP API of a real WuKongIM, used instead of the double; several nodes of a cluster with commas between them
//   JINDOU_WUKONGIM_TOKEN=… its manager token, where it wants one; JINDOU_GATEWAY=ws://… its gateway, where it names one that browsers do not reach
//
// Data is kept in .data/, for each WuKongIM its own, since the business server's records speak of that server's messages.
import { join } from "node:path";

import { buildPackage, buildPage, buildServers, page } from "./build.mjs";
import { alone } from "./lib/alone.mjs";
import { portTrouble, startBusiness, startGateway } from "./lib/servers.mjs";
import { Problem, command, endAll, root, say, together } from "./lib/shell.mjs";
import { compilers } from "./setup.mjs";

// A browser keeps what it stores per origin, so a page that came back on another port would have forgotten everything.
const usualPort = 5480;

await command(async () => {
  const real = realNodes();
  const port = (await chosenPort("PORT")) ?? ((await portTrouble(usualPort)) ? 0 : usualPort);
  const gatewayPorts = { ws: (await chosenPort("GATEWAY_PORT")) ?? 0, api: (await chosenPort("GATEWAY_API_PORT")) ?? 0 };
  if (real) await answers(real);
  const data = join(root, ".data");
  const records = join(data, real ? `business-${new URL(real[0]).host.replace(/[^\w.-]/g, "-")}` : "business");
  const tell = await alone(records);

  await compilers();
  const [programs] = await together(buildServers("quick"), buildPackage().then(buildPage));

  let died;
  const death = new Promise((_, reject) => { died = reject; });
  const onExit = (sentence, lines) => died(new Problem(sentence, lines));

  const running = (async () => {
    const wukongim = real?.join(",") ?? (await startGateway({ program: programs.gateway, data: join(data, "gateway"), ...gatewayPorts, onExit })).addresses.api;
    return startBusiness({ program: programs.business, data: records, wukongim, page, port, onExit });
  })();
  const business = await Promise.race([running, death]);
  tell(business.addresses.url);
  say(`\nJindou is running: ${business.addresses.url}   (${real ? `with the WuKongIM at ${real.join(", ")}` : "with the gateway double"}; Ctrl-C ends it)`);

  await Promise.race([death, interrupted()]);
  await endAll();
  return 0;
});

/** The nodes of a real WuKongIM, each without a slash at the end, or undefined when the double is wanted. */
function realNodes() {
  const given = process.env.WUKONGIM_API;
  if (!given) return undefined;
  return given.split(",").map((node) => {
    const url = URL.canParse(node.trim()) ? new URL(node.trim()) : undefined;
    // WuKongIM speaks no TLS here, and neither does the business server towards it.
    if (url?.protocol !== "http:" || url.search || url.hash) throw new Problem(`WUKONGIM_API is "${given}", which is no http:// address.`);
    return url.href.replace(/\/$/, "");
  });
}

/** One node that answers as WuKongIM does is enough: a cluster is made so that some may be away. */
async function answers(nodes) {
  try {
    await Promise.any(nodes.map(answer));
  } catch ({ errors }) {
    throw errors.find((error) => error instanceof Problem) ?? new Problem(`There is no answer from the WuKongIM at ${nodes.join(", ")} (${errors[0].cause?.code ?? errors[0].cause?.message ?? errors[0].name}): is it running, and is this its HTTP API?`);
  }
}

async function answer(node) {
  const token = process.env.JINDOU_WUKONGIM_TOKEN;
  const answer = await fetch(`${node}/route`, { headers: token ? { token } : {}, signal: AbortSignal.timeout(5000) });
  if (answer.status === 401 || answer.status === 403) throw new Problem(`The WuKongIM at ${node} wants its manager token: please set JINDOU_WUKONGIM_TOKEN.`);
  const route = answer.ok ? await answer.json().catch(() => undefined) : undefined;
  if (!route?.ws_addr && !route?.wss_addr) throw new Problem(`What listens at ${node} is not the HTTP API of a WuKongIM 2: it does not say where its WebSocket is.`);
}

async function chosenPort(name) {
  const given = process.env[name];
  if (!given) return undefined;
  const port = Number(given);
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new Problem(`${name} is "${given}", which is no port.`);
  const trouble = port !== 0 && (await portTrouble(port));
  if (trouble === "EACCES") throw new Problem(`Port ${port} (${name}) is not for you to use (those below 1024 are root's): please choose another.`);
  if (trouble) throw new Problem(`Port ${port} (${name}) is in use: please end what listens there, or choose another.`);
  return port;
}

/** Settles when somebody wants the end: by Ctrl-C, by a signal, or by ending npm, which does not always pass that on. */
function interrupted() {
  return new Promise((settle) => {
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.removeAllListeners(name).on(name, settle);
    if (!process.env.npm_lifecycle_event) return;
    const parent = process.ppid;
    setInterval(() => process.ppid !== parent && settle(), 1000);
  });
}
