// (c) The newest 50 messages of a channel, with few and with many messages stored.
import { openPage } from "../lib/browser.mjs";
import { number } from "../lib/numbers.mjs";
import { interleaved, row } from "../lib/series.mjs";
import { median } from "../lib/numbers.mjs";
import { measured, others, ratio, table } from "../lib/table.mjs";

const CHANNELS = 100;
const CONTENT = 200;
/** Seconds of commits after which a database is as full as it gets. */
const PATIENCE = 400;

const names = {
  "plain.newest": "by hand, last key and getAll",
  "plain.newestByCursor": "by hand, a cursor",
  dexie: "Dexie",
  ours: "Jindou, store alone",
  worker: "Jindou, messages(), in its worker",
  page: "Jindou, messages(), on the page",
};

export async function newest({ url, quick, say }) {
  const rows = [];
  for (const count of quick ? [6000] : [10_000, 1_000_000]) {
    // Dexie reads what plain JavaScript wrote; ours has a browser of its own.
    const pages = { plain: await openPage(url, quick ? { settle: 0 } : {}), ours: await openPage(url, quick ? { settle: 0 } : {}) };
    try {
      const filled = {};
      for (const maker of ["plain", "ours"]) {
        const fill = { maker, name: "bench", count, together: 2000, channels: CHANNELS, content: CONTENT, limit: PATIENCE };
        const { value, others } = await pages[maker].call("newest.js", "fill", fill);
        filled[maker] = { ...value, others };
        say(`${number(value.messages)} messages written by ${maker}`);
      }
      const run = (how) => {
        const page = how.startsWith("plain") || how === "dexie" ? pages.plain : pages.ours;
        return page.call("newest.js", "read", { how, name: "bench", channels: CHANNELS, content: CONTENT, reads: quick ? 3 : 60 });
      };
      const runs = await interleaved(Object.keys(names), quick ? 1 : 7, run, () => {});
      const of = (how) => row(how, runs.get(how), median);
      for (const how of runs.keys()) {
        const one = of(how);
        rows.push({ count, how, ...one, name: names[how], ratio: one.median / of("plain.newest").median, filled: how.startsWith("plain") || how === "dexie" ? filled.plain : filled.ours, runs: runs.get(how) });
      }
      say(`read at ${number(count)}`);
    } finally {
      for (const page of Object.values(pages)) await page.close();
    }
  }
  return { channels: CHANNELS, content: CONTENT, rows };
}

export function print({ rows }) {
  const lines = rows.map((one) => [
    one.name,
    one.filled.messages === one.count ? number(one.count) : `${number(one.filled.messages)} of ${number(one.count)}`,
    measured(one),
    ratio(one.ratio),
    others(one),
  ]);
  return ["(c) The newest 50 messages of one of 100 channels: milliseconds", "", table(["", "messages stored", "ms", "times by hand", "others"], lines)].join("\n");
}
