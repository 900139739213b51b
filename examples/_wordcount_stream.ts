// Counts what can only be read: standard input, pipes, terminals, files of /proc.

import { type Counts, join, NOTHING } from "./_wordcount_counts.ts";
import { Counter, type Kernel, WORKSPACE } from "./_wordcount_counter.ts";

/** An open file. */
export interface Input {
  read(bytes: Uint8Array): Promise<number | null>;
}

const WASM_PAGE = 65536;

/** How much is read at once, at most. */
const BUFFER = 16 * WASM_PAGE;

/** A character has up to three bytes behind its first one. */
const AHEAD = 3;

/** Counts what is read from an input, and then its counts so far with each piece. */
export async function* countStream(kernel: Kernel, input: Input): AsyncGenerator<Counts> {
  const pages = BUFFER / WASM_PAGE + Math.ceil(WORKSPACE / WASM_PAGE);
  const memory = new WebAssembly.Memory({ shared: true, initial: pages, maximum: pages });
  const counter = new Counter(kernel, memory, BUFFER);
  // Deno reads into shared memory too, its types don't tell.
  const buffer = new Uint8Array(memory.buffer, 0, BUFFER);
  let counts = NOTHING;
  let kept = 0;
  for (;;) {
    const length = await input.read(buffer.subarray(kept));
    const end = kept + (length ?? 0);
    // The last bytes wait for what follows, because a character may go on there.
    const stop = length === null ? end : Math.max(0, end - AHEAD);
    counts = join(counts, counter.count(0, stop, end));
    buffer.copyWithin(0, stop, end);
    kept = end - stop;
    yield counts;
    if (length === null) return;
  }
}
