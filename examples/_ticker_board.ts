// What a reader of ticker.ts shows.

import type { AccessOf } from "../mod.ts";
import { print } from "./_cli.ts";
import type { Tick } from "./_ticker.ts";

/** Shows the newest price now and then, in a line of its own. */
export class Board {
  /** How many prices came. */
  seen = 0;
  readonly #name: string;
  readonly #interval: number;
  #missed = 0;
  #shown = { time: performance.now(), seen: 0, missed: 0 };

  /** What its lines begin with, and the seconds between two of them. */
  constructor(name: string, interval: number) {
    this.#name = name;
    this.#interval = interval;
  }

  /** Counts a price, and those missed before it. */
  count({ symbol, price, before }: AccessOf<typeof Tick>, missed: number): void {
    this.seen++;
    this.#missed += missed;
    const time = performance.now();
    const elapsed = (time - this.#shown.time) / 1000;
    if (elapsed < this.#interval) return;
    const change = 100 * (price / before - 1);
    const lost = this.#missed - this.#shown.missed;
    print(
      `${this.#name}: ${quote(symbol)} ${price.toFixed(2)} ` +
        `(${change < 0 ? "" : "+"}${change.toFixed(2)} %), ` +
        `${((this.seen - this.#shown.seen) / elapsed).toFixed(0)}/s, ` +
        `${this.seen} seen, ${this.#missed} missed${lost === 0 ? "" : ` (${lost} just now)`}`,
    );
    this.#shown = { time, seen: this.seen, missed: this.#missed };
  }
}

/** A text as the terminal may see it: control characters would command it. */
function quote(text: string): string {
  return Deno.inspect(text).slice(1, -1);
}
