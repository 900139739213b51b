import type { Advice, SystemErrorInit } from "../ffi/errors.ts";
import { platform } from "../ffi/platform.ts";
import { semDestroy, semGetvalue } from "../ffi/posix_sem.ts";
import { checkedWait, type WaitOptions, type WaitSyncOptions } from "../ffi/wait.ts";
import { SemaphoreGuard } from "./guard.ts";
import { currentLanes, endWaits, type Lane, mayTake, waitFor, type Wanted } from "./lanes.ts";
import { PosixLane } from "./posix_lane.ts";
import type { PosixPlace } from "./posix_place.ts";
import { bestWaiting, waitSync } from "./posix_wait.ts";

/** Where sem_getvalue puts a value. */
const sval = new Int32Array(1);

/** How many performers there were: their lanes' keys. */
let count = 0;

/** Takes and gives units of one POSIX semaphore, for one handle. */
export class PosixPerformer {
  readonly #place: PosixPlace;
  readonly #named: boolean;
  readonly #wanted: Wanted;
  #closed = false;

  /** Works on the semaphore at a place; it has a name if the place is its own. */
  constructor(place: PosixPlace, named: boolean) {
    const key = `POSIX ${++count}`;
    this.#place = place;
    this.#named = named;
    this.#wanted = {
      key,
      tryNow: () => place.tryTake(),
      newLane: () => new PosixLane(key, place),
    };
  }

  /** Whether {@linkcode close} was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Takes a unit now, or not at all: `false` if none is there. */
  try(verb: string): boolean {
    this.#checkOpen(verb);
    const result = this.#place.tryTake();
    if (result === 0) return true;
    if (result === -platform().errno.EAGAIN) return false;
    throw this.#error(result, verb, "sem_trywait");
  }

  /** Takes a unit, and blocks the thread until it is there or the time is over. */
  sync(verb: string, options: WaitSyncOptions): void {
    const { timeout } = checkedWait(options);
    this.#checkOpen(verb);
    let result = this.#place.tryTake();
    if (result === 0) return;
    if (result === -platform().errno.EAGAIN && timeout !== 0) {
      if (this.#couldDeadlock()) throw this.#deadlock(verb);
      result = waitSync(this.#place, timeout);
    }
    if (result !== 0) throw this.#waitError(result, verb, timeout);
  }

  /**
   * Takes a unit without blocking the thread, and returns what `then` makes of it: called at once,
   * so that nobody closes anything before.
   */
  async async<T>(verb: string, options: WaitOptions, then: () => T): Promise<T> {
    const limits = checkedWait(options);
    this.#checkOpen(verb);
    const sem = this.#place.locate();
    if (typeof sem === "number") throw this.#waitError(sem, verb);
    // For the time between a grant and the moment when this function hears of it.
    const letGo = this.#place.hold();
    try {
      const result = await waitFor(this.#wanted, limits);
      if (result !== 0) throw this.#waitError(result, verb, limits.timeout);
      const now = this.#closed ? -platform().errno.EBADF : this.#place.locate();
      if (typeof now === "bigint") return then();
      this.#place.giveBack();
      throw this.#waitError(now, verb);
    } finally {
      letGo();
    }
  }

  /** Gives a unit. */
  give(verb: string): void {
    this.#checkOpen(verb);
    this.#checkGiven(this.#place.give(), verb);
  }

  /** Guards a unit that was taken. */
  guard(): SemaphoreGuard {
    if (!this.#named) {
      return new SemaphoreGuard(() => this.#checkGiven(this.#place.give(), "unlock"));
    }
    // Nobody but this handle ends the semaphore's memory: it waits until the unit is given back.
    const letGo = this.#place.hold();
    return new SemaphoreGuard(() => {
      try {
        this.#checkGiven(this.#place.giveBack(), "unlock");
      } finally {
        letGo();
      }
    });
  }

  /** The value now. */
  value(): number {
    const verb = "read the value of";
    this.#checkOpen(verb);
    const sem = this.#place.locate();
    const result = typeof sem === "number" ? sem : semGetvalue(sem, sval);
    if (result !== 0) throw this.#error(result, verb, "sem_getvalue");
    return sval[0];
  }

  /** Ends the handle, and all waits through it; does nothing the second time. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    endWaits(this.#wanted.key, -platform().errno.EBADF);
    if (this.#named) this.#place.close();
  }

  /** `sem_destroy`, unless this thread still waits. */
  destroy(): void {
    const verb = "destroy";
    this.#checkOpen(verb);
    const sem = this.#place.locate();
    if (typeof sem === "number") throw this.#error(sem, verb, "sem_destroy");
    if (currentLanes().some((lane) => isAt(lane, sem))) {
      throw this.#error(-platform().errno.EBUSY, verb, "sem_destroy", {
        EBUSY: [
          "this thread waits for it, or did a moment ago",
          "Await what waits, or abort it, before.",
        ],
      });
    }
    const result = semDestroy(sem);
    if (result !== 0) throw this.#error(result, verb, "sem_destroy");
    this.close();
  }

  #couldDeadlock(): boolean {
    const sem = this.#place.locate();
    return typeof sem === "bigint" && mayTake((lane) => isAt(lane, sem));
  }

  #checkOpen(verb: string): void {
    if (this.#closed) throw this.#error(-platform().errno.EBADF, verb, "sem_close");
  }

  #checkGiven(result: number, verb: string): void {
    if (result === 0) return;
    const { SEM_VALUE_MAX } = platform().constants;
    // Not for a closed handle, through which guards still give.
    throw this.#place.error(result, "sem_post", verb, {
      advice: { EOVERFLOW: [`its value would exceed ${SEM_VALUE_MAX} (SEM_VALUE_MAX)`] },
    });
  }

  #deadlock(verb: string): Error {
    return this.#error(-platform().errno.EDEADLK, verb, bestWaiting().syscall, {
      EDEADLK: [
        "the kernel may give to an asynchronous wait of this thread, even if that was just aborted, what this would wait for",
        "Don't block a thread that also awaits semaphores: use the asynchronous form.",
      ],
    }, Deno.errors.Busy);
  }

  #waitError(result: number, verb: string, timeout?: number): Error {
    const { EAGAIN, ETIMEDOUT } = platform().errno;
    return this.#error(result === -EAGAIN ? -ETIMEDOUT : result, verb, bestWaiting().syscall, {
      ETIMEDOUT: [`it could not be done within ${timeout} ms`],
    });
  }

  #error(
    result: number,
    verb: string,
    syscall: string,
    advice: Advice = {},
    errorClass?: SystemErrorInit["class"],
  ): Error {
    const closed: Advice = this.#closed ? { EBADF: ["its handle was closed"] } : {};
    return this.#place.error(result, syscall, verb, {
      advice: { ...closed, ...advice },
      class: errorClass,
    });
  }
}

/** Whether a lane waits for the semaphore at an address. */
function isAt(lane: Lane, sem: bigint): boolean {
  return lane instanceof PosixLane && lane.place.locate() === sem;
}
