import { checkInteger } from "../ffi/check.ts";
import type { Liveness } from "../ffi/process.ts";
import { barrierBytes, BarrierCore, MOST_PARTIES } from "./barrier_core.ts";
import { BarrierParticipant } from "./barrier_participant.ts";
import type { OffsetOptions, OpenObjectOptions } from "./options.ts";
import type { SyncMemory } from "./place.ts";
import {
  createSized,
  type Located,
  type ObjectShape,
  openOrCreateSized,
  openSized,
} from "./sized_object.ts";

/** Who takes part in a {@linkcode Barrier}. */
export interface BarrierParty {
  /** Its process id, in its own pid namespace. */
  readonly pid: number;
  /** Whether it lives; of a process in another pid namespace (container) that is unknown. */
  readonly liveness: Liveness;
}

const SHAPE: ObjectShape = {
  kind: "barrier",
  least: barrierBytes(1),
  lengthOf: ([parties]) =>
    parties >= 1 && parties <= MOST_PARTIES ? barrierBytes(parties) : undefined,
  featuresOf: ([parties]) => ({ parties }),
};

function checkParties(parties: unknown): number {
  return checkInteger("parties", parties, 1, MOST_PARTIES);
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
 * and so does who arrives later. It is whole again when somebody takes the dead one's place with
 * {@linkcode join}, or {@linkcode reset} empties it. Who got the error has arrived all the same: it
 * waits on with the same call. If one dies after it arrived, the others go on, and the next time is
 * broken. Who leaves orderly breaks nothing: the others wait for somebody to join. Of those in
 * another pid namespace (container) nobody can tell whether they live: they break nothing either.
 *
 * Linux with glibc.
 *
 * @example
 * ```ts
 * import { Barrier, mapAnonymous } from "@isthmus/isthmus";
 *
 * using memory = mapAnonymous(4096, { shared: true });
 * const barrier = Barrier.openOrCreate(memory, 2);
 * async function work(name: string) {
 *   using participant = barrier.join();
 *   for (let phase = 0; phase < 3; phase++) {
 *     console.log(name, "has done phase", phase);
 *     await participant.arrive({ timeout: 1000 });
 *   }
 * }
 * await Promise.all([work("one"), work("two")]);
 * ```
 *
 * @see {@linkcode https://man7.org/linux/man-pages/man3/pthread_barrier_wait.3p.html
 * pthread_barrier_wait(3p)}, for how it is in C
 */
export class Barrier {
  /** Whether this handle's `create` or `openOrCreate` made the barrier. */
  readonly created: boolean;
  /** How many take part. */
  readonly parties: number;
  readonly #core: BarrierCore;

  private constructor({ place, created, parameters: [parties] }: Located) {
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
    return barrierBytes(checkParties(parties));
  }

  /**
   * Makes a barrier of bytes that are 0.
   *
   * @param parties How many take part, 1 to 1024.
   *
   * @throws {TypeError} If it isn't memory that may be written.
   * @throws {RangeError} If an argument is out of range, or it would reach beyond the memory.
   * @throws {Deno.errors.AlreadyExists} If something of Isthmus is there.
   * @throws {Deno.errors.InvalidData} If something else is there.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static create(memory: SyncMemory, parties: number, options: OffsetOptions = {}): Barrier {
    return new Barrier(createSized(SHAPE, memory, [checkParties(parties)], options));
  }

  /**
   * The barrier that somebody made there; waits while somebody is making it.
   *
   * @throws {TypeError} If it isn't memory that may be written.
   * @throws {RangeError} If an option is out of range, or the memory too small.
   * @throws {Deno.errors.NotFound} If nothing is there.
   * @throws {Deno.errors.InvalidData} If something else is there.
   * @throws {Deno.errors.TimedOut} If it wasn't ready in time.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static open(memory: SyncMemory, options: OpenObjectOptions = {}): Barrier {
    return new Barrier(openSized(SHAPE, memory, options));
  }

  /**
   * Opens the barrier that is there, or makes one; `created` says which.
   *
   * @param parties How many take part, 1 to 1024; the one that is there must be for as many.
   *
   * @throws {TypeError} If it isn't memory that may be written.
   * @throws {RangeError} If an argument is out of range, or it would reach beyond the memory.
   * @throws {Deno.errors.InvalidData} If something else is there, such as a barrier for another
   * number of parties.
   * @throws {Deno.errors.TimedOut} If it wasn't ready in time.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static openOrCreate(
    memory: SyncMemory,
    parties: number,
    options: OpenObjectOptions = {},
  ): Barrier {
    const parameters = [checkParties(parties)];
    return new Barrier(openOrCreateSized(SHAPE, memory, parameters, options, { parties }));
  }

  /**
   * Who takes part, the dead too, in no order; a thread that takes several places is there as
   * often.
   *
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  get participants(): BarrierParty[] {
    return this.#core.participants.list().map(({ pid, liveness }) => ({ pid, liveness }));
  }

  /**
   * Takes a place, an empty one or that of somebody who died, until the participant leaves. The
   * memory stays mapped for it.
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
