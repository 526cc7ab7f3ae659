// What time it is at the business server, whose clock ends what can be restored: reckoned from what it told last. Nobody's truth: the server decides.
import { signal } from "@preact/signals";

// Milliseconds: clocks that are slowly adjusted part by less in hours.
const parted = 30_000;

export class ServerClock {
  readonly #learned = signal<{ server: number; wall: number; steady: number } | undefined>(undefined);

  learn(server: number): void {
    this.#learned.value = { server, wall: Date.now(), steady: performance.now() };
  }

  /** As long as the server told nothing, one's own. */
  now(): number {
    const learned = this.#learned.value;
    if (!learned) return Date.now();
    const [wall, steady] = [Date.now() - learned.wall, performance.now() - learned.steady];
    // Some browsers stop the steady clock while the device sleeps; and where one's own was put right meanwhile, only the steady one goes on.
    return learned.server + (Math.abs(wall - steady) <= parted ? wall : steady);
  }
}
