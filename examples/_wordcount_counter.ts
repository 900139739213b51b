// Counts bytes in a WebAssembly memory, with the kernel of _wordcount.wat.

import { buildTables, TABLES_SIZE } from "./_wordcount_classes.ts";
import { type Class, type Counts, join, NOTHING } from "./_wordcount_counts.ts";
import { KERNEL } from "./_wordcount_kernel.ts";

/** How much memory a counter needs beside what it counts, in bytes. */
export const WORKSPACE: number = TABLES_SIZE;

/** What counters are made from; it may be posted to Workers. */
export interface Kernel {
  readonly module: WebAssembly.Module;
  /** The classes of characters; `null` where each byte is a character (the locale C). */
  readonly tables: Uint8Array<SharedArrayBuffer> | null;
}

/** Prepares the counting of UTF-8, or else of single bytes. */
export function loadKernel(utf8: boolean): Kernel {
  return { module: new WebAssembly.Module(KERNEL), tables: utf8 ? buildTables() : null };
}

type Count = (begin: number, end: number, limit: number) => [number, number, Class, Class];

/**
 * How many bytes are counted in one call: few, because V8 starts with slow code, and takes the fast
 * one from the next call on.
 */
const SLICE = 2 ** 20;

/** Counts what stands in one memory. */
export class Counter {
  readonly #count: Count;

  /** The memory must have `WORKSPACE` bytes from `workspace` on that are nobody else's. */
  constructor({ module, tables }: Kernel, memory: WebAssembly.Memory, workspace: number) {
    if (tables !== null) new Uint8Array(memory.buffer, workspace).set(tables);
    const utf8 = tables === null ? 0 : 1;
    const instance = new WebAssembly.Instance(module, {
      env: { memory, tables: workspace, utf8 },
    });
    this.#count = instance.exports.count as Count;
  }

  /**
   * Counts from `begin` to `end`. A character that starts there and goes on behind it counts here,
   * if the bytes up to `limit` have it: three are enough.
   */
  count(begin: number, end: number, limit: number): Counts {
    let counts = NOTHING;
    for (let start = begin; start < end; start += SLICE) {
      const stop = Math.min(end, start + SLICE);
      const [lines, words, first, last] = this.#count(start, stop, limit);
      counts = join(counts, { lines, words, bytes: stop - start, first, last });
    }
    return counts;
  }
}
