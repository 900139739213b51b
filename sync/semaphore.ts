import { checkInteger, checkOptions } from "../ffi/check.ts";
import { limitsOf, timeoutOf, type WaitOptions, type WaitSyncOptions } from "../ffi/wait.ts";
import { SemaphoreGuard } from "../sem/guard.ts";
import {
  create,
  type Located,
  open,
  type OpenObjectOptions,
  openOrCreate,
  timedOut,
} from "./object.ts";
import type { OffsetOptions } from "./options.ts";
import type { SyncMemory } from "./place.ts";
import { MAX_UNITS, SemaphoreUnits } from "./semaphore_units.ts";
import { wait } from "./wait_async.ts";
import { waitSync } from "./wait_sync.ts";

/** How many units to take. */
export interface UnitsOptions {
  /** 1 to 2147483647, all at once. Default: 1. */
  readonly amount?: number;
}

const SHAPE = { kind: "semaphore", byteLength: 128 } as const;

function checkValue(value: unknown): number {
  return checkInteger("value", value, 0, MAX_UNITS);
}

function checkAmount(amount: unknown): number {
  return checkInteger("amount", amount ?? 1, 1, MAX_UNITS);
}

/**
 * A semaphore in shared memory: a number of units that can be taken and waited for, by processes
 * and Workers. Free, a unit is taken without asking the kernel. As a lock it has the value 1.
 *
 * **A participant died.** A unit has no owner: what a process that died had taken isn't given back.
 * Where that must not be, take a {@linkcode Mutex} for one unit, and for more a `SemaphoreSet`,
 * whose units the kernel gives back (`SEM_UNDO`). A process that is killed while it waits takes
 * nothing along, and one that is killed while it gives, before it woke those who wait, leaves
 * nobody waiting for more than 100 ms.
 *
 * It knows no turns among threads: whoever comes while a unit is there takes it. Those of one
 * thread who wait asynchronously get theirs in the order of their coming.
 *
 * It takes 128 bytes. What somebody else wrote over it is `Deno.errors.InvalidData` where it is
 * noticed.
 *
 * @example
 * ```ts
 * import { FutexSemaphore } from "@isthmus/isthmus";
 *
 * const memory = new SharedArrayBuffer(FutexSemaphore.byteLength); // or a segment, a mapping, ...
 * const places = FutexSemaphore.create(memory, 2);
 *
 * places.acquireSync();
 * console.log(places.value()); // 1
 * {
 *   using _guard = await places.lock({ timeout: 1000 });
 *   console.log(places.tryAcquire()); // false
 * }
 * places.release();
 * console.log(places.value()); // 2
 * ```
 *
 * @see {@linkcode https://man7.org/linux/man-pages/man2/futex.2.html futex(2)}
 */
export class FutexSemaphore {
  /** How many bytes of memory it takes. */
  static readonly byteLength: number = SHAPE.byteLength;

  /** Whether this handle's `create` or `openOrCreate` made the semaphore. */
  readonly created: boolean;
  readonly #units: SemaphoreUnits;

  private constructor({ place, created }: Located) {
    this.created = created;
    this.#units = new SemaphoreUnits(place);
  }

  /**
   * Makes a semaphore in memory that is zero there.
   *
   * @param value Its first value, 0 to 2147483647.
   *
   * @throws {TypeError} If the memory is none, or may only be read.
   * @throws {RangeError} If the value or the offset is out of range, or the memory too small.
   * @throws {Deno.errors.AlreadyExists} If there is an object already.
   * @throws {Deno.errors.InvalidData} If something else is there.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static create(memory: SyncMemory, value: number, options: OffsetOptions = {}): FutexSemaphore {
    return new FutexSemaphore(create({ ...SHAPE, value: checkValue(value) }, memory, options));
  }

  /**
   * Opens the semaphore that is in the memory, and waits while somebody is creating it.
   *
   * @throws {TypeError} If the memory is none, or may only be read.
   * @throws {RangeError} If an option is out of range, or the memory too small.
   * @throws {Deno.errors.NotFound} If there is none.
   * @throws {Deno.errors.InvalidData} If something else is there.
   * @throws {Deno.errors.TimedOut} If it wasn't ready in time.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static open(memory: SyncMemory, options: OpenObjectOptions = {}): FutexSemaphore {
    return new FutexSemaphore(open(SHAPE, memory, options));
  }

  /**
   * Opens the semaphore that is in the memory, whatever its value, or makes it with this one;
   * `created` says which.
   *
   * @throws {TypeError} If the memory is none, or may only be read.
   * @throws {RangeError} If the value or an option is out of range, or the memory too small.
   * @throws {Deno.errors.InvalidData} If something else is there.
   * @throws {Deno.errors.TimedOut} If it wasn't ready in time.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static openOrCreate(
    memory: SyncMemory,
    value: number,
    options: OpenObjectOptions = {},
  ): FutexSemaphore {
    const shape = { ...SHAPE, value: checkValue(value) };
    return new FutexSemaphore(openOrCreate(shape, memory, options));
  }

  /**
   * Takes units, 1 by default, if that many are there; `false` if not, and then none.
   *
   * @throws {RangeError} If the amount is out of range.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  tryAcquire(amount = 1): boolean {
    return this.#units.take(checkAmount(amount));
  }

  /**
   * Takes units, 1 by default, and blocks the thread until that many are there.
   *
   * @throws {RangeError} If an option is out of range.
   * @throws {Deno.errors.TimedOut} If they weren't there in time; none was taken.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  acquireSync(options: UnitsOptions & WaitSyncOptions = {}): void {
    const amount = checkAmount(checkOptions(options).amount);
    const timeout = timeoutOf(options);
    if (waitSync(this.#units.waitable(amount), timeout)) return;
    throw timedOut("acquire", this.#units.place, timeout);
  }

  /**
   * Takes units, 1 by default, as soon as that many are there. After an abort or a timeout none was
   * taken.
   *
   * @throws {RangeError} If an option is out of range.
   * @throws {Deno.errors.TimedOut} If they weren't there in time; none was taken.
   * @throws {Deno.errors.BadResource} If the memory is gone, also while waiting.
   */
  async acquire(options: UnitsOptions & WaitOptions = {}): Promise<void> {
    const amount = checkAmount(checkOptions(options).amount);
    const limits = limitsOf(options);
    if (await wait(this.#units.waitable(amount), limits)) return;
    throw timedOut("acquire", this.#units.place, limits.timeout);
  }

  /**
   * Gives units, 1 by default, and wakes those who wait for them. Anybody may, not only who took
   * some.
   *
   * @throws {RangeError} If the amount is out of range, or the value would exceed 2147483647; it
   * then stays as it is.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  release(amount = 1): void {
    this.#units.give(checkAmount(amount));
  }

  /**
   * Takes a unit, blocking the thread until it is there, and returns a guard that gives it back at
   * the end of its scope.
   *
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.TimedOut} If it wasn't there in time; it was not taken.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  lockSync(options: WaitSyncOptions = {}): SemaphoreGuard {
    const timeout = timeoutOf(options);
    this.acquireSync({ timeout });
    return this.#guard();
  }

  /**
   * Takes a unit as soon as it is there, and returns a guard that gives it back at the end of its
   * scope.
   *
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.TimedOut} If it wasn't there in time; it was not taken.
   * @throws {Deno.errors.BadResource} If the memory is gone, also while waiting.
   */
  async lock(options: WaitOptions = {}): Promise<SemaphoreGuard> {
    const { signal, timeout } = limitsOf(options);
    await this.acquire({ signal, timeout });
    return this.#guard();
  }

  /**
   * Takes a unit if one is there, and returns its guard; `undefined` if none is.
   *
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  tryLock(): SemaphoreGuard | undefined {
    return this.#units.take(1) ? this.#guard() : undefined;
  }

  /**
   * How many units are there now.
   *
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  value(): number {
    return this.#units.value();
  }

  #guard(): SemaphoreGuard {
    return new SemaphoreGuard(() => this.#units.give(1));
  }
}
