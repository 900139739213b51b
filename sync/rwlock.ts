import { checkOptions } from "../ffi/check.ts";
import { limitsOf, timeoutOf, type WaitOptions, type WaitSyncOptions } from "../ffi/wait.ts";
import { makeMutex } from "./mutex_bytes.ts";
import { lockTimeout } from "./mutex_errors.ts";
import type { OffsetOptions, OpenObjectOptions } from "./options.ts";
import type { SyncMemory } from "./place.ts";
import { RwLockCore } from "./rwlock_core.ts";
import { ReadGuard, WriteGuard } from "./rwlock_guard.ts";
import {
  checkReaders,
  LINE_WORDS,
  MOST_READERS,
  rwLockBytes,
  SLOTS,
  TURNSTILE,
} from "./rwlock_layout.ts";
import {
  createSized,
  type Located,
  type ObjectShape,
  openOrCreateSized,
  openSized,
} from "./sized_object.ts";

/** How many may use an {@linkcode RwLock}. */
export interface RwLockSize {
  /** How many may read at once, 1 to 1024; more wait. Default: 16. */
  readonly readers?: number;
}

/** Options of a new {@linkcode RwLock}. */
export interface CreateRwLockOptions extends RwLockSize, OffsetOptions {}

const SHAPE: ObjectShape = {
  kind: "rwlock",
  least: rwLockBytes(1),
  lengthOf: ([readers]) =>
    readers >= 1 && readers <= MOST_READERS ? rwLockBytes(readers) : undefined,
  featuresOf: ([readers]) => ({ readers }),
  initialise(place, [readers]) {
    makeMutex(place, TURNSTILE);
    for (let i = 0; i < readers; i++) makeMutex(place, SLOTS + LINE_WORDS * i);
  },
};

/**
 * A lock in shared memory that many may hold to read, or one to write. Made of robust mutexes, so
 * that no death leaves it locked, and C programs can take part with `pthread_mutex_...` alone.
 *
 * **If a reader dies**, nothing changes: the kernel frees its place. **If a writer dies**, every
 * guard from then on says `ownerDied`, readers' guards too, since what they read may be half
 * written, until a writer has repaired it and calls `guard.markConsistent()`. (A reader that is
 * killed just while it enters can't be told from a writer: then guards say so without need.)
 *
 * A writer who waits goes before all readers who come after it. So what holds it to read must not
 * lock it again, not even to read: if a writer came meanwhile, the two wait for each other for
 * ever, or until a `timeout`. Several tasks of a thread may each hold it to read: as many as there
 * are places for readers, then `lockReadSync()` throws, and `lockRead()` waits. The thread can't
 * write at the same time: `lockWriteSync()` then throws, and `lockWrite()` waits until its readers
 * are done. Each writer takes a mutex for each possible reader, which is some 40 ns each. They
 * count among the 2048 that a thread can hold: one more is `Deno.errors.WouldBlock` (code
 * `EAGAIN`).
 *
 * In a file, what was locked when the system was switched off stays locked until {@linkcode
 * recover}.
 *
 * Linux with glibc.
 *
 * @example
 * ```ts
 * import { mapAnonymous, RwLock } from "@isthmus/isthmus";
 *
 * using memory = mapAnonymous(4096, { shared: true });
 * const lock = RwLock.create(memory);
 * {
 *   using guard = lock.lockReadSync();
 *   if (guard.ownerDied) throw new Error("half written");
 * }
 * {
 *   using guard = await lock.lockWrite({ timeout: 1000 });
 *   if (guard.ownerDied) {
 *     // ... write everything anew, and then:
 *     guard.markConsistent();
 *   }
 * }
 * ```
 *
 * @example The layout, for C
 * ```c
 * struct rwlock { // of 64 * (2 + readers) bytes
 *   _Alignas(64) char header[64]; // the number of readers is the uint32_t at byte 40
 *   _Alignas(64) pthread_mutex_t turnstile;
 *   int inconsistent; // at byte 112
 *   struct { _Alignas(64) pthread_mutex_t mutex; } slots[READERS];
 * };
 * // Read:  lock the turnstile, pthread_mutex_trylock() the slots until one succeeds (or lock any),
 * //        unlock the turnstile; at the end unlock the slot.
 * // Write: lock the turnstile, lock all slots; at the end unlock all.
 * // EOWNERDEAD: of a slot, call pthread_mutex_consistent() and go on;
 * //             of the turnstile, set `inconsistent` to 1 first.
 * ```
 */
export class RwLock {
  /** Whether this handle's `create` or `openOrCreate` made the lock. */
  readonly created: boolean;
  /** How many may read at once. */
  readonly readers: number;
  readonly #core: RwLockCore;

  private constructor({ place, created, parameters: [readers] }: Located) {
    this.#core = new RwLockCore(place, readers);
    this.readers = readers;
    this.created = created;
  }

  /**
   * How many bytes a lock for so many readers has: 64 for each, and 128.
   *
   * @throws {RangeError} If the number is out of range.
   */
  static byteLength(options: RwLockSize = {}): number {
    return rwLockBytes(checkReaders(checkOptions(options).readers));
  }

  /**
   * Makes a lock of bytes that are 0.
   *
   * @throws {TypeError} If it isn't memory that may be written.
   * @throws {RangeError} If an argument is out of range, or the lock would reach beyond the memory.
   * @throws {Deno.errors.AlreadyExists} If something of Isthmus is there.
   * @throws {Deno.errors.InvalidData} If something else is there.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static create(memory: SyncMemory, options: CreateRwLockOptions = {}): RwLock {
    const readers = checkReaders(checkOptions(options).readers);
    return new RwLock(createSized(SHAPE, memory, [readers], options));
  }

  /**
   * The lock that somebody made there; waits while somebody is making it.
   *
   * @throws {TypeError} If it isn't memory that may be written.
   * @throws {RangeError} If an option is out of range, or the memory too small.
   * @throws {Deno.errors.NotFound} If nothing is there.
   * @throws {Deno.errors.InvalidData} If something else is there.
   * @throws {Deno.errors.TimedOut} If it wasn't ready in time.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static open(memory: SyncMemory, options: OpenObjectOptions = {}): RwLock {
    return new RwLock(openSized(SHAPE, memory, options));
  }

  /**
   * Opens the lock that is there, or makes one; `created` says which. Without `readers` it takes
   * one for any number.
   *
   * @throws {TypeError} If it isn't memory that may be written.
   * @throws {RangeError} If an option is out of range, or the lock would reach beyond the memory.
   * @throws {Deno.errors.InvalidData} If something else is there, such as a lock for another number
   * of readers than this.
   * @throws {Deno.errors.TimedOut} If it wasn't ready in time.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static openOrCreate(
    memory: SyncMemory,
    options: CreateRwLockOptions & OpenObjectOptions = {},
  ): RwLock {
    const { readers } = checkOptions(options);
    const parameters = [checkReaders(readers)];
    return new RwLock(openOrCreateSized(SHAPE, memory, parameters, options, { readers }));
  }

  /**
   * Frees it from those who are no more, which the kernel couldn't know, as with a lock in a file
   * after the system was switched off. If a writer had it, the next guard to write says so.
   *
   * The owners are looked for among the threads of this pid namespace: don't call this while other
   * containers use it.
   *
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.InvalidData} If its bytes were overwritten.
   *
   * @example
   * ```ts
   * import { RwLock } from "@isthmus/isthmus";
   *
   * const lock = RwLock.openOrCreate(new SharedArrayBuffer(4096));
   * lock.recover(); // in the program that starts first
   * using _guard = lock.lockReadSync();
   * ```
   */
  recover(): void {
    this.#core.recover();
  }

  /**
   * Locks it to read, if it can at once; otherwise `undefined`: if somebody writes, or waits to, or
   * all places for readers are taken; and at times if another reader is just entering, and was held
   * up in that.
   *
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.InvalidData} If the lock's bytes were overwritten.
   */
  tryLockRead(): ReadGuard | undefined {
    const slot = this.#core.tryRead();
    return slot && new ReadGuard(this.#core, slot);
  }

  /**
   * Locks it to read, and blocks the thread until it can: for ever, unless there is a `timeout`.
   *
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.TimedOut} If it couldn't in time.
   * @throws {Deno.errors.Busy} If this thread writes, or waits to, or has all places for readers.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.InvalidData} If the lock's bytes were overwritten.
   */
  lockReadSync(options: WaitSyncOptions = {}): ReadGuard {
    const timeout = timeoutOf(options);
    const slot = this.#core.readSync(timeout);
    if (slot === undefined) throw lockTimeout(this.#core.place, timeout);
    return new ReadGuard(this.#core, slot);
  }

  /**
   * Locks it to read, as soon as it can. It waits behind writers who wait, so don't await it in a
   * task that has a guard: see {@linkcode RwLock}.
   *
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.TimedOut} If it couldn't in time.
   * @throws {Deno.errors.BadResource} If the memory is gone, also while waiting.
   * @throws {Deno.errors.InvalidData} If the lock's bytes were overwritten.
   */
  async lockRead(options: WaitOptions = {}): Promise<ReadGuard> {
    const checked = limitsOf(options);
    const slot = await this.#core.read(checked);
    if (slot === undefined) throw lockTimeout(this.#core.place, checked.timeout);
    return new ReadGuard(this.#core, slot);
  }

  /**
   * Locks it to write, if it can at once; otherwise `undefined`: if anybody reads or writes, be it
   * this thread, or enters just now.
   *
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.InvalidData} If the lock's bytes were overwritten.
   */
  tryLockWrite(): WriteGuard | undefined {
    return this.#core.tryWrite() ? new WriteGuard(this.#core) : undefined;
  }

  /**
   * Locks it to write, and blocks the thread until it can: for ever, unless there is a `timeout`.
   *
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.TimedOut} If it couldn't in time.
   * @throws {Deno.errors.Busy} If this thread has it, be it to read.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.InvalidData} If the lock's bytes were overwritten.
   */
  lockWriteSync(options: WaitSyncOptions = {}): WriteGuard {
    const timeout = timeoutOf(options);
    if (!this.#core.writeSync(timeout)) throw lockTimeout(this.#core.place, timeout);
    return new WriteGuard(this.#core);
  }

  /**
   * Locks it to write, as soon as it can. A task that has it already, be it to read, waits for
   * ever, or until its `timeout`.
   *
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.TimedOut} If it couldn't in time.
   * @throws {Deno.errors.BadResource} If the memory is gone, also while waiting.
   * @throws {Deno.errors.InvalidData} If the lock's bytes were overwritten.
   */
  async lockWrite(options: WaitOptions = {}): Promise<WriteGuard> {
    const checked = limitsOf(options);
    if (!await this.#core.write(checked)) throw lockTimeout(this.#core.place, checked.timeout);
    return new WriteGuard(this.#core);
  }
}
