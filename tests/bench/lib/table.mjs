// Tables for a terminal and for a README: both can read Markdown.
import { number, spread } from "./numbers.mjs";

export function table(head, rows) {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column].length)));
  const line = (cells) => `| ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join(" | ")} |`;
  return [line(head), `| ${widths.map((width, column) => (column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)).join(" | ")} |`, ...rows.map(line)].join("\n");
}

export const ratio = (value) => `${number(value)}×`;

/** A measured value, marked where others kept the machine busy. */
export const measured = (row) => `${spread(row)}${row.noisy ? " *noisy*" : ""}`;

export const others = (row) => (row.others === null ? "?" : `${Math.round(row.others * 100)} %`);
