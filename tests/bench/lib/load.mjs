// How much of the machine others used while something was measured: what all processors did, less what we and our children did.
import { readFileSync, readdirSync } from "node:fs";

/** A measurement during which others used more than this share of all processors is called noisy. */
export const NOISY = 0.15;

/** Begins to look; the function that it answers ends it and gives the share, or null where there is no /proc. */
export function watch() {
  const before = look();
  return () => {
    const after = look();
    if (!before || !after || after.all <= before.all) return null;
    const others = after.busy - before.busy - (after.ours - before.ours);
    return Math.max(0, others / (after.all - before.all));
  };
}

function look() {
  try {
    const [, ...times] = readFileSync("/proc/stat", "utf8").split("\n", 1)[0].trim().split(/\s+/);
    // user nice system idle iowait irq softirq steal; what guests used is in `user` already.
    const [user, nice, system, idle, iowait, irq, softirq, steal] = times.map(Number);
    const busy = user + nice + system + irq + softirq + steal;
    return { all: busy + idle + iowait, busy, ours: ourTime() };
  } catch {
    return null;
  }
}

/** Of this process and everything below it. A child that has ended counts in its parent. */
function ourTime() {
  const processes = new Map();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      // The name of the program may hold anything, so what is behind its last bracket is read.
      const text = readFileSync(`/proc/${name}/stat`, "utf8");
      const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
      const time = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
      processes.set(Number(name), { parent: Number(fields[1]), time });
    } catch {
      // It has ended meanwhile.
    }
  }
  let time = 0;
  for (const [id, entry] of processes) {
    for (let at = id; at > 1; at = processes.get(at)?.parent ?? 0) {
      if (at !== process.pid) continue;
      time += entry.time;
      break;
    }
  }
  return time;
}
