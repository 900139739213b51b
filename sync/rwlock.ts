import { checkOptions } from "../ffi/check.ts";
import { checkedWait, type WaitOptions, type WaitSyncOptions } from "../ffi/wait.ts";
import {
  createObject,
  type NewObject,
  objectLength,
  openObject,
  openOrCreateObject,
  parameter,
} from "./header.ts";
import { makeMutex } from "./mutex_bytes.ts";
import { lockTimeout } from "./mutex_errors.ts";
import { type OffsetOptions, readOffset } from "./options.ts";
import { placeOf, type SharedPlace, type SyncMemory } from "./place.ts";
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

/** Options of a new {@linkcode RwLock}. */
export interface CreateRwLockOptions extends OffsetOptions {
  /** How many may read at once, 1 to 1024; more wait. Default: 16. */
  readonly readers?: number;
}

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
 * lock it again, not even to read: if a writer came meanwhile, the two wait for each other for ever,
 * or until a `timeout`. Several tasks of a thread may each hold it to read, but the thread can't
 * write at the same time: `lockWriteSync()` then throws, and `lockWrite()` waits until its readers
 * are done. Each writer takes a mutex for each possible
 * reader, which is some 40 ns each.
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

  private constructor(place: SharedPlace, readers: number, created: boolean) {
    this.#core = new RwLockCore(place, readers);
    this.readers = readers;
    this.created = created;
  }

  /**
   * How many bytes a lock for so many readers has: 64 for each, and 128.
   *
   * @throws {RangeError} If the number is out of range.
   */
  static byteLength(readers?: number): number {
    return rwLockBytes(checkReaders(readers));
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
    const { object, readers } = newLock(memory, options);
    createObject(object);
    return new RwLock(object.place, readers, true);
  }

  /**
   * The lock that somebody made there; waits up to a second for somebody who is making it.
   *
   * @throws {TypeError} If it isn't memory that may be written.
   * @throws {RangeError} If the offset is out of range or misaligned.
   * @throws {Deno.errors.NotFound} If nothing is there.
   * @throws {Deno.errors.InvalidData} If something else is there.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static open(memory: SyncMemory, options: OffsetOptions = {}): RwLock {
    const offset = readOffset(options);
    const place = placeOf({ name: "rwlock", memory, offset, byteLength: rwLockBytes(1) });
    openObject({ kind: "rwlock", place: placeOf({ name: "rwlock", memory, offset }) });
    const readers = parameter(place.words, 0);
    const byteLength = objectLength(place.words);
    // It was checked that this length lies within the memory.
    if (readers < 1 || readers > MOST_READERS || rwLockBytes(readers) !== byteLength) {
      throw damaged(place);
    }
    return new RwLock(placeOf({ name: "rwlock", memory, offset, byteLength }), readers, false);
  }

  /**
   * Opens the lock that is there, or makes one; `created` says which.
   *
   * @throws {TypeError} If it isn't memory that may be written.
   * @throws {RangeError} If an argument is out of range, or the lock would reach beyond the memory.
   * @throws {Deno.errors.InvalidData} If something else is there, such as a lock for another number
   * of readers.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static openOrCreate(memory: SyncMemory, options: CreateRwLockOptions = {}): RwLock {
    const { object, readers } = newLock(memory, options);
    const created = openOrCreateObject(object);
    const found = parameter(object.place.words, 0);
    if (found !== readers) {
      throw new Deno.errors.InvalidData(
        `Cannot open the ${object.place.name}: it is for ${found} readers, not ${readers}. Use open(), which takes it as it is`,
      );
    }
    return new RwLock(object.place, readers, created);
  }

  /**
   * Locks it to read, if it can at once; otherwise `undefined`: if somebody writes, or waits to, or
   * all places for readers are taken; and at times if another reader is just entering, and was held
   * up in that.
   */
  tryLockRead(): ReadGuard | undefined {
    const slot = this.#core.tryRead();
    return slot && new ReadGuard(this.#core, slot);
  }

  /**
   * Locks it to read, and blocks the thread until it can.
   *
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.TimedOut} If it couldn't in time.
   * @throws {Deno.errors.Busy} If this thread writes, or waits to.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.InvalidData} If the lock's bytes were overwritten.
   */
  lockReadSync(options: WaitSyncOptions = {}): ReadGuard {
    const { timeout } = checkedWait(options);
    const slot = this.#core.readSync(timeout);
    if (slot === undefined) throw lockTimeout(this.#core.place, timeout);
    return new ReadGuard(this.#core, slot);
  }

  /**
   * Locks it to read, as soon as it can.
   *
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.TimedOut} If it couldn't in time.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.InvalidData} If the lock's bytes were overwritten.
   */
  async lockRead(options: WaitOptions = {}): Promise<ReadGuard> {
    const checked = checkedWait(options);
    const slot = await this.#core.read(checked);
    if (slot === undefined) throw lockTimeout(this.#core.place, checked.timeout);
    return new ReadGuard(this.#core, slot);
  }

  /** Locks it to write, if it can at once; otherwise `undefined`. */
  tryLockWrite(): WriteGuard | undefined {
    return this.#core.tryWrite() ? new WriteGuard(this.#core) : undefined;
  }

  /**
   * Locks it to write, and blocks the thread until it can.
   *
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.TimedOut} If it couldn't in time.
   * @throws {Deno.errors.Busy} If this thread has it, be it to read.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.InvalidData} If the lock's bytes were overwritten.
   */
  lockWriteSync(options: WaitSyncOptions = {}): WriteGuard {
    const { timeout } = checkedWait(options);
    if (!this.#core.writeSync(timeout)) throw lockTimeout(this.#core.place, timeout);
    return new WriteGuard(this.#core);
  }

  /**
   * Locks it to write, as soon as it can.
   *
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.TimedOut} If it couldn't in time.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.InvalidData} If the lock's bytes were overwritten.
   */
  async lockWrite(options: WaitOptions = {}): Promise<WriteGuard> {
    const checked = checkedWait(options);
    if (!await this.#core.write(checked)) throw lockTimeout(this.#core.place, checked.timeout);
    return new WriteGuard(this.#core);
  }
}

function newLock(
  memory: SyncMemory,
  options: CreateRwLockOptions,
): { object: NewObject; readers: number } {
  const readers = checkReaders(checkOptions(options).readers);
  const place = placeOf({
    name: "rwlock",
    memory,
    offset: readOffset(options),
    byteLength: rwLockBytes(readers),
  });
  const initialise = () => {
    makeMutex(place, TURNSTILE);
    for (let i = 0; i < readers; i++) makeMutex(place, SLOTS + LINE_WORDS * i);
  };
  return { object: { kind: "rwlock", place, parameters: [readers], initialise }, readers };
}

function damaged(place: SharedPlace): Error {
  return new Deno.errors.InvalidData(
    `Cannot open the ${place.name}: its length doesn't match its number of readers. Somebody wrote over it`,
  );
}
