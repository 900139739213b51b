import { platform } from "../ffi/platform.ts";
import { FUTEX_TID_MASK, MUTEX_LOCK } from "../ffi/pthread.ts";
import { limitsOf, timeoutOf, type WaitOptions, type WaitSyncOptions } from "../ffi/wait.ts";
import { BUSY } from "./lock_result.ts";
import { checkMutex, makeMutex } from "./mutex_bytes.ts";
import { MutexCore } from "./mutex_core.ts";
import { holderOf, lockTimeout, stillHeld } from "./mutex_errors.ts";
import { MutexGuard } from "./mutex_guard.ts";
import { type OffsetOptions, readOffset } from "./options.ts";
import { placeOf, type SharedPlace, type SyncMemory } from "./place.ts";

/**
 * A mutex in shared memory, between any number of Deno processes, Workers and C programs: glibc's
 * own `pthread_mutex_t`, process-shared and robust, and nothing beside it. A C program locks it
 * with `pthread_mutex_lock((pthread_mutex_t *)(memory + offset))`.
 *
 * **If an owner dies** with it, by `kill -9` too, or a Worker is terminated, the kernel frees it,
 * and the next guard says so: `guard.ownerDied`. What the mutex guards may then be half done:
 * bring it in order and call `guard.markConsistent()`. If the guard is released without that,
 * nobody can lock the mutex any more (`ENOTRECOVERABLE`), until {@linkcode recover}.
 *
 * The owner is a thread: in Deno the program, or a Worker. Two tasks of one thread exclude each
 * other too, if they take it by {@linkcode lock}; {@linkcode lockSync} would wait for itself and
 * throws. Those who wait by `lock()` in one thread get it in their order; among threads whoever is
 * fastest does.
 *
 * **One task must not await it twice.** `await mutex.lock()` while the same task has the guard
 * waits for ever: a thread can't tell its tasks apart. With a `timeout` it is an error, which says
 * that this thread has the mutex.
 *
 * While it is locked, its memory stays mapped, even if it is closed: the guard still unlocks. A
 * `SharedMemory` can't be closed then; only if another thread closes it, its locks go with it.
 *
 * Those who share it must be of one pid namespace (not of different containers), and have to trust
 * each other: what somebody wrote over it is noticed, but not if that happens in the middle of a
 * call. A thread that awaits it, and is busy or killed just when its turn comes, may hold up C
 * programs that sleep on it until the next one unlocks it; Deno programs look again every 100 ms.
 *
 * A thread can hold 2048 mutexes: of more the kernel would free none if it died. One more is
 * `Deno.errors.WouldBlock` (code `EAGAIN`), from all that locks. The only sender or receiver of a
 * channel, and the sender of a `Broadcast` or `Latest`, hold one each; a `RwLock` that is held to
 * write, one for each possible reader.
 *
 * Linux with glibc.
 *
 * @example
 * ```ts
 * import { IPC_PRIVATE, Mutex, Segment } from "@isthmus/isthmus";
 *
 * using segment = Segment.create(IPC_PRIVATE, 4096, { removeOnDispose: true });
 * using memory = segment.attach();
 * const mutex = Mutex.openOrCreate(memory, { offset: 64 });
 * {
 *   using guard = await mutex.lock({ timeout: 1000 });
 *   if (guard.ownerDied) {
 *     // ... bring in order what it left half done, and then:
 *     guard.markConsistent();
 *   }
 *   memory.view.setInt32(0, memory.view.getInt32(0, true) + 1, true);
 * }
 * ```
 *
 * @example The same mutex, made in C
 * ```c
 * pthread_mutexattr_t attr;
 * pthread_mutexattr_init(&attr);
 * pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
 * pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
 * pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK); // or any other type
 * pthread_mutex_init((pthread_mutex_t *)(memory + 64), &attr);
 * ```
 *
 * @see {@linkcode https://man7.org/linux/man-pages/man3/pthread_mutexattr_setrobust.3.html
 * pthread_mutexattr_setrobust(3)}
 */
export class Mutex {
  /** Whether this handle's `create` or `openOrCreate` made the mutex. */
  readonly created: boolean;
  readonly #core: MutexCore;

  private constructor(place: SharedPlace, created: boolean) {
    this.#core = new MutexCore(place);
    this.created = created;
  }

  /** How many bytes a mutex has: 40 on x86_64, 48 on aarch64 (`sizeof(pthread_mutex_t)`). */
  static get byteLength(): number {
    return platform().layouts.pthread_mutex_t.size;
  }

  /**
   * Makes a mutex of bytes that are all 0. Of several programs that do so at once, one succeeds.
   *
   * @throws {TypeError} If it isn't memory that may be written.
   * @throws {RangeError} If it would reach beyond the memory, or the offset is misaligned.
   * @throws {Deno.errors.AlreadyExists} If a mutex is there.
   * @throws {Deno.errors.InvalidData} If something else is there.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static create(memory: SyncMemory, options: OffsetOptions = {}): Mutex {
    const place = mutexPlace(memory, options);
    if (makeMutex(place, 0)) return new Mutex(place, true);
    throw new Deno.errors.AlreadyExists(
      `Cannot create ${place.name}: a mutex is already there. Open it, or choose another offset`,
    );
  }

  /**
   * The mutex that somebody made there, by {@linkcode create} or C's `pthread_mutex_init`: a
   * process-shared and robust one, of any type.
   *
   * @throws {TypeError} If it isn't memory that may be written.
   * @throws {RangeError} If it would reach beyond the memory, or the offset is misaligned.
   * @throws {Deno.errors.NotFound} If there are only zeros.
   * @throws {Deno.errors.InvalidData} If something else is there, such as a mutex that isn't
   * robust.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static open(memory: SyncMemory, options: OffsetOptions = {}): Mutex {
    const place = mutexPlace(memory, options);
    checkMutex(place, 0, "open");
    return new Mutex(place, false);
  }

  /**
   * Opens the mutex that is there, or makes one of zeros; `created` says which.
   *
   * @throws {TypeError} If it isn't memory that may be written.
   * @throws {RangeError} If it would reach beyond the memory, or the offset is misaligned.
   * @throws {Deno.errors.InvalidData} If something else is there.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static openOrCreate(memory: SyncMemory, options: OffsetOptions = {}): Mutex {
    const place = mutexPlace(memory, options);
    return new Mutex(place, makeMutex(place, 0));
  }

  /**
   * Locks it if it is free; `undefined` if somebody has it, be it this thread.
   *
   * @throws {Deno.errors.BadResource} If nobody can lock it any more (code `ENOTRECOVERABLE`), or
   * the memory is gone.
   * @throws {Deno.errors.InvalidData} If its bytes were overwritten; `NotFound`, if by zeros.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man3/pthread_mutex_lock.3p.html
   * pthread_mutex_trylock(3p)}
   */
  tryLock(): MutexGuard | undefined {
    const core = this.#core;
    const locked = core.tryLock();
    return locked === BUSY ? undefined : new MutexGuard(core, locked);
  }

  /**
   * Locks it, and blocks the thread until it can: for ever, unless there is a `timeout`.
   *
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.TimedOut} If it wasn't free in time.
   * @throws {Deno.errors.Busy} If this thread has it (code `EDEADLK`).
   * @throws {Deno.errors.BadResource} If nobody can lock it any more (code `ENOTRECOVERABLE`), or
   * the memory is gone.
   * @throws {Deno.errors.InvalidData} If its bytes were overwritten; `NotFound`, if by zeros.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man3/pthread_mutex_lock.3p.html
   * pthread_mutex_lock(3p)}
   */
  lockSync(options?: WaitSyncOptions): MutexGuard {
    const core = this.#core;
    const timeout = timeoutOf(options);
    const locked = core.lockSync(timeout);
    if (locked === BUSY) throw lockTimeout(core.place, timeout, holderOf(core.place));
    return new MutexGuard(core, locked);
  }

  /**
   * Locks it as soon as it can, also after another task of this thread released it. A task that has
   * it itself waits for ever, or until its `timeout`: release the guard first.
   *
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.TimedOut} If it wasn't free in time. The message says which thread has it.
   * @throws {Deno.errors.BadResource} If nobody can lock it any more (code `ENOTRECOVERABLE`), or
   * the memory is gone, also while waiting.
   * @throws {Deno.errors.InvalidData} If its bytes were overwritten; `NotFound`, if by zeros.
   *
   * @example
   * ```ts
   * import { Mutex } from "@isthmus/isthmus";
   *
   * const mutex = Mutex.create(new SharedArrayBuffer(64));
   * {
   *   using _guard = await mutex.lock();
   *   const again = mutex.lock({ timeout: 20 }); // without the timeout: for ever
   *   await again.catch((error) => console.log(error.message)); // ... this thread has it now. ...
   * }
   * using guard = await mutex.lock({ timeout: 20, signal: AbortSignal.timeout(10) });
   * console.log(guard.held); // true
   * ```
   */
  async lock(options: WaitOptions = {}): Promise<MutexGuard> {
    const core = this.#core;
    const checked = limitsOf(options);
    const locked = await core.lock(checked);
    if (locked !== undefined) return new MutexGuard(core, locked);
    throw lockTimeout(core.place, checked.timeout, holderOf(core.place));
  }

  /**
   * Locks a mutex that nobody can lock any more: because a guard with `ownerDied` was released
   * without `markConsistent()`, or because its owner is no more and the kernel couldn't know, as
   * with a mutex in a file after the system was switched off. The guard says `ownerDied`: bring in
   * order what it guards. A mutex that is free is just locked.
   *
   * The owner is looked for among the threads of this pid namespace: don't call this while other
   * containers use the mutex. If an unrelated thread has the owner's number by now, write zeros
   * over the mutex while nobody uses it, and create it anew.
   *
   * @throws {Deno.errors.Busy} If somebody who lives has it.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.InvalidData} If its bytes were overwritten; `NotFound`, if by zeros.
   *
   * @example
   * ```ts
   * import { Mutex } from "@isthmus/isthmus";
   *
   * const mutex = Mutex.create(new SharedArrayBuffer(64));
   * using guard = mutex.recover();
   * if (guard.ownerDied) guard.markConsistent();
   * ```
   */
  recover(): MutexGuard {
    const core = this.#core;
    const { place } = core;
    core.recover();
    const locked = core.tryLock();
    if (locked === BUSY) {
      throw stillHeld(place, Atomics.load(place.words, MUTEX_LOCK) & FUTEX_TID_MASK, core.isMine);
    }
    return new MutexGuard(core, locked);
  }
}

function mutexPlace(memory: SyncMemory, options: OffsetOptions): SharedPlace {
  const offset = readOffset(options);
  return placeOf({ name: "mutex", memory, offset, byteLength: Mutex.byteLength });
}
