import { limitsOf, timeoutOf, type WaitOptions, type WaitSyncOptions } from "../ffi/wait.ts";
import { type BarrierCore, GENERATION } from "./barrier_core.ts";
import type { Entry } from "./participants.ts";
import { Patience } from "./patience.ts";
import { wait } from "./wait_async.ts";
import type { Waitable } from "./waitable.ts";
import { waitSync } from "./wait_sync.ts";

/**
 * One of those who wait for each other at a `Barrier`. Made by `join()`; it leaves at the end of
 * its scope.
 *
 * @example
 * ```ts
 * import { Barrier } from "@isthmus/isthmus";
 *
 * const barrier = Barrier.create(new SharedArrayBuffer(Barrier.byteLength(2)), 2);
 * using one = barrier.join();
 * using two = barrier.join(); // most often in another process or Worker
 * console.log(one.tryArrive()); // false: it has arrived, and the other one hasn't
 * await two.arrive({ timeout: 1000 });
 * console.log(one.tryArrive()); // true
 * ```
 */
export class BarrierParticipant implements Disposable {
  readonly #core: BarrierCore;
  readonly #entry: Entry;
  readonly #patience = new Patience();
  /** The generation that it waits to see the end of, since it arrived. */
  #pending: number | undefined;

  /** Somebody who has joined. */
  constructor(core: BarrierCore, entry: Entry) {
    this.#core = core;
    this.#entry = entry;
    core.place.pin(); // so that it can leave, also after the memory was closed
  }

  /**
   * Arrives, and tells whether all others have, too; after `false`, call it again, which asks
   * without arriving once more.
   *
   * @throws {Deno.errors.BrokenPipe} If somebody died before it arrived.
   * @throws {Deno.errors.BadResource} If this one has left, or the memory is gone.
   */
  tryArrive(): boolean {
    return waitSync(this.#arrival(), 0) ?? false;
  }

  /**
   * Arrives, and blocks the thread until all others have, too.
   *
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.TimedOut} If not all did in time. This one has arrived all the same: the
   * next call waits on.
   * @throws {Deno.errors.BrokenPipe} If somebody died before it arrived.
   * @throws {Deno.errors.BadResource} If this one has left, or the memory is gone.
   */
  arriveSync(options: WaitSyncOptions = {}): void {
    const timeout = timeoutOf(options);
    if (waitSync(this.#arrival(), timeout) === undefined) throw this.#late(timeout);
  }

  /**
   * Arrives, and waits until all others have, too.
   *
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.TimedOut} If not all did in time. This one has arrived all the same, also
   * if the signal aborts: the next call waits on.
   * @throws {Deno.errors.BrokenPipe} If somebody died before it arrived.
   * @throws {Deno.errors.BadResource} If this one has left, or the memory is gone, also while
   * waiting.
   */
  async arrive(options: WaitOptions = {}): Promise<void> {
    const checked = limitsOf(options);
    if (await wait(this.#arrival(), checked) === undefined) throw this.#late(checked.timeout);
  }

  /**
   * Takes no part any more; does nothing the second time. The others wait for somebody to join. If
   * it waits at the moment, that wait ends with an error, within 100 ms.
   */
  leave(): void {
    if (this.#entry.left) return;
    this.#core.leave(this.#entry);
    this.#core.place.unpin();
  }

  /** Takes no part any more, as {@linkcode leave}. */
  [Symbol.dispose](): void {
    this.leave();
  }

  /** Arrives, unless it has; what it then waits for. */
  #arrival(): Waitable<true> {
    const core = this.#core;
    this.#checkPresent();
    const generation = this.#pending ?? core.generation;
    if (this.#pending === undefined) {
      core.arrive(this.#entry, generation);
      this.#pending = generation;
    }
    return {
      place: core.place,
      index: GENERATION,
      patience: this.#patience,
      attempt: () => {
        this.#checkPresent(); // it may leave while it waits
        if (core.generation === generation) core.check(generation);
        if (core.generation === generation) return undefined;
        if (this.#pending === generation) this.#pending = undefined;
        return true;
      },
    };
  }

  #checkPresent(): void {
    if (!this.#entry.left) return;
    throw new Deno.errors.BadResource(
      `Cannot arrive at ${this.#core.place.name}: this participant has left. join() again`,
    );
  }

  #late(timeout: number | undefined): Error {
    return new Deno.errors.TimedOut(
      `Cannot pass ${this.#core.place.name}: not all of ${this.#core.participants.size} arrived within ${timeout} ms. This one has: arrive again to wait on`,
    );
  }
}
