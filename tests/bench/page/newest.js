// The newest page of a channel, read again and again.
import { makers } from "/bench/databases.js";
import { Script } from "/bench/wasm.js";

export { fill } from "/bench/databases.js";

const LIMIT = 50;

/** Milliseconds of each read, of a channel chosen at random. `how` is a maker's, or the whole client's. */
export async function read({ how, name, channels, content, reads }) {
  const { newest, close } = how === "worker" || how === "page" ? await client(name, how === "worker") : await database(how, name, channels, content);
  const wanted = () => `g${Math.floor(Math.random() * channels)}`;
  for (let n = 0; n < 10; n += 1) await newest(wanted());
  const times = [];
  for (let n = 0; n < reads; n += 1) {
    const group = wanted();
    const from = performance.now();
    const found = await newest(group);
    times.push(performance.now() - from);
    if (found !== LIMIT) throw new Error(`${how} found ${found} messages in ${group}`);
  }
  await close();
  return times;
}

async function database(how, name, channels, content) {
  const [maker, way = "newest"] = how.split(".");
  const opened = await makers[maker](name, new Script(channels, content));
  return {
    async newest(group) {
      const found = await opened[way](group, LIMIT);
      return found.length ?? found;
    },
    close: () => opened.close(),
  };
}

async function client(name, worker) {
  const { Client } = await import("/pkg/index.js");
  const opened = await Client.open({ uid: "me", token: "token", gateway: "ws://bench.invalid", database: name, worker });
  return {
    newest: async (group) => (await opened.messages({ channelId: group, channelType: 2 }, { limit: LIMIT })).messages.length,
    close: () => opened.close(),
  };
}
