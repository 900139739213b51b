import {
  checkedWait,
  sleep,
  sleepSync,
  type WaitOptions,
  type WaitSyncOptions,
} from "../ffi/wait.ts";
import { type Accessor, reading } from "./accessor.ts";
import type { RecordOf, RecordType, RecordValue } from "./record_type.ts";
import type { SeqlockType } from "./seqlock.ts";
import { Sequence } from "./sequence.ts";
import type { PlaceOptions, RecordMemory } from "./source.ts";
import type { Fields } from "./types.ts";

/** How often `tryRead()` tries: some microseconds, many times what a write takes. */
const TRIES = 100;

/** How long `read()` and `readSync()` wait by default, in milliseconds. */
const DEFAULT_TIMEOUT = 1000;

/** Between two looks that found a write under way, in milliseconds. */
const PAUSE = 1;

/**
 * A record that one process writes and others read, in memory that may only be read.
 *
 * A reader gets the whole record as it was at one moment, never a part of one write and a part of
 * another. It takes no lock: it copies, and copies again if a write came between. So it never keeps
 * the writer waiting.
 */
export class ReadonlySeqlock<F extends Fields> {
  readonly #type: RecordType<F>;
  readonly #accessor: Accessor;
  readonly #sequence: Sequence;
  readonly #shared: Uint8Array;
  readonly #copy: Uint8Array;
  readonly #record: RecordOf<F>;

  /** Made by `seqlock()` and its `at()`. */
  constructor(type: SeqlockType<F>, memory: RecordMemory, options?: PlaceOptions) {
    const { record, struct } = type;
    // An accessor, whatever its fields are to TypeScript.
    const accessor = struct.at(memory, options) as unknown as Accessor;
    this.#type = record;
    this.#accessor = accessor;
    this.#sequence = reading(accessor, (view, base) => new Sequence(view, base));
    this.#shared = reading(accessor, (view, base) => recordBytes(type, view, base));
    this.#copy = new Uint8Array(record.size);
    this.#record = record.at(this.#copy);
  }

  /** How often the record was written, modulo 2 ** 31; 0 if never. */
  get writes(): number {
    return reading(this.#accessor, () => this.#sequence.now() >>> 1);
  }

  /** Copies the record as it was at one moment, unless a write is in the way. */
  #takeCopy(tries: number): boolean {
    const sequence = this.#sequence;
    return reading(this.#accessor, () => {
      for (let i = 0; i < tries; i++) {
        const before = sequence.beginRead();
        if (before === undefined) continue;
        this.#copy.set(this.#shared);
        if (sequence.endRead(before)) return true;
      }
      return false;
    });
  }

  /**
   * The record as it was at one moment; `undefined` if a write is under way and doesn't end, or one
   * follows the other. It doesn't wait.
   *
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  tryRead(): RecordValue<F> | undefined {
    return this.#takeCopy(TRIES) ? this.#record.toObject() : undefined;
  }

  /**
   * Copies the record as it was at one moment into another of its type, in memory of this process:
   * it allocates nothing.
   *
   * @returns Whether it did: not if a write is in the way.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  tryReadInto(target: RecordOf<F>): boolean {
    if (!this.#takeCopy(TRIES)) return false;
    target.copyFrom(this.#record);
    return true;
  }

  /**
   * The record as it was at one moment. It blocks the thread while a write is under way, which
   * takes less than a microsecond, unless the writer is stopped in the middle of it.
   *
   * @param options By default it waits a second.
   * @throws {Deno.errors.TimedOut} If the write under way doesn't end: its writer died, or was
   * stopped. The next writer takes over.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  readSync(options: WaitSyncOptions = {}): RecordValue<F> {
    const wait = this.#patience(options);
    for (;;) {
      const value = this.tryRead();
      if (value !== undefined) return value;
      sleepSync(wait());
    }
  }

  /**
   * The record as it was at one moment, as {@linkcode readSync} gives it, without blocking the
   * thread.
   *
   * @throws {Deno.errors.TimedOut} If the write under way doesn't end.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  async read(options: WaitOptions = {}): Promise<RecordValue<F>> {
    const { signal } = checkedWait(options);
    const wait = this.#patience(options);
    signal?.throwIfAborted();
    for (;;) {
      const value = this.tryRead();
      if (value !== undefined) return value;
      await sleep(wait(), signal);
    }
  }

  /**
   * A function to call before each pause: it says how long that may be, or throws when the time is
   * over.
   */
  #patience(options: WaitOptions): () => number {
    const { timeout = DEFAULT_TIMEOUT } = checkedWait(options);
    const start = performance.now();
    const first = this.#sequence.now();
    return () => {
      const left = start + timeout - performance.now();
      if (left > 0) return Math.min(PAUSE, left);
      const { name } = this.#type;
      throw new Deno.errors.TimedOut(
        this.#sequence.now() === first && first % 2 === 1
          ? `Cannot read ${name}: its writer has been in the middle of a write for ${timeout} ms, and may have died. ` +
            "The next write takes over"
          : `Cannot read ${name}: in ${timeout} ms, no moment without a write was long enough`,
      );
    };
  }
}

/** Where the record of a seqlock is in a view. */
interface RecordPlace {
  readonly struct: { offsetOf(field: "record"): number };
  readonly record: { readonly size: number };
}

/** The record's bytes in shared memory. */
export function recordBytes(
  { struct, record }: RecordPlace,
  view: DataView,
  base: number,
): Uint8Array {
  const offset = view.byteOffset + base + struct.offsetOf("record");
  return new Uint8Array(view.buffer, offset, record.size);
}
