// Runs variants again and again in turn, so that a machine that changes its speed changes it for all of them.
import { NOISY } from "./load.mjs";
import { median, shuffled, summary } from "./numbers.mjs";

/**
 * Runs every variant once a round, in another order each time. `run(variant)` answers { value, others }.
 * Answers a Map from a variant to its runs.
 */
export async function interleaved(variants, rounds, run, say) {
  const runs = new Map(variants.map((variant) => [variant, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const variant of shuffled(variants)) {
      runs.get(variant).push(await run(variant));
    }
    say(round);
  }
  return runs;
}

/** What a table says of runs: the median of `pick(value)` with the smallest and the largest, and how busy others were. */
export function row(name, runs, pick) {
  const others = runs.map((run) => run.others).filter((share) => share !== null);
  const share = others.length > 0 ? median(others) : null;
  return { name, ...summary(runs.map((run) => pick(run.value))), others: share, noisy: share !== null && share > NOISY };
}
