// What the client tells about its work: the newest lines and a few sums. Lines come by the thousand, so they are shown in hand-fuls.
import { signal } from "@preact/signals";
import type { Trace } from "jindou";

const mostKept = 500;
// Milliseconds between two drawings: fast enough to watch, slow enough for a flood.
const rhythm = 120;

export interface Line { ordinal: number; at: number; trace: Trace }
export interface Sums { sent: number; received: number; bytesSent: number; bytesReceived: number; duplicates: number; retries: number; gaps: number; stores: number }

export class Inspector {
  readonly lines = signal<readonly Line[]>([]);
  readonly sums = signal<Sums>({ sent: 0, received: 0, bytesSent: 0, bytesReceived: 0, duplicates: 0, retries: 0, gaps: 0, stores: 0 });
  readonly paused = signal(false);
  #next = 0;
  #waiting: Line[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  add(trace: Trace): void {
    this.#waiting.push({ ordinal: this.#next++, at: Date.now(), trace });
    this.#timer ??= setTimeout(() => this.#show(), rhythm);
  }

  clear(): void {
    this.lines.value = [];
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #show(): void {
    this.#timer = undefined;
    const lines = this.#waiting;
    this.#waiting = [];
    const sums = { ...this.sums.peek() };
    for (const { trace } of lines) count(sums, trace);
    this.sums.value = sums;
    if (!this.paused.peek()) this.lines.value = [...this.lines.peek(), ...lines].slice(-mostKept);
  }
}

function count(sums: Sums, trace: Trace): void {
  switch (trace.what) {
    case "packet":
      sums[trace.sent ? "sent" : "received"]++;
      sums[trace.sent ? "bytesSent" : "bytesReceived"] += trace.bytes;
      break;
    case "duplicate": sums.duplicates++; break;
    case "retry": sums.retries++; break;
    case "gap": sums.gaps++; break;
    case "stored": sums.stores++; break;
    case "request": break;
  }
}
