import { checkInteger, checkOptions } from "../ffi/check.ts";
import { barrierBytes, BarrierCore, MOST_PARTIES } from "./barrier_core.ts";
import { BarrierParticipant } from "./barrier_participant.ts";
import {
  createObject,
  type NewObject,
  objectLength,
  openObject,
  openOrCreateObject,
  parameter,
} from "./header.ts";
import { type OffsetOptions, readOffset } from "./options.ts";
import { placeOf, type SharedPlace, type SyncMemory } from "./place.ts";

/** Options of a new {@linkcode Barrier}. */
export interface CreateBarrierOptions extends OffsetOptions {
  /** How many take part, 1 to 1024. */
  readonly parties: number;
}

/**
 * A place in shared memory where a number of processes or Workers wait for each other, again and
 * again: none goes on before all have arrived.
 *
 * Each first takes part ({@linkcode join}), by which it has one of the places that there are. One
 * thread may take several, for several tasks.
 *
 * **If a participant dies** before it arrived, the barrier is broken: those who wait get an error
 * (`Deno.errors.BrokenPipe`) that names it, within 100 ms (among hundreds it may take some more),
 * and so does who arrives later. It is whole again when somebody takes the dead one's place with {@linkcode join}, or
 * {@linkcode reset} empties it. Who got the error has arrived all the same: it waits on with the
 * same call. If one dies after it arrived, the others go on, and the next time is broken. Who
 * leaves orderly breaks nothing: the others wait for somebody to join.
 *
 * Linux with glibc.
 *
 * @example
 * ```ts
 * import { Barrier, mapAnonymous } from "@isthmus/isthmus";
 *
 * using memory = mapAnonymous(4096, { shared: true });
 * const barrier = Barrier.openOrCreate(memory, { parties: 2 });
 * async function work(name: string) {
 *   using participant = barrier.join();
 *   for (let phase = 0; phase < 3; phase++) {
 *     console.log(name, "has done phase", phase);
 *     await participant.arrive({ timeout: 1000 });
 *   }
 * }
 * await Promise.all([work("one"), work("two")]);
 * ```
 */
export class Barrier {
  /** Whether this handle's `create` or `openOrCreate` made the barrier. */
  readonly created: boolean;
  /** How many take part. */
  readonly parties: number;
  readonly #core: BarrierCore;

  private constructor(place: SharedPlace, parties: number, created: boolean) {
    this.#core = new BarrierCore(place, parties);
    this.parties = parties;
    this.created = created;
  }

  /**
   * How many bytes a barrier for so many has: 32 for each, and 128.
   *
   * @throws {RangeError} If the number is out of range.
   */
  static byteLength(parties: number): number {
    return barrierBytes(checkInteger("parties", parties, 1, MOST_PARTIES));
  }

  /**
   * Makes a barrier of bytes that are 0.
   *
   * @throws {TypeError} If it isn't memory that may be written.
   * @throws {RangeError} If an argument is out of range, or it would reach beyond the memory.
   * @throws {Deno.errors.AlreadyExists} If something of Isthmus is there.
   * @throws {Deno.errors.InvalidData} If something else is there.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static create(memory: SyncMemory, options: CreateBarrierOptions): Barrier {
    const { object, parties } = newBarrier(memory, options);
    createObject(object);
    return new Barrier(object.place, parties, true);
  }

  /**
   * The barrier that somebody made there; waits up to a second for somebody who is making it.
   *
   * @throws {TypeError} If it isn't memory that may be written.
   * @throws {RangeError} If the offset is out of range or misaligned.
   * @throws {Deno.errors.NotFound} If nothing is there.
   * @throws {Deno.errors.InvalidData} If something else is there.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static open(memory: SyncMemory, options: OffsetOptions = {}): Barrier {
    const offset = readOffset(options);
    placeOf({ name: "barrier", memory, offset, byteLength: barrierBytes(1) });
    const rest = placeOf({ name: "barrier", memory, offset });
    openObject({ kind: "barrier", place: rest });
    const parties = parameter(rest.words, 0);
    const byteLength = objectLength(rest.words); // within the memory: checked
    if (parties < 1 || parties > MOST_PARTIES || barrierBytes(parties) !== byteLength) {
      throw new Deno.errors.InvalidData(
        `Cannot open the ${rest.name}: its length doesn't match its number of parties. Somebody wrote over it`,
      );
    }
    return new Barrier(placeOf({ name: "barrier", memory, offset, byteLength }), parties, false);
  }

  /**
   * Opens the barrier that is there, or makes one; `created` says which.
   *
   * @throws {TypeError} If it isn't memory that may be written.
   * @throws {RangeError} If an argument is out of range, or it would reach beyond the memory.
   * @throws {Deno.errors.InvalidData} If something else is there, such as a barrier for another
   * number of parties.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static openOrCreate(memory: SyncMemory, options: CreateBarrierOptions): Barrier {
    const { object, parties } = newBarrier(memory, options);
    const created = openOrCreateObject(object);
    const found = parameter(object.place.words, 0);
    if (found !== parties) {
      throw new Deno.errors.InvalidData(
        `Cannot open the ${object.place.name}: it is for ${found} parties, not ${parties}. Use open(), which takes it as it is`,
      );
    }
    return new Barrier(object.place, parties, created);
  }

  /** The process ids of those who take part, the dead too; in no order. */
  get participants(): number[] {
    return this.#core.participants.list().map(({ pid }) => pid);
  }

  /**
   * Takes a place, an empty one or that of somebody who died.
   *
   * @throws {Deno.errors.Busy} If all have been taken by those who live.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  join(): BarrierParticipant {
    return new BarrierParticipant(this.#core, this.#core.join());
  }

  /**
   * Empties the places of those who died: the others then wait for somebody to join, and get no
   * error any more. Returns how many those were.
   *
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  reset(): number {
    return this.#core.removeDead();
  }
}

function newBarrier(
  memory: SyncMemory,
  options: CreateBarrierOptions,
): { object: NewObject; parties: number } {
  const { parties } = checkOptions(options);
  const byteLength = Barrier.byteLength(parties);
  const place = placeOf({ name: "barrier", memory, offset: readOffset(options), byteLength });
  return { object: { kind: "barrier", place, parameters: [parties] }, parties };
}
