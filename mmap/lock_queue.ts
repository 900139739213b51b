import type { WaitOptions } from "../ffi/wait.ts";
import type { FileGuard } from "./file_guard.ts";

// The system tells nobody that a file's lock is free but a thread that blocks for it, and such a
// thread can't be called back. So whoever waits without blocking asks again and again.

/** The first pause between two tries, in milliseconds; it doubles up to the longest. */
export const FIRST_PAUSE = 1;
/** The longest pause. */
export const LONGEST_PAUSE = 16;

/** Somebody who waits. */
interface Waiter {
  readonly shared: boolean;
  readonly resolve: (guard: FileGuard) => void;
  readonly reject: (error: unknown) => void;
}

/** Those who wait for one lock without blocking the thread, in the order of their coming. */
export class LockQueue {
  readonly #tryLock: (shared: boolean) => FileGuard | undefined;
  readonly #waiting = new Set<Waiter>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pause = FIRST_PAUSE;

  /** `tryLock` takes the lock if it is free. */
  constructor(tryLock: (shared: boolean) => FileGuard | undefined) {
    this.#tryLock = tryLock;
  }

  /** Whether nobody waits. */
  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** Waits at the end of the queue. */
  wait(
    shared: boolean,
    { signal, timeout }: WaitOptions,
    timedOut: () => Error,
  ): Promise<FileGuard> {
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        this.#waiting.delete(waiter);
        // Nobody left is nothing to ask for.
        if (this.isEmpty) this.#cancel();
      };
      const waiter: Waiter = {
        shared,
        resolve: (guard) => (end(), resolve(guard)),
        reject: (error) => (end(), reject(error)),
      };
      const onAbort = () => waiter.reject(signal?.reason);
      const timer = timeout === undefined
        ? undefined
        : setTimeout(() => waiter.reject(timedOut()), timeout);
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#waiting.add(waiter);
      this.#schedule(FIRST_PAUSE);
    });
  }

  /** Says that the lock may be free now. */
  wake(): void {
    if (!this.isEmpty) this.#schedule(0);
  }

  /** Ends all waits. */
  rejectAll(error: Error): void {
    for (const waiter of this.#waiting) waiter.reject(error);
  }

  /** Plans the next try after a pause, unless it is planned for earlier. */
  #schedule(pause: number): void {
    if (this.#timer !== undefined && pause >= this.#pause) return;
    this.#cancel();
    this.#pause = pause;
    this.#timer = setTimeout(() => this.#serve(), pause);
  }

  #cancel(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Gives the lock to those who may have it. */
  #serve(): void {
    this.#timer = undefined;
    let served = false;
    for (const waiter of this.#waiting) {
      try {
        const guard = this.#tryLock(waiter.shared);
        if (guard === undefined) break;
        served = true;
        waiter.resolve(guard);
      } catch (error) {
        waiter.reject(error);
      }
    }
    if (this.isEmpty) return;
    const longer = Math.min(Math.max(2 * this.#pause, FIRST_PAUSE), LONGEST_PAUSE);
    this.#schedule(served ? FIRST_PAUSE : longer);
  }
}
