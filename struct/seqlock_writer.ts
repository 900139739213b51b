import { type Accessor, writing } from "./accessor.ts";
import type { RecordInput, RecordOf, RecordType } from "./record_type.ts";
import type { SeqlockType } from "./seqlock.ts";
import { ReadonlySeqlock, recordBytes } from "./seqlock_reader.ts";
import { Sequence } from "./sequence.ts";
import type { PlaceOptions, WritableRecordMemory } from "./source.ts";
import type { Fields } from "./types.ts";

/**
 * A record that one process writes and others read, none of them waiting for the other.
 *
 * There may be one writer at a time: who that is, is for the programs to agree on. If a writer dies
 * in the middle of a write, readers get an error after a while (`Deno.errors.TimedOut`), until
 * another writer takes over with its first write.
 */
export class Seqlock<F extends Fields> extends ReadonlySeqlock<F> {
  readonly #type: RecordType<F>;
  readonly #accessor: Accessor;
  readonly #sequence: Sequence;
  readonly #shared: Uint8Array;
  readonly #draft: Uint8Array;
  readonly #record: RecordOf<F>;
  #writing = false;

  /** Made by `seqlock()` and its `at()`. */
  constructor(type: SeqlockType<F>, memory: WritableRecordMemory, options?: PlaceOptions) {
    super(type, memory, options);
    const { record, struct } = type;
    const accessor = struct.at(memory, options) as unknown as Accessor;
    this.#type = record;
    this.#accessor = accessor;
    this.#sequence = writing(accessor, (view, base) => new Sequence(view, base));
    this.#shared = writing(accessor, (view, base) => recordBytes(type, view, base));
    this.#draft = new Uint8Array(record.size);
    this.#record = record.at(this.#draft);
  }

  /**
   * Writes the record. A function gets a copy of it to change; what it leaves there, readers see as
   * a whole. If it throws, nothing is written. An object of values is assigned.
   *
   * @param update It is also told whether the writer before died in the middle of a write. What the
   * record then holds may be partly old and partly new: write all of it.
   * @throws {Deno.errors.Busy} If it is called within `update`, or another writer writes at the
   * same time.
   * @throws {TypeError} If a value is of the wrong type.
   * @throws {RangeError} If a value doesn't fit its field.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  write(update: RecordInput<F> | ((record: RecordOf<F>, takenOver: boolean) => void)): void {
    const sequence = this.#sequence;
    const fail = (reason: string) =>
      new Deno.errors.Busy(`Cannot write ${this.#type.name}: ${reason}`);
    if (this.#writing) throw fail("this is within a write of it");
    const before = writing(this.#accessor, () => {
      const before = sequence.now();
      this.#draft.set(this.#shared); // nobody else writes it
      return before;
    });
    this.#writing = true;
    try {
      if (typeof update === "function") checkSync(update(this.#record, before % 2 === 1));
      else this.#record.assign(update);
    } finally {
      this.#writing = false;
    }
    writing(this.#accessor, () => {
      if (!sequence.beginWrite(before)) throw fail("another writer does at the same time");
      this.#shared.set(this.#draft);
      sequence.endWrite();
    });
  }
}

/** A function that goes on later would write a copy that nobody looks at any more. */
function checkSync(result: unknown): void {
  if (result instanceof Promise) {
    result.catch(() => {});
    throw new TypeError("update must be done when it returns: received an async function");
  }
}
