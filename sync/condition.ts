import { describe } from "../ffi/check.ts";
import { ALL, futexWake } from "../ffi/futex.ts";
import { limitsOf, timeoutOf, type WaitOptions, type WaitSyncOptions } from "../ffi/wait.ts";
import { Rounds } from "./condition_rounds.ts";
import { HEADER_WORDS } from "./header.ts";
import { BUSY } from "./lock_result.ts";
import type { MutexCore } from "./mutex_core.ts";
import { MutexGuard, resumeGuard, suspendGuard } from "./mutex_guard.ts";
import {
  create,
  type Located,
  open,
  type OpenObjectOptions,
  openOrCreate,
  timedOut,
} from "./object.ts";
import type { OffsetOptions } from "./options.ts";
import { Patience } from "./patience.ts";
import type { SharedPlace, SyncMemory } from "./place.ts";
import { wait } from "./wait_async.ts";
import type { Waitable } from "./waitable.ts";
import { waitSync } from "./wait_sync.ts";

const SHAPE = { kind: "condition", byteLength: 128 } as const;

/** Counts the notifications: the futex word. */
const SEQUENCE = HEADER_WORDS;
/** How many wait, or more if some were killed. */
const WAITING = HEADER_WORDS + 1;

function checkGuard(guard: unknown): MutexGuard {
  if (guard instanceof MutexGuard) return guard;
  throw new TypeError(`guard must be a MutexGuard: received ${describe(guard)}`);
}

function checkPredicate(predicate: unknown): () => boolean {
  if (typeof predicate === "function") return predicate as () => boolean;
  throw new TypeError(`predicate must be a function: received ${describe(predicate)}`);
}

/**
 * A condition variable in shared memory: who holds a {@linkcode Mutex} gives it away until somebody
 * says that what it guards has changed. It is Isthmus's own, 128 bytes, and not C's
 * `pthread_cond_t`; the mutex may be any, at any place.
 *
 * As in C a wait may end without a notification, so what was waited for is to be checked again:
 * {@linkcode waitUntil} does. When a wait ends, in whatever way, the guard holds the mutex again;
 * for that the thread, or the promise, may have to wait longer than the timeout, or than until an
 * abort. Only if the mutex can't be had any more, since its memory is gone or its last owner died
 * and left it for good, the guard is released.
 *
 * **A participant died.** If it held the mutex, the next one whose wait ends finds
 * `guard.ownerDied` set: it is to repair what the mutex guards and to call
 * `guard.markConsistent()`; {@linkcode waitUntil} throws to say so. A notification that was given
 * to somebody who was killed isn't lost, nor is one whose giver was killed before it woke anybody:
 * the others look within 100 ms. If who was to notify died before, those who wait go on waiting:
 * give them a `timeout`.
 *
 * @example
 * ```ts
 * import { Condition, mapAnonymous, Mutex } from "@isthmus/isthmus";
 *
 * using memory = mapAnonymous(4096, { shared: true });
 * const mutex = Mutex.create(memory);
 * const changed = Condition.create(memory, { offset: 64 });
 * const jobs = memory.array(Int32Array, { offset: 256, length: 1 });
 *
 * async function take() {
 *   using guard = await mutex.lock();
 *   await changed.waitUntil(guard, () => jobs[0] > 0);
 *   jobs[0]--;
 * }
 *
 * async function give() { // in another process
 *   using _guard = await mutex.lock();
 *   jobs[0]++;
 *   changed.notifyOne();
 * }
 *
 * await Promise.all([take(), give()]);
 * ```
 *
 * @see {@linkcode https://man7.org/linux/man-pages/man3/pthread_cond_timedwait.3p.html
 * pthread_cond_wait(3p)}, for how it is in C
 */
export class Condition {
  /** How many bytes of memory it takes. */
  static readonly byteLength: number = SHAPE.byteLength;

  /** Whether this handle's `create` or `openOrCreate` made the condition. */
  readonly created: boolean;
  readonly #place: SharedPlace;
  readonly #patience = new Patience();

  private constructor({ place, created }: Located) {
    this.created = created;
    this.#place = place;
  }

  /**
   * Makes a condition in memory that is zero there.
   *
   * @throws {TypeError} If the memory is none, or may only be read.
   * @throws {RangeError} If the offset is out of range, or the memory too small.
   * @throws {Deno.errors.AlreadyExists} If there is an object already.
   * @throws {Deno.errors.InvalidData} If something else is there.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static create(memory: SyncMemory, options: OffsetOptions = {}): Condition {
    return new Condition(create(SHAPE, memory, options));
  }

  /**
   * Opens the condition that is in the memory, and waits while somebody is creating it.
   *
   * @throws {TypeError} If the memory is none, or may only be read.
   * @throws {RangeError} If an option is out of range, or the memory too small.
   * @throws {Deno.errors.NotFound} If there is none.
   * @throws {Deno.errors.InvalidData} If something else is there.
   * @throws {Deno.errors.TimedOut} If it wasn't ready in time.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static open(memory: SyncMemory, options: OpenObjectOptions = {}): Condition {
    return new Condition(open(SHAPE, memory, options));
  }

  /**
   * Opens the condition that is in the memory, or makes it; `created` says which.
   *
   * @throws {TypeError} If the memory is none, or may only be read.
   * @throws {RangeError} If an option is out of range, or the memory too small.
   * @throws {Deno.errors.InvalidData} If something else is there.
   * @throws {Deno.errors.TimedOut} If it wasn't ready in time.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static openOrCreate(memory: SyncMemory, options: OpenObjectOptions = {}): Condition {
    return new Condition(openOrCreate(SHAPE, memory, options));
  }

  /**
   * Wakes at least one of those who wait, if any do. Best called with the mutex held: without it
   * somebody who is just beginning to wait may be woken, who has nothing to wait for yet, and those
   * who were there before look only within 100 ms.
   *
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  notifyOne(): void {
    this.#notify(1);
  }

  /**
   * Wakes all who wait.
   *
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  notifyAll(): void {
    this.#notify(ALL);
  }

  /**
   * Releases the guard's mutex, blocks the thread until a notification, and locks the mutex again.
   *
   * @throws {TypeError} If `guard` is none.
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.TimedOut} If there was no notification in time. The guard is held.
   * @throws {Deno.errors.BadResource} If the guard was released, or a dead owner's data hasn't been
   * marked as consistent; if the memory is gone, or the mutex unusable.
   * @throws {Deno.errors.Busy} If something asynchronous of this thread got the mutex meanwhile:
   * the guard is released, as blocking would be for ever.
   */
  waitSync(guard: MutexGuard, options: WaitSyncOptions = {}): void {
    const timeout = timeoutOf(options);
    const { core, waitable } = this.#enter(checkGuard(guard));
    let came: true | undefined;
    try {
      came = waitSync(waitable, timeout);
    } finally {
      this.#exit();
      const locked = core.lockSync();
      if (locked !== BUSY) resumeGuard(guard, locked);
    }
    if (!came) throw timedOut("wait for", this.#place, timeout);
  }

  /**
   * Releases the guard's mutex, waits for a notification, and locks the mutex again, also after an
   * abort: then it rejects with the signal's reason.
   *
   * @throws {TypeError} If `guard` is none.
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.TimedOut} If there was no notification in time. The guard is held.
   * @throws {Deno.errors.BadResource} If the guard was released, or a dead owner's data hasn't been
   * marked as consistent; if the memory is gone, or the mutex unusable.
   */
  async wait(guard: MutexGuard, options: WaitOptions = {}): Promise<void> {
    const limits = limitsOf(options);
    const { core, waitable } = this.#enter(checkGuard(guard));
    let came: true | undefined;
    try {
      came = await wait(waitable, limits);
    } finally {
      this.#exit();
      const locked = await core.lock({});
      if (locked !== undefined) resumeGuard(guard, locked);
    }
    if (!came) throw timedOut("wait for", this.#place, limits.timeout);
  }

  /**
   * Waits as {@linkcode waitSync} does, again and again, until a predicate is true, which is called
   * with the mutex held. What that throws, this throws; the guard is held.
   *
   * @throws {TypeError} If an argument is of the wrong type.
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.TimedOut} If it wasn't true in time. The guard is held.
   * @throws {Deno.errors.Interrupted} If an owner of the mutex died meanwhile. The guard is held:
   * repair what it guards, call `guard.markConsistent()`, and begin anew.
   * @throws {Deno.errors.BadResource} As {@linkcode waitSync}.
   * @throws {Deno.errors.Busy} As {@linkcode waitSync}.
   */
  waitUntilSync(guard: MutexGuard, predicate: () => boolean, options: WaitSyncOptions = {}): void {
    const timeout = timeoutOf(options);
    const rounds = new Rounds(this.#place, checkGuard(guard), checkPredicate(predicate), timeout);
    while (!rounds.done()) {
      try {
        this.waitSync(guard, { timeout: rounds.left() });
      } catch (error) {
        rounds.caught(error);
      }
    }
  }

  /**
   * Waits as {@linkcode Condition.prototype.wait} does, again and again, until a predicate is true,
   * which is called with the mutex held. What that throws, this rejects with; the guard is held.
   *
   * @throws {TypeError} If an argument is of the wrong type.
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.TimedOut} If it wasn't true in time. The guard is held.
   * @throws {Deno.errors.Interrupted} If an owner of the mutex died meanwhile. The guard is held:
   * repair what it guards, call `guard.markConsistent()`, and begin anew.
   * @throws {Deno.errors.BadResource} As {@linkcode Condition.prototype.wait}.
   */
  async waitUntil(
    guard: MutexGuard,
    predicate: () => boolean,
    options: WaitOptions = {},
  ): Promise<void> {
    const { signal, timeout } = limitsOf(options);
    const rounds = new Rounds(this.#place, checkGuard(guard), checkPredicate(predicate), timeout);
    while (!rounds.done()) {
      try {
        await this.wait(guard, { signal, timeout: rounds.left() });
      } catch (error) {
        rounds.caught(error, signal);
      }
    }
  }

  #notify(count: number): void {
    const { words, address } = this.#place;
    Atomics.add(words, SEQUENCE, 1);
    // Whoever counts itself after this hasn't released the mutex yet when it looks at the sequence.
    if (Atomics.load(words, WAITING) !== 0) futexWake(address + BigInt(4 * SEQUENCE), count);
  }

  #enter(guard: MutexGuard): { core: MutexCore; waitable: Waitable<true> } {
    const place = this.#place;
    place.pin(); // so that #exit() can undo it, even if the memory is closed meanwhile
    const before = Atomics.load(place.words, SEQUENCE);
    Atomics.add(place.words, WAITING, 1);
    const waitable = {
      place,
      index: SEQUENCE,
      patience: this.#patience,
      attempt: () => Atomics.load(place.words, SEQUENCE) !== before || undefined,
    };
    try {
      return { core: suspendGuard(guard), waitable };
    } catch (error) {
      this.#exit();
      throw error;
    }
  }

  #exit(): void {
    const place = this.#place;
    place.revive(() => void Atomics.sub(place.words, WAITING, 1));
    place.unpin();
  }
}
