// (b) A burst of messages, received, deduplicated and persisted, and (e) what a person notices on the page meanwhile.
import { openPage } from "../lib/browser.mjs";
import { peerVersion } from "../lib/build.mjs";
import { number } from "../lib/numbers.mjs";
import { interleaved, row } from "../lib/series.mjs";
import { measured, others, ratio, table } from "../lib/table.mjs";

const CHANNELS = 100;
const CONTENT = 200;

const variants = {
  plain: { name: () => "plain JavaScript, put", run: (page, burst) => page.call("burst.js", "store", { maker: "plain", ...burst }) },
  dexie: { name: () => `Dexie ${peerVersion("dexie")}, bulkPut`, run: (page, burst) => page.call("burst.js", "store", { maker: "dexie", ...burst }) },
  ours: { name: () => "Jindou, store alone", run: (page, burst) => page.call("burst.js", "store", { maker: "ours", ...burst }) },
  worker: { name: () => "Jindou, all of it, in its worker", run: (page, burst) => page.call("burst.js", "client", { worker: true, ...burst }) },
  page: { name: () => "Jindou, all of it, on the page", run: (page, burst) => page.call("burst.js", "client", { worker: false, ...burst }) },
};

export async function burst({ url, quick, say }) {
  const bursts = quick ? [{ count: 600, rounds: 1 }] : [{ count: 10_000, rounds: 5 }, { count: 100_000, rounds: 3 }];
  const rows = [];
  for (const { count, rounds } of bursts) {
    const run = async (variant) => {
      // A profile of its own each time: a database that was written before is slower.
      const page = await openPage(url, quick ? { settle: 0 } : {});
      try {
        return await variants[variant].run(page, { count, channels: CHANNELS, content: CONTENT });
      } finally {
        await page.close();
      }
    };
    const runs = await interleaved(Object.keys(variants), rounds, run, (round) => say(`${number(count)} messages, round ${round}`));
    const of = (variant, what) => row(what, runs.get(variant), (value) => value[what]);
    for (const variant of runs.keys()) {
      const perSecond = of(variant, "perSecond");
      rows.push({
        count,
        variant,
        ...perSecond,
        name: variants[variant].name(),
        ratio: perSecond.median / of("plain", "perSecond").median,
        ...Object.fromEntries(["tasks", "task", "timer", "frame"].map((what) => [what, of(variant, what)])),
        runs: runs.get(variant),
      });
    }
  }
  return { channels: CHANNELS, content: CONTENT, rows };
}

export function print({ rows }) {
  const speed = rows.map((one) => [one.name, number(one.count), measured(one), ratio(one.ratio), others(one)]);
  const longest = (task) => (task.max === 0 ? "none" : measured(task));
  const noticed = rows.map((one) => [one.name, number(one.count), longest(one.task), measured(one.timer), measured(one.frame)]);
  return [
    "(b) A burst of messages of 200 bytes: messages a second, committed",
    "",
    table(["", "messages", "messages/s", "times plain", "others"], speed),
    "",
    '"All of it": bytes from a false socket, decoded, checked, deduplicated, committed, acknowledged and told to the page. The others get objects that',
    "are decoded already, and only store them: 500 a commit, one record a message, a unique index on clientMsgNo. Every commit is awaited.",
    "",
    "(e) On the page's main thread meanwhile: milliseconds",
    "",
    table(["", "messages", "longest task of 50 ms or more", "largest gap of a 4-ms timer", "largest gap of frames"], noticed),
  ].join("\n");
}
