import { checkOptions } from "../ffi/check.ts";
import type { WaitOptions, WaitSyncOptions } from "../ffi/wait.ts";
import { type Batch, batch, checkAmount } from "./batch.ts";
import { SemaphoreGuard } from "./guard.ts";
import type { Performer } from "./performer.ts";
import type { SemaphoreSet } from "./semaphore_set.ts";

/** How much of a semaphore is taken or given, and who takes it back. */
export interface AmountOptions {
  /** How many units, 1 to 32767. Default: 1. */
  readonly amount?: number;
  /**
   * Whether the kernel takes the change back when this process ends (`SEM_UNDO`). Default: `false`.
   */
  readonly undo?: boolean;
}

/** Options of `lock()` and its like. */
export interface LockOptions {
  /**
   * Whether the kernel gives the unit back when this process dies while holding it (`SEM_UNDO`).
   * The end of a Worker alone is not the end of its process. Default: `true`.
   */
  readonly undo?: boolean;
}

/**
 * One semaphore of a set: a number that can be waited for. Made by `SemaphoreSet.at()`.
 *
 * As a lock it has the value 1: {@linkcode lock} takes the unit, and the guard gives it back.
 *
 * @example
 * ```ts
 * import { IPC_PRIVATE, SemaphoreSet } from "@isthmus/isthmus";
 *
 * using set = SemaphoreSet.create(IPC_PRIVATE, [1], { removeOnDispose: true });
 * const mutex = set.at(0);
 * using _guard = await mutex.lock({ timeout: 1000 });
 * ```
 */
export class Semaphore {
  /** The set that it belongs to. */
  readonly set: SemaphoreSet;
  /** Which semaphore of the set it is, from 0. */
  readonly index: number;
  readonly #performer: Performer;
  readonly #batches = new Map<number, Batch>();

  /** Stands for the semaphore `index` of a set. */
  constructor(set: SemaphoreSet, index: number, performer: Performer) {
    this.set = set;
    this.index = index;
    this.#performer = performer;
  }

  /**
   * Takes units, and blocks the thread until they are there.
   *
   * @throws {Deno.errors.TimedOut} If they weren't there in time; none was taken.
   * @throws {Deno.errors.Busy} If an asynchronous wait of this thread could make it wait for
   * itself.
   * @throws {Deno.errors.BadResource} If the set was removed, also while waiting.
   * @throws {RangeError} If an option is out of range.
   */
  acquireSync(options: AmountOptions & WaitSyncOptions = {}): void {
    this.#performer.sync(this.#taking(options), "acquire", options);
  }

  /**
   * Takes units as soon as they are there.
   *
   * @throws {Deno.errors.TimedOut} If they weren't there in time; none was taken.
   * @throws {Deno.errors.BadResource} If the set was removed, also while waiting.
   * @throws {RangeError} If an option is out of range.
   */
  async acquire(options: AmountOptions & WaitOptions = {}): Promise<void> {
    await this.#performer.async(this.#taking(options), "acquire", options);
  }

  /** Takes units if they are there; `false` if they aren't. */
  tryAcquire(options: AmountOptions = {}): boolean {
    return this.#performer.try(this.#taking(options), "acquire");
  }

  /**
   * Gives units; never waits.
   *
   * @throws {Error} With code `ERANGE` if the value would exceed 32767; it then stays as it is.
   * @throws {Deno.errors.BadResource} If the set was removed.
   * @throws {RangeError} If an option is out of range.
   */
  release(options: AmountOptions = {}): void {
    const { amount = 1, undo = false } = checkOptions(options);
    this.#performer.sync(this.#batch(checkAmount(amount), undo), "release");
  }

  /** Blocks the thread until the value is 0. */
  waitForZeroSync(options: WaitSyncOptions = {}): void {
    this.#performer.sync(this.#batch(0, false), "wait for the value 0 of", options);
  }

  /**
   * Waits until the value is 0.
   *
   * A zero that is over at once may be missed by a wait that began in the 20 ms before, behind
   * another of the same thread, or while more than four different waits are under way.
   */
  async waitForZero(options: WaitOptions = {}): Promise<void> {
    await this.#performer.async(this.#batch(0, false), "wait for the value 0 of", options);
  }

  /**
   * Takes one unit, blocking the thread until it is there, and returns a guard that
   * gives it back at the end of its scope.
   *
   * @throws {Deno.errors.TimedOut} If it wasn't there in time; it was not taken.
   * @throws {Deno.errors.Busy} If an asynchronous wait of this thread could make it wait for
   * itself.
   * @throws {Deno.errors.BadResource} If the set was removed, also while waiting.
   */
  lockSync(options: LockOptions & WaitSyncOptions = {}): SemaphoreGuard {
    const { undo = true } = checkOptions(options);
    this.#performer.sync(this.#batch(-1, undo), "lock", options);
    return this.#guard(undo);
  }

  /**
   * Takes one unit as soon as it is there, and returns a guard that gives it back at the
   * end of its scope.
   *
   * Thousands may wait at once: they share a few threads, and get their turns in order. After an
   * abort a thread may stay in the kernel for 20 ms more, and for 1.3 s where other processes wait
   * too; so long the process lives on.
   *
   * @throws {Deno.errors.TimedOut} If it wasn't there in time; it was not taken.
   * @throws {Deno.errors.BadResource} If the set was removed, also while waiting.
   */
  async lock(options: LockOptions & WaitOptions = {}): Promise<SemaphoreGuard> {
    const { undo = true } = checkOptions(options);
    await this.#performer.async(this.#batch(-1, undo), "lock", options);
    return this.#guard(undo);
  }

  /** Takes one unit if it is there, and returns its guard; `undefined` if it isn't. */
  tryLock(options: LockOptions = {}): SemaphoreGuard | undefined {
    const { undo = true } = checkOptions(options);
    return this.#performer.try(this.#batch(-1, undo), "lock") ? this.#guard(undo) : undefined;
  }

  /** The value now (`GETVAL`). */
  value(): number {
    return this.set.value(this.index);
  }

  /**
   * Sets the value (`SETVAL`), and forgets what any process was to undo on it. Meant for a
   * semaphore that nobody waits for at that moment.
   */
  setValue(value: number): void {
    this.set.setValue(this.index, value);
  }

  /** The process that last changed or waited for the value (`GETPID`); 0 if none did. */
  lastPid(): number {
    return this.set.lastPid(this.index);
  }

  /** How many processes wait to take (`GETNCNT`). */
  waiting(): number {
    return this.set.waiting(this.index);
  }

  /** How many processes wait for the value 0 (`GETZCNT`). */
  waitingForZero(): number {
    return this.set.waitingForZero(this.index);
  }

  #guard(undo: boolean): SemaphoreGuard {
    return new SemaphoreGuard(() => this.#performer.sync(this.#batch(1, undo), "unlock"));
  }

  #taking(options: AmountOptions): Batch {
    const { amount = 1, undo = false } = checkOptions(options);
    return this.#batch(-checkAmount(amount), undo);
  }

  /** One operation on this semaphore, encoded once and kept: there are few. */
  #batch(change: number, undo: boolean): Batch {
    const key = 2 * change + (undo ? 1 : 0);
    let found = this.#batches.get(key);
    if (found === undefined) {
      found = batch([{ index: this.index, change, undo }]);
      this.#batches.set(key, found);
    }
    return found;
  }
}
