import { LOCKED, type Locked, OWNER_DIED } from "./lock_result.ts";
import type { MutexCore } from "./mutex_core.ts";
import { lostGuard, unrepaired } from "./mutex_errors.ts";

/** The last owner died, and its state was marked consistent. */
const REPAIRED = 3;

/** Unlocks a guard's mutex for a while, and returns it. */
export let suspendGuard: (guard: MutexGuard) => MutexCore;

/** Says that a guard's mutex was locked again. */
export let resumeGuard: (guard: MutexGuard, locked: Locked) => void;

/**
 * A mutex that is held until the guard leaves scope. Made by `Mutex`'s `lock()` and its like.
 *
 * @example
 * ```ts
 * import { Mutex } from "@isthmus/isthmus";
 *
 * const memory = new SharedArrayBuffer(64);
 * const mutex = Mutex.create(memory);
 * {
 *   using guard = mutex.lockSync({ timeout: 1000 });
 *   if (guard.ownerDied) {
 *     // ... bring in order what it left half done, and then:
 *     guard.markConsistent();
 *   }
 *   console.log(guard.held); // true
 * }
 * ```
 */
export class MutexGuard implements Disposable {
  readonly #core: MutexCore;
  #held = true;
  /** Whether a condition's wait has unlocked it for a while. */
  #suspended = false;
  // One field: a guard is made for each lock, and each field takes its time.
  #state: Locked | typeof REPAIRED;

  static {
    suspendGuard = (guard) => {
      if (!guard.#held) throw lostGuard(guard.#core.place, "wait with");
      if (guard.#state === OWNER_DIED) throw unrepaired(guard.#core.place);
      guard.#held = false;
      guard.#suspended = true;
      guard.#core.unlock();
      return guard.#core;
    };
    resumeGuard = (guard, locked) => {
      if (!guard.#suspended) { // released while it waited: nobody would do so any more
        if (locked === OWNER_DIED) guard.#core.abandon(); // nor repair what a dead owner left
        else guard.#core.unlock();
        throw lostGuard(guard.#core.place, "wait with");
      }
      guard.#suspended = false;
      guard.#held = true;
      guard.#state = locked;
    };
  }

  /** Guards a mutex that was locked. */
  constructor(core: MutexCore, locked: Locked) {
    this.#core = core;
    this.#state = locked;
  }

  /**
   * Whether the last owner died while it held the mutex: a process that was killed, or a thread or
   * Worker that ended. What the mutex guards may be half done.
   */
  get ownerDied(): boolean {
    return this.#state !== LOCKED;
  }

  /** Whether the mutex is still held. */
  get held(): boolean {
    return this.#held;
  }

  /**
   * Says that what a dead owner left is in order again (`pthread_mutex_consistent`). Without that,
   * nobody can lock the mutex once this guard is released, but for `Mutex.prototype.recover`. Does
   * nothing if the last owner didn't die.
   *
   * @throws {Deno.errors.BadResource} If the guard was released.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man3/pthread_mutex_consistent.3.html
   * pthread_mutex_consistent(3)}
   */
  markConsistent(): void {
    if (!this.#held) throw lostGuard(this.#core.place, "mark as consistent");
    if (this.#state !== OWNER_DIED) return;
    this.#core.consistent();
    this.#state = REPAIRED;
  }

  /**
   * Unlocks the mutex; does nothing the second time. It works after the memory was closed, too. If
   * a wait for a `Condition` has unlocked it, the wait ends with an error, and without the mutex.
   *
   * @throws {Deno.errors.InvalidData} If the mutex's bytes were overwritten meanwhile, or the
   * `SharedMemory` that it lies in was closed.
   */
  release(): void {
    this.#suspended = false;
    if (!this.#held) return;
    this.#held = false; // first: whatever happens, nobody unlocks it twice
    this.#core.unlock();
  }

  /** Unlocks the mutex, unless {@linkcode release} did. */
  [Symbol.dispose](): void {
    this.release();
  }
}
