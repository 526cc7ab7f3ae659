// (a) Decode + verify + decrypt of RECVs: ours against the official SDK, the same bytes, protocol version 2 (the newest that it speaks).
import { openPage } from "../lib/browser.mjs";
import { peerVersion } from "../lib/build.mjs";
import { interleaved, row } from "../lib/series.mjs";
import { measured, others, ratio, table } from "../lib/table.mjs";

const sizes = [
  { content: 200, together: 100, messages: 1000 },
  { content: 4096, together: 10, messages: 100 },
];

export async function decode({ url, quick, say }) {
  const page = await openPage(url, quick ? { settle: 0 } : {});
  try {
    await page.call("decode.js", "connect");
    const cells = sizes.flatMap(({ content, together, messages }) =>
      [1, together].flatMap((together) =>
        ["sdk", "rows", "objects"].map((variant) => ({ variant, content, together, messages: quick ? 100 : messages })),
      ),
    );
    const glued = [];
    for (const { content, together } of sizes) glued.push({ content, together, ...(await page.call("decode.js", "glued", { content, together, messages: together })).value });
    // The SDK loses what is glued, so its own way, one packet after the other, is what hand-overs are compared with.
    const honest = cells.filter(({ variant, together }) => variant !== "sdk" || together === 1);
    const time = quick ? 20 : 400;
    const runs = await interleaved(honest, quick ? 1 : 5, (cell) => page.call("decode.js", "measure", { ...cell, time }), (round) => say(`round ${round}`));
    const rows = [...runs].map(([cell, runs]) => ({ ...cell, ...row(cell.variant, runs, (value) => value), runs }));
    for (const one of rows) one.ratio = rows.find(({ variant, content }) => variant === "sdk" && content === one.content).median / one.median;
    return { sdk: peerVersion("wukongimjssdk"), rows, glued, chromium: page.version() };
  } finally {
    await page.close();
  }
}

const names = {
  sdk: (sdk) => `wukongimjssdk ${sdk}`,
  rows: () => "Jindou, rows in WebAssembly",
  objects: () => "Jindou, objects in JavaScript",
};

export function print({ sdk, rows, glued }) {
  const lines = rows.map((one) => [
    names[one.variant](sdk),
    String(one.content),
    one.together === 1 ? "single" : `${one.together} together`,
    measured(one),
    ratio(one.ratio),
    others(one),
  ]);
  const lost = glued.map(({ content, together, distinct, told }) => `${together} × ${content} bytes: ${distinct} messages arrive, told ${told} times`);
  return [
    "(a) Decode, verify, decrypt: microseconds a message",
    "",
    table(["", "bytes", "hand-over", "µs", "times the SDK's rate", "others"], lines),
    "",
    `The SDK is given one packet at a time. Glued together it loses some: ${lost.join("; ")}.`,
  ].join("\n");
}
