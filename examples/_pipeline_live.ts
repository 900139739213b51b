// A line that says how full channels are and how fast they go, again and again.

import type { Channel } from "../mod.ts";

/** Whether one line can be written over another. */
const TERMINAL = Deno.stderr.isTerminal();

/** How often, in milliseconds. */
const EVERY = TERMINAL ? 200 : 1000;

const encoder = new TextEncoder();

/**
 * Shows how channels are getting on, on one line of the terminal, until it leaves scope; where
 * there is no terminal, on a new line each time.
 */
export class LiveLine implements Disposable {
  readonly #channels: Readonly<Record<string, Channel>>;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #received = new Map<string, number>();
  #shown = performance.now();
  #ended = false;

  constructor(channels: Readonly<Record<string, Channel>>) {
    this.#channels = channels;
    this.#timer = setInterval(() => this.#show(), EVERY);
  }

  /** Shows the last figures, and leaves them there. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#timer);
    this.#show();
    if (TERMINAL) console.error();
  }

  [Symbol.dispose](): void {
    this.end();
  }

  #show(): void {
    const now = performance.now();
    const seconds = (now - this.#shown) / 1000;
    this.#shown = now;
    const parts = Object.entries(this.#channels).map(([name, channel]) => {
      const { received, bytes, capacity } = channel.stat();
      const rate = (received - (this.#received.get(name) ?? 0)) / seconds;
      this.#received.set(name, received);
      const percent = Math.round(100 * bytes / capacity);
      return `${name}: ${received} messages, ${Math.round(rate)}/s, ${percent} % full`;
    });
    const line = parts.join(" | ");
    // Back to the start of the line, whose rest is cleared.
    if (TERMINAL) Deno.stderr.writeSync(encoder.encode(`\r${line}\x1b[K`));
    else console.error(line);
  }
}
