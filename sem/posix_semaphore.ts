import type { WaitOptions, WaitSyncOptions } from "../ffi/wait.ts";
import type { Memory } from "../memory/memory.ts";
import type { SemaphoreGuard } from "./guard.ts";
import { findInitialised, initialise, type PosixSemaphoreOffset } from "./posix_memory.ts";
import {
  createNamed,
  type CreatePosixSemaphoreOptions,
  listNames,
  openNamed,
  openOrCreateNamed,
  removeNamed,
} from "./posix_open.ts";
import { PosixPerformer } from "./posix_performer.ts";
import type { PosixPlace } from "./posix_place.ts";

/** How a handle came by its semaphore. */
interface Origin {
  readonly name: string | null;
  readonly place: PosixPlace;
  readonly created: boolean;
  readonly removeOnDispose?: boolean;
}

/**
 * A POSIX semaphore: a number that can be waited for, under a name of its own (`sem_open`), or in
 * any memory that processes share (`sem_init`). C, C++ and Python programs use the same.
 *
 * As a lock it has the value 1: {@linkcode lock} takes the unit, and the guard gives it back. Free,
 * it is taken without asking the kernel, many times faster than a System V semaphore.
 *
 * **It has no owner.** A process that is killed while it holds a unit leaves it taken for ever. So
 * may one that ends, or a Worker that is terminated, while it awaits a unit, in the moment when
 * that arrives. Where this must not be, take a `SemaphoreSet`, which gives back what dead processes
 * held (`SEM_UNDO`), or a file lock.
 *
 * It knows no turns: whoever comes while a unit is there takes it. And those who share it must
 * trust each other: garbage in its memory is an error (`Deno.errors.BadResource`), but the C
 * library ends a process under which it appears in the middle of a call.
 *
 * @example A named one
 * ```ts
 * import { PosixSemaphore } from "@isthmus/isthmus";
 *
 * using mutex = PosixSemaphore.create("/isthmus-mutex", 1, { removeOnDispose: true });
 * {
 *   using _guard = await mutex.lock({ timeout: 1000 });
 * }
 *
 * // In another program:
 * using theirs = PosixSemaphore.open("/isthmus-mutex");
 * console.log(theirs.tryAcquire()); // true
 * theirs.release();
 * ```
 *
 * @example One in shared memory, which C finds as `(sem_t *)memory`
 * ```ts
 * import { IPC_PRIVATE, PosixSemaphore, Segment } from "@isthmus/isthmus";
 *
 * using segment = Segment.create(IPC_PRIVATE, 4096, { removeOnDispose: true });
 * using memory = segment.attach();
 * using mutex = PosixSemaphore.init(memory, 1);
 *
 * // In another program, when the first has made it:
 * using theirMemory = segment.attach();
 * using theirs = PosixSemaphore.at(theirMemory);
 * {
 *   using _guard = theirs.lockSync();
 *   console.log(mutex.value()); // 0
 * }
 * ```
 *
 * @see {@linkcode https://man7.org/linux/man-pages/man7/sem_overview.7.html sem_overview(7)}
 */
export class PosixSemaphore implements Disposable {
  /** The name, with the slash at its start; `null` if it has none. */
  readonly name: string | null;
  /** Whether this handle's `create`, `openOrCreate` or `init` made the semaphore. */
  readonly created: boolean;
  readonly #performer: PosixPerformer;
  readonly #removeOnDispose: boolean;
  #removed = false;

  private constructor({ name, place, created, removeOnDispose = false }: Origin) {
    this.name = name;
    this.created = created;
    this.#performer = new PosixPerformer(place, name !== null);
    this.#removeOnDispose = created && removeOnDispose;
  }

  /**
   * Creates the semaphore with this name, which must not exist yet (`sem_open` with `O_CREAT |
   * O_EXCL`). Nobody sees it without its value.
   *
   * @param name A slash, which may be left out, and up to 251 bytes without another (macOS: 29).
   * @param value Its first value, 0 to 2147483647 (`SEM_VALUE_MAX`; macOS: 32767).
   *
   * @throws {TypeError} If an argument is of the wrong type.
   * @throws {RangeError} If the name is none, or an argument is out of range.
   * @throws {Deno.errors.AlreadyExists} If a semaphore has this name.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man3/sem_open.3.html sem_open(3)}
   */
  static create(
    name: string,
    value: number,
    options: CreatePosixSemaphoreOptions = {},
  ): PosixSemaphore {
    const opened = createNamed(name, value, options);
    return new PosixSemaphore({ ...opened, removeOnDispose: options.removeOnDispose });
  }

  /**
   * Opens the semaphore with this name, which must exist.
   *
   * @throws {RangeError} If the name is none.
   * @throws {Deno.errors.NotFound} If no semaphore has this name.
   * @throws {Deno.errors.PermissionDenied} If its mode doesn't let this user read and write it.
   * @throws {Deno.errors.BadResource} If what has this name is no semaphore.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man3/sem_open.3.html sem_open(3)}
   */
  static open(name: string): PosixSemaphore {
    return new PosixSemaphore(openNamed(name));
  }

  /**
   * Opens the semaphore with this name, or creates it with this value; `created` says which.
   *
   * @throws {RangeError} If the name is none, or an argument is out of range.
   * @throws {Deno.errors.PermissionDenied} If it exists and its mode doesn't let this user read and
   * write it.
   * @throws {Deno.errors.BadResource} If what has this name is no semaphore.
   */
  static openOrCreate(
    name: string,
    value: number,
    options: CreatePosixSemaphoreOptions = {},
  ): PosixSemaphore {
    const opened = openOrCreateNamed(name, value, options);
    return new PosixSemaphore({ ...opened, removeOnDispose: options.removeOnDispose });
  }

  /**
   * Makes a semaphore in a memory, for all processes that map it (`sem_init` with `pshared` 1;
   * Linux). It overwrites what is there: nobody may use those 32 bytes at that moment.
   *
   * The handle works while the memory is mapped, also after it was resized. While something waits
   * for the semaphore asynchronously, the memory can't be resized, and when it is closed, it is
   * unmapped as soon as no thread is on it.
   *
   * @param memory An attachment or a mapping that may be written; with the access `"copy"` it is
   * this process's alone.
   * @param value Its first value, 0 to 2147483647 (`SEM_VALUE_MAX`).
   *
   * @throws {TypeError} If the memory is none, or may only be read.
   * @throws {RangeError} If an argument is out of range, misaligned, or the semaphore would reach
   * beyond the memory.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On macOS.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man3/sem_init.3.html sem_init(3)}
   */
  static init(memory: Memory, value: number, options: PosixSemaphoreOffset = {}): PosixSemaphore {
    const place = initialise(memory, value, options);
    return new PosixSemaphore({ name: null, place, created: true });
  }

  /**
   * The semaphore that somebody made in a memory, by {@linkcode init} or `sem_init`, in this
   * process or another (Linux).
   *
   * @throws {TypeError} If the memory is none, or may only be read.
   * @throws {RangeError} If the offset is misaligned, or the semaphore would reach beyond the
   * memory.
   * @throws {Deno.errors.BadResource} If the memory is gone, or no semaphore is there yet. Under
   * musl bytes that are all zero are one, with the value 0.
   * @throws {Deno.errors.NotSupported} On macOS.
   */
  static at(memory: Memory, options: PosixSemaphoreOffset = {}): PosixSemaphore {
    const place = findInitialised(memory, options);
    return new PosixSemaphore({ name: null, place, created: false });
  }

  /**
   * Removes the semaphore with this name, as {@linkcode PosixSemaphore.prototype.remove} does.
   *
   * @throws {RangeError} If the name is none.
   * @throws {Deno.errors.NotFound} If no semaphore has this name.
   * @throws {Deno.errors.PermissionDenied} If this user is neither its owner nor root.
   */
  static remove(name: string): void {
    removeNamed(name);
  }

  /**
   * The names of all named semaphores (glibc).
   *
   * @throws {Deno.errors.NotSupported} Under musl, whose semaphores look like shared memory, and on
   * macOS.
   */
  static list(): string[] {
    return listNames();
  }

  /** Whether {@linkcode close} was called. */
  get closed(): boolean {
    return this.#performer.closed;
  }

  /**
   * Takes a unit, and blocks the thread until it is there (`sem_wait`, `sem_clockwait`).
   *
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.TimedOut} If it wasn't there in time; it was not taken.
   * @throws {Deno.errors.Busy} If an asynchronous wait of this thread, or one that was aborted a
   * moment ago, could make it wait for itself.
   * @throws {Deno.errors.BadResource} If the handle was closed, or the memory is gone.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man3/sem_wait.3.html sem_wait(3)}
   */
  acquireSync(options: WaitSyncOptions = {}): void {
    this.#performer.sync("acquire", options);
  }

  /**
   * Takes a unit as soon as it is there. Waits as {@linkcode lock} does.
   *
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.TimedOut} If it wasn't there in time; it was not taken.
   * @throws {Deno.errors.BadResource} If the handle was closed, or the memory is gone, also while
   * waiting.
   */
  async acquire(options: WaitOptions = {}): Promise<void> {
    await this.#performer.async("acquire", options, () => {});
  }

  /** Takes a unit if one is there (`sem_trywait`); `false` if none is. */
  tryAcquire(): boolean {
    return this.#performer.try("acquire");
  }

  /**
   * Gives a unit (`sem_post`); never waits. Anybody may, not only who took one.
   *
   * @throws {Error} With code `EOVERFLOW` if the value would exceed 2147483647; it then stays as it
   * is.
   * @throws {Deno.errors.BadResource} If the handle was closed, or the memory is gone.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man3/sem_post.3.html sem_post(3)}
   */
  release(): void {
    this.#performer.give("release");
  }

  /**
   * Takes a unit, blocking the thread until it is there, and returns a guard that gives it back at
   * the end of its scope.
   *
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.TimedOut} If it wasn't there in time; it was not taken.
   * @throws {Deno.errors.Busy} If an asynchronous wait of this thread, or one that was aborted a
   * moment ago, could make it wait for itself.
   * @throws {Deno.errors.BadResource} If the handle was closed, or the memory is gone.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man3/sem_wait.3.html sem_wait(3)}
   */
  lockSync(options: WaitSyncOptions = {}): SemaphoreGuard {
    this.#performer.sync("lock", options);
    return this.#performer.guard();
  }

  /**
   * Takes a unit as soon as it is there, and returns a guard that gives it back at the end of its
   * scope.
   *
   * Thousands may wait at once: they share a few threads, and those of one handle get their turns
   * in order. After an abort a thread may stay in the kernel for 20 ms more, and for 1.3 s where
   * other processes wait too; so long the process lives on. What that thread takes is given back.
   *
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.TimedOut} If it wasn't there in time; it was not taken.
   * @throws {Deno.errors.BadResource} If the handle was closed, or the memory is gone, also while
   * waiting.
   */
  async lock(options: WaitOptions = {}): Promise<SemaphoreGuard> {
    return await this.#performer.async("lock", options, () => this.#performer.guard());
  }

  /** Takes a unit if one is there, and returns its guard; `undefined` if none is. */
  tryLock(): SemaphoreGuard | undefined {
    return this.#performer.try("lock") ? this.#performer.guard() : undefined;
  }

  /**
   * The value now (`sem_getvalue`; Linux).
   *
   * @throws {Deno.errors.BadResource} If the handle was closed, or the memory is gone.
   * @throws {Deno.errors.NotSupported} On macOS.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man3/sem_getvalue.3.html sem_getvalue(3)}
   */
  value(): number {
    return this.#performer.value();
  }

  /**
   * Removes the name (`sem_unlink`): nobody finds the semaphore by it any more, and somebody may
   * create another one under it. Who has it open keeps it, this handle too.
   *
   * @throws {TypeError} If it has no name.
   * @throws {Deno.errors.NotFound} If no semaphore has this name any more.
   * @throws {Deno.errors.PermissionDenied} If this user is neither its owner nor root.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man3/sem_unlink.3.html sem_unlink(3)}
   */
  remove(): void {
    if (this.name === null) {
      throw new TypeError("Cannot remove a semaphore in a memory: destroy() it");
    }
    removeNamed(this.name);
    this.#removed = true;
  }

  /**
   * Ends a semaphore in a memory (`sem_destroy`), and closes the handle: the bytes may be used for
   * something else. Nobody, in no process, may wait for it or use it any more; of that only this
   * thread's waits are seen here.
   *
   * @throws {TypeError} If it has a name: that is for {@linkcode remove}.
   * @throws {Deno.errors.Busy} If this thread waits for it.
   * @throws {Deno.errors.BadResource} If the handle was closed, or the memory is gone.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man3/sem_destroy.3.html sem_destroy(3)}
   */
  destroy(): void {
    if (this.name !== null) {
      throw new TypeError(`Cannot destroy semaphore "${this.name}", which has a name: remove() it`);
    }
    this.#performer.destroy();
  }

  /**
   * Closes the handle; does nothing the second time. All that waits through it is rejected with
   * `Deno.errors.BadResource`. The semaphore itself stays, and guards can still give back what they
   * hold.
   *
   * The system's own handle is closed (`sem_close`) as soon as no guard and no thread needs it any
   * more.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man3/sem_close.3.html sem_close(3)}
   */
  close(): void {
    this.#performer.close();
  }

  /**
   * Leaves scope: closes the handle, and removes the semaphore if this handle made it,
   * `removeOnDispose` was asked for then, and nobody removed it before.
   */
  [Symbol.dispose](): void {
    this.close();
    if (!this.#removeOnDispose || this.#removed || this.name === null) return;
    this.#removed = true;
    try {
      removeNamed(this.name);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}
