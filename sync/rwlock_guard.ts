import type { MutexCore } from "./mutex_core.ts";
import type { RwLockCore } from "./rwlock_core.ts";

/**
 * A lock that is held to read, until the guard leaves scope. Made by `RwLock`.
 *
 * @example
 * ```ts
 * import { RwLock } from "@isthmus/isthmus";
 *
 * const lock = RwLock.create(new SharedArrayBuffer(RwLock.byteLength()));
 * {
 *   using one = lock.lockReadSync();
 *   console.log(one.held, one.ownerDied); // true false
 *   console.log(lock.tryLockWrite()); // undefined
 * }
 * console.log(lock.tryLockWrite()?.held); // true
 * ```
 */
export class ReadGuard implements Disposable {
  readonly #lock: RwLockCore;
  readonly #slot: MutexCore;
  readonly #ownerDied: boolean;
  #held = true;

  /** Guards a slot that was taken. */
  constructor(lock: RwLockCore, slot: MutexCore) {
    this.#lock = lock;
    this.#slot = slot;
    try {
      this.#ownerDied = lock.isInconsistent;
    } catch (error) { // the memory was closed meanwhile
      lock.endRead(slot);
      throw error;
    }
  }

  /**
   * Whether a writer died while it held the lock, and no other one has repaired what it left: what
   * is read now may be half written.
   */
  get ownerDied(): boolean {
    return this.#ownerDied;
  }

  /** Whether the lock is still held. */
  get held(): boolean {
    return this.#held;
  }

  /**
   * Lets the lock go; does nothing the second time.
   *
   * @throws {Deno.errors.InvalidData} If its bytes were overwritten meanwhile.
   */
  release(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#lock.endRead(this.#slot);
  }

  /** Lets the lock go, unless {@linkcode release} did. */
  [Symbol.dispose](): void {
    this.release();
  }
}

/**
 * A lock that is held to write, until the guard leaves scope. Made by `RwLock`.
 *
 * @example
 * ```ts
 * import { RwLock } from "@isthmus/isthmus";
 *
 * const lock = RwLock.create(new SharedArrayBuffer(RwLock.byteLength()));
 * using guard = await lock.lockWrite({ timeout: 1000 });
 * if (guard.ownerDied) {
 *   // ... write everything anew, and then:
 *   guard.markConsistent();
 * }
 * ```
 */
export class WriteGuard implements Disposable {
  readonly #lock: RwLockCore;
  readonly #ownerDied: boolean;
  #held = true;

  /** Guards a lock of which everything was taken. */
  constructor(lock: RwLockCore) {
    this.#lock = lock;
    try {
      this.#ownerDied = lock.isInconsistent;
    } catch (error) { // the memory was closed meanwhile
      lock.endWrite();
      throw error;
    }
  }

  /**
   * Whether a writer died while it held the lock, and no other one has repaired what it left: bring
   * it in order, and call {@linkcode markConsistent}.
   */
  get ownerDied(): boolean {
    return this.#ownerDied;
  }

  /** Whether the lock is still held. */
  get held(): boolean {
    return this.#held;
  }

  /**
   * Says that what a dead writer left is in order again. Until a writer does, every guard says
   * `ownerDied`.
   *
   * @throws {Deno.errors.BadResource} If the guard was released, or the memory is gone.
   */
  markConsistent(): void {
    if (!this.#held) {
      throw new Deno.errors.BadResource(
        `Cannot mark ${this.#lock.place.name} as consistent: the guard was released. Lock it again, to write`,
      );
    }
    this.#lock.markConsistent();
  }

  /**
   * Lets the lock go; does nothing the second time.
   *
   * @throws {Deno.errors.InvalidData} If its bytes were overwritten meanwhile.
   */
  release(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#lock.endWrite();
  }

  /** Lets the lock go, unless {@linkcode release} did. */
  [Symbol.dispose](): void {
    this.release();
  }
}
