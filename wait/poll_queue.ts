import type { WaitOptions } from "../ffi/wait.ts";
import { FIRST_PAUSE, longer } from "./pause.ts";

// Of some things the kernel tells nobody but a thread that blocks for them for ever, and such a
// thread can't be called back. So whoever waits for one without blocking asks again and again.

/**
 * For how long it is asked on every turn of the event loop, before the first pause, in
 * milliseconds: what another process answers at once is not to wait for a timer.
 */
const SPIN = 0.25;

/** Something to wait for. */
export interface Wanted<T> {
  /** The same for the same thing: if one can't have it, another needn't ask in the same round. */
  readonly key: string;
  /** Takes it if it is there; `undefined` if it isn't. Throws if it never will be. */
  readonly attempt: () => T | undefined;
}

/** Somebody who waits. */
interface Waiter<T> extends Wanted<T> {
  readonly resolve: (result: T) => void;
  readonly reject: (reason: unknown) => void;
}

/** Those who wait without blocking the thread, in the order of their coming. */
export class PollQueue<T> {
  readonly #waiting = new Set<Waiter<T>>();
  #spinUntil = 0;
  #pause = FIRST_PAUSE;
  /** The next round, if it is to come on the next turn of the event loop, ... */
  #immediate: ReturnType<typeof setImmediate> | undefined;
  /** ... or if it is to come after a pause. */
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Whether nobody waits. */
  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /**
   * Takes something as soon as it is there. The promise is rejected with the signal's reason as
   * soon as that aborts, and with `timedOut()` when the time is over; nothing was taken then.
   */
  async wait(
    wanted: Wanted<T>,
    { signal, timeout }: WaitOptions,
    timedOut: () => Error,
  ): Promise<T> {
    signal?.throwIfAborted();
    // Behind others one doesn't push to the front.
    if (timeout === 0) this.#serve();
    if (timeout === 0 || this.isEmpty) {
      const result = wanted.attempt();
      if (result !== undefined) return result;
      if (timeout === 0) throw timedOut();
    }
    return await this.#join(wanted, { signal, timeout }, timedOut);
  }

  /** Says that it may be there now. */
  wake(): void {
    if (!this.isEmpty) this.#hurry();
  }

  /** Ends all waits. */
  rejectAll(reason: unknown): void {
    for (const waiter of this.#waiting) waiter.reject(reason);
  }

  #join(
    { key, attempt }: Wanted<T>,
    { signal, timeout }: WaitOptions,
    timedOut: () => Error,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        this.#waiting.delete(waiter);
        if (this.isEmpty) this.#cancel();
      };
      const waiter: Waiter<T> = {
        key,
        attempt,
        resolve: (result) => (end(), resolve(result)),
        reject: (reason) => (end(), reject(reason)),
      };
      const onAbort = () => waiter.reject(signal?.reason);
      const onTimeout = () => {
        const [first] = this.#waiting;
        // The last round may be long ago, if the event loop was blocked.
        if (first !== waiter || !this.#serveOne(waiter)) waiter.reject(timedOut());
      };
      const timer = timeout === undefined ? undefined : setTimeout(onTimeout, timeout);
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#waiting.add(waiter);
      this.#hurry();
    });
  }

  /** Ends a wait if that can be; tells whether it did. */
  #serveOne(waiter: Waiter<T>): boolean {
    try {
      const result = waiter.attempt();
      if (result === undefined) return false;
      waiter.resolve(result);
    } catch (error) {
      waiter.reject(error);
    }
    return true;
  }

  /** One round: ends all waits that can be ended. */
  #serve(): void {
    this.#cancel();
    const missing = new Set<string>();
    let served = false;
    for (const waiter of this.#waiting) {
      if (missing.has(waiter.key)) continue;
      if (this.#serveOne(waiter)) served = true;
      else missing.add(waiter.key);
    }
    if (this.isEmpty) return;
    if (served) this.#hurry();
    else this.#plan();
  }

  /** Begins anew without pauses. */
  #hurry(): void {
    this.#spinUntil = performance.now() + SPIN;
    this.#pause = FIRST_PAUSE;
    if (this.#immediate !== undefined) return;
    this.#cancel();
    this.#plan();
  }

  /** Plans the next round. */
  #plan(): void {
    if (performance.now() < this.#spinUntil) {
      this.#immediate = setImmediate(() => this.#serve());
    } else {
      this.#timer = setTimeout(() => this.#serve(), this.#pause);
      this.#pause = longer(this.#pause);
    }
  }

  #cancel(): void {
    clearImmediate(this.#immediate);
    clearTimeout(this.#timer);
    this.#immediate = undefined;
    this.#timer = undefined;
  }
}
