// `npm run soak`: the simulator with thousands of seeds that nobody has played before, for as long as it takes.
// `npm run soak -- 20000` plays so many, `npm run soak -- 20000 1000000` from another one on. One that fails is named and replays exactly.
import { Problem, command, run, say } from "./lib/shell.mjs";
import { compilers } from "./setup.mjs";

await command(async () => {
  const [seeds = 5000, first = Math.floor(Math.random() * 2 ** 40)] = process.argv.slice(2).map((text) => {
    const number = Number(text);
    if (!Number.isSafeInteger(number) || number < 0) throw new Problem(`"${text}" is no number of seeds.`);
    return number;
  });
  const cargo = await compilers();
  say(`${seeds} seeds from ${first} on, a fifth as many conversations without pause, and as many towns`);
  const stories = ["whatever_fails", "without_pause", "whoever_was_away"];
  const args = ["test", "--package", "jindou-sim", "--test", "seeds", "--", ...stories, "--nocapture"];
  const fifth = String(Math.ceil(seeds / 5));
  const { code } = await run(cargo, args, {
    show: true,
    env: { JINDOU_SEEDS: String(seeds), JINDOU_CROWDS: fifth, JINDOU_TOWNS: fifth, JINDOU_FIRST: String(first) },
  });
  return code;
});
