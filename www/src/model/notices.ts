// Short sentences that come and go at the edge of a pane: what failed, and what was done.
import { signal } from "@preact/signals";
import { words, type Words } from "../words";

export interface Notice { id: number; tone: "info" | "error"; say: (words: Words) => string }

// Long enough to read a sentence, twice that for one that somebody must act upon.
const shownFor = { info: 4000, error: 8000 };

export class Notices {
  readonly shown = signal<readonly Notice[]>([]);
  #next = 0;

  add(tone: Notice["tone"], say: Notice["say"]): void {
    const id = this.#next++;
    // Said twice it is read once.
    const others = this.shown.peek().filter((other) => other.say(words.peek()) !== say(words.peek()));
    this.shown.value = [...others.slice(-2), { id, tone, say }];
    setTimeout(() => this.dismiss(id), shownFor[tone]);
  }

  dismiss(id: number): void {
    this.shown.value = this.shown.peek().filter((notice) => notice.id !== id);
  }
}
