import { checkOptions, describe } from "../ffi/check.ts";
import { ReadonlyMemory } from "../memory/memory.ts";
import type { AtomicType } from "./atomic.ts";
import type { RecordType } from "./record_type.ts";
import { u32 } from "./scalars.ts";
import { ReadonlySeqlock } from "./seqlock_reader.ts";
import { Seqlock } from "./seqlock_writer.ts";
import type { PlaceOptions, RecordMemory, WritableRecordMemory } from "./source.ts";
import { recordOf, struct } from "./struct.ts";
import type { Fields } from "./types.ts";

/** The fields of a seqlock in memory. */
export type SeqlockFields<F extends Fields> = {
  /** Odd while a write is under way; two more with each write. */
  readonly sequence: AtomicType<number>;
  /** What is read and written. */
  readonly record: RecordType<F>;
};

/** The type of a seqlock, made by `seqlock()`. */
export interface SeqlockType<F extends Fields> {
  /** The record's type. */
  readonly record: RecordType<F>;
  /** What is in memory: the sequence, and behind it the record. */
  readonly struct: RecordType<SeqlockFields<F>>;
  /** In bytes. */
  readonly size: number;
  /** In bytes. */
  readonly align: number;
  /**
   * The seqlock at a place in a memory. Zeros are one that was never written.
   *
   * @throws {RangeError} If it doesn't fit, or its sequence would be misaligned.
   * @throws {TypeError} If `memory` is none.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  at(memory: ReadonlyMemory, options?: PlaceOptions): ReadonlySeqlock<F>;
  /** The seqlock at a place in a memory that may be written. */
  at(memory: WritableRecordMemory, options?: PlaceOptions): Seqlock<F>;
  /** The seqlock at a place in a memory of which is not known whether it may be written. */
  at(memory: RecordMemory, options?: PlaceOptions): ReadonlySeqlock<F>;
  /** The declaration in C, with the protocol that a C program follows to take part. */
  toC(): string;
}

const PROTOCOL = `
/*
 * One process writes, others read. The sequence is odd while a write is under way, and two more
 * with each.
 *
 * Write: uint32_t odd = (__atomic_load_n(&p->sequence, __ATOMIC_RELAXED) + 1) | 1;
 *        __atomic_store_n(&p->sequence, odd, __ATOMIC_RELAXED);
 *        __atomic_thread_fence(__ATOMIC_SEQ_CST);
 *        p->record = ...;
 *        __atomic_store_n(&p->sequence, odd + 1, __ATOMIC_RELEASE);
 *
 * Read:  do {
 *          while ((before = __atomic_load_n(&p->sequence, __ATOMIC_ACQUIRE)) & 1) ; // give up some time
 *          copy = p->record;
 *          __atomic_thread_fence(__ATOMIC_SEQ_CST);
 *        } while (__atomic_load_n(&p->sequence, __ATOMIC_RELAXED) != before);
 */
`;

/**
 * Makes a seqlock of a record: one process writes it, others read it whole, and none waits for the
 * other.
 *
 * In memory it is a `struct <name>_seqlock` with a `uint32_t sequence` and, behind it where C
 * aligns it, the record. The sequence is odd while a write is under way; `toC()` prints what a C
 * program does to take part.
 *
 * @example
 * ```ts
 * import { f64, seqlock, struct, u64 } from "@isthmus/isthmus/struct";
 *
 * const State = seqlock(struct("state", { time: u64, x: f64, y: f64 }));
 * const memory = new ArrayBuffer(4096); // of a segment, or a mapping
 *
 * const state = State.at(memory); // one process
 * state.write({ time: 1n, x: 3, y: 4 });
 * state.write((record) => {
 *   record.x += 1;
 *   record.time += 1n;
 * });
 *
 * const { x, y } = State.at(memory).readSync(); // the others
 * ```
 *
 * @throws {TypeError} If `record` is no record's type.
 */
export function seqlock<F extends Fields>(record: RecordType<F>): SeqlockType<F> {
  if (recordOf(record) === undefined) {
    throw new TypeError(`record must be the type of a record: received ${describe(record)}`);
  }
  const type = struct(`${record.name}_seqlock`, { sequence: u32.atomic(), record });
  const { size, align } = type;
  const made: SeqlockType<F> = Object.freeze({
    record,
    struct: type,
    size,
    align,
    at: (memory: RecordMemory, options: PlaceOptions = {}): Seqlock<F> => {
      checkOptions(options);
      // What may only be read has no write(), whatever TypeScript was told.
      return memory instanceof ReadonlyMemory
        ? new ReadonlySeqlock(made, memory, options) as Seqlock<F>
        : new Seqlock(made, memory, options);
    },
    toC: () => type.toC() + PROTOCOL,
  });
  return made;
}
