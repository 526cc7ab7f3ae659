// Reads from what a test runner printed how many tests passed and failed, so that the sum at the end is the runners' own.

const none = { passed: 0, failed: 0 };

const add = (a, b) => ({ passed: a.passed + b.passed, failed: a.failed + b.failed });

/** The sum over every "test result: ok. 3 passed; 0 failed; …" of cargo test and of wasm-bindgen's runner. */
export function ofLibtest(output) {
  const lines = output.matchAll(/^test result: \S+ (\d+) passed; (\d+) failed;/gm);
  return [...lines].reduce((sum, [, passed, failed]) => add(sum, { passed: Number(passed), failed: Number(failed) }), none);
}

/** The summary of node --test ("ℹ pass 3"). A test that was cancelled counts as failed; a skipped one does not count. */
export function ofNode(output) {
  const count = (word) => Number(new RegExp(`^ℹ ${word} (\\d+)$`, "m").exec(output)?.[1] ?? 0);
  return { passed: count("pass"), failed: count("fail") + count("cancelled") };
}

/** What a check counts that is right or wrong as a whole: a formatter, a linter, a compiler. */
export function ofCheck(_output, code) {
  return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

/** The names of the tests that failed, as either runner writes them, so that they need not be looked for in a long log. */
export function failures(output) {
  const names = [...output.matchAll(/^test (.+) \.\.\. FAILED$/gm), ...output.matchAll(/^ *✖ (.+) \([\d.]+ms\)$/gm)].map(([, name]) => name);
  return [...new Set(names)];
}

/**
 * What a stage counts in the end. One that broke before it could count a failure has failed once, and so has one that found nothing to test:
 * a test that is not run looks like one that passes.
 */
export function verdict({ passed, failed }, code) {
  if (failed === 0 && (code !== 0 || passed === 0)) return { passed, failed: 1 };
  return { passed, failed };
}
