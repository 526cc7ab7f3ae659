// Medians and the sentences that are made of them.

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function summary(values) {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values), n: values.length };
}

/** Three digits are more than any of these numbers is worth. */
export function number(value) {
  if (value >= 1000) return Math.round(value).toLocaleString("en");
  if (value >= 100) return value.toFixed(0);
  if (value >= 10) return value.toFixed(1);
  return value.toFixed(2);
}

export function spread({ median, min, max, n }) {
  return n === 1 ? number(median) : `${number(median)} (${number(min)}–${number(max)})`;
}

/** The elements in an order that nobody chose. */
export function shuffled(values) {
  const rest = [...values];
  for (let left = rest.length; left > 1; left -= 1) {
    const other = Math.floor(Math.random() * left);
    [rest[left - 1], rest[other]] = [rest[other], rest[left - 1]];
  }
  return rest;
}
