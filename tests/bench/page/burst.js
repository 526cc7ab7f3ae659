// A burst of messages: through the whole client, and at the store alone.
import { fill, stored } from "/bench/databases.js";
import { watch } from "/bench/watch.js";

/** Ready batches into a database. */
export async function store({ maker, ...burst }) {
  // What a first transaction costs once (opening, compiling) is not what is asked.
  await fill({ maker, name: "warm-up", count: 1000, together: 500, channels: burst.channels, content: burst.content });
  const end = watch();
  const { messages, seconds } = await fill({ maker, name: "bench", together: 500, ...burst });
  const noticed = await end();
  const kept = await stored("bench");
  if (kept !== burst.count || messages !== burst.count) throw new Error(`${maker} kept ${kept} messages of ${burst.count}`);
  return { perSecond: burst.count / seconds, ...noticed };
}

/** Answers that a business server gives to somebody who has just come and missed nothing. */
const business = {
  policy: async () => ({ roles: [] }),
  online: async () => ({ online: true }),
  conversations: async () => ({ conversations: [] }),
  commands: async () => ({ commands: [] }),
  commandsAck: async () => ({}),
  marks: async () => ({ channels: [] }),
  history: async () => ({ messages: [], more: false, marksVersion: 0 }),
};

/** Bytes from a false socket through the whole client: decoded, checked, deduplicated, stored, acknowledged, told to the page. */
export async function client({ count, channels, content, worker }) {
  if (!worker) await import("/bench/socket.js");
  const { Client } = await import("/flooded/index.js");
  const client = await Client.open({ uid: "me", token: "token", gateway: "ws://bench.invalid", business, database: "bench", worker });
  if (client.mode !== (worker ? "worker" : "page")) throw new Error(`the client lives in a ${client.mode}`);
  const problems = [];
  client.on("problem", ({ error }) => problems.push(`${error.code}: ${error.message}`));
  client.on("quarantined", ({ why }) => problems.push(why));
  await client.connect();

  const orders = new BroadcastChannel("flood");
  const heard = (word) => new Promise((done) => orders.addEventListener("message", ({ data }) => data[word] && done(data[word])));
  const prepared = heard("prepared");
  orders.postMessage({ prepare: { count, channels, content } });
  await prepared;
  await new Promise((done) => setTimeout(done, 300));

  let told = 0;
  const all = new Promise((done) => client.on("message", () => (told += 1) === count && done(performance.timeOrigin + performance.now())));
  const acknowledged = heard("acknowledged");
  const end = watch();
  orders.postMessage({ go: true });
  const stuck = new Promise((_, fail) => setTimeout(() => fail(new Error(`only ${told} messages of ${count} came; ${problems.join("; ")}`)), 240_000));
  const [{ from, to }, toldAt] = await Promise.race([Promise.all([acknowledged, all]), stuck]);
  const noticed = await end();

  await newestIsThere(client, { count, channels });
  await client.close();
  orders.close();
  const kept = await stored("bench");
  if (kept !== count || problems.length > 0) throw new Error(`${kept} messages of ${count} were kept; ${problems.join("; ")}`);
  return { perSecond: (count * 1000) / (Math.max(to, toldAt) - from), ...noticed };
}

async function newestIsThere(client, { count, channels }) {
  for (let group = 0; group < Math.min(5, channels); group += 1) {
    const { messages } = await client.messages({ channelId: `g${group}`, channelType: 2 }, { limit: 50 });
    const newest = Math.floor((count - 1 - group) / channels) + 1;
    if (messages.at(-1)?.messageSeq !== newest) throw new Error(`the newest of g${group} is ${messages.at(-1)?.messageSeq}, not ${newest}`);
  }
}
