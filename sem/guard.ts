/**
 * A unit of a semaphore that is held until the guard leaves scope. Made by `lock()`
 * and its like, of `Semaphore` and of `PosixSemaphore`.
 *
 * @example
 * ```ts
 * import { IPC_PRIVATE, SemaphoreSet } from "@isthmus/isthmus";
 *
 * using set = SemaphoreSet.create(IPC_PRIVATE, [1], { removeOnDispose: true });
 * const mutex = set.at(0);
 * {
 *   using _guard = mutex.lockSync();
 *   console.log(mutex.value()); // 0
 * }
 * console.log(mutex.value()); // 1
 * ```
 */
export class SemaphoreGuard implements Disposable {
  readonly #give: () => void;
  #held = true;

  /** Guards a unit that was taken; `give` gives it back. */
  constructor(give: () => void) {
    this.#give = give;
  }

  /** Whether the unit is still held. */
  get held(): boolean {
    return this.#held;
  }

  /**
   * Gives the unit back; does nothing the second time.
   *
   * @throws {Deno.errors.BadResource} If the semaphore, or the memory that it lies in, is gone.
   */
  release(): void {
    if (!this.#held) return;
    // First: whatever happens, nobody gives it back twice.
    this.#held = false;
    this.#give();
  }

  /** Gives the unit back, unless {@linkcode release} did. */
  [Symbol.dispose](): void {
    this.release();
  }
}
