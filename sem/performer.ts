import type { Advice, SystemError } from "../ffi/errors.ts";
import { platform } from "../ffi/platform.ts";
import { hasSemtimedop, semop, semtimedop, timespec } from "../ffi/sysv_sem.ts";
import { checkedWait, sleepSync, type WaitOptions, type WaitSyncOptions } from "../ffi/wait.ts";
import type { Failure } from "../sysv/object.ts";
import type { Batch } from "./batch.ts";
import { tryNow } from "./lane.ts";
import { couldDeadlock, perform } from "./waiter.ts";

/** Makes the error for a call that failed on a set. */
export type Fail = (failure: Failure) => SystemError;

/** How often to look where the kernel can't wait for a limited time (macOS), in milliseconds. */
const POLL = 1;

/** Does batches of operations on one set, in the three ways there are. */
export class Performer {
  readonly #id: number;
  readonly #fail: Fail;

  /** Works on the set `id`. */
  constructor(id: number, fail: Fail) {
    this.#id = id;
    this.#fail = fail;
  }

  /** Does a batch now, or not at all: `false` if it would have to wait. */
  try(batch: Batch, verb: string): boolean {
    const result = tryNow(this.#id, batch);
    if (result === 0) return true;
    if (result === -platform().errno.EAGAIN) return false;
    throw this.#error(result, verb, batch);
  }

  /** Does a batch, and blocks the thread until it is done or the time is over. */
  sync(batch: Batch, verb: string, options: WaitSyncOptions = {}): void {
    const { timeout } = checkedWait(options);
    let result = tryNow(this.#id, batch);
    if (result === 0) return;
    if (result === -platform().errno.EAGAIN && timeout !== 0) {
      if (couldDeadlock(this.#id, batch)) throw this.#deadlock(verb);
      result = waitSync(this.#id, batch, timeout);
    }
    if (result !== 0) throw this.#error(result, verb, batch, timeout);
  }

  /** Does a batch without blocking the thread. */
  async async(batch: Batch, verb: string, options: WaitOptions): Promise<void> {
    const limits = checkedWait(options);
    const result = await perform(this.#id, batch, limits);
    if (result !== 0) throw this.#error(result, verb, batch, limits.timeout);
  }

  #deadlock(verb: string): Error {
    return this.#fail({
      errno: platform().errno.EDEADLK,
      syscall: "semop",
      verb,
      class: Deno.errors.Busy,
      advice: {
        EDEADLK: [
          "the kernel may give to an asynchronous wait of this thread, even if that was just aborted, what this would wait for",
          "Don't block a thread that also awaits semaphores: use the asynchronous form.",
        ],
      },
    });
  }

  #error(result: number, verb: string, batch: Batch, timeout?: number): Error {
    const errno = -result;
    // The kernel says EAGAIN for "too late" and for "noWait" alike.
    const timedOut = errno === platform().errno.EAGAIN && timeout !== undefined &&
      !batch.operations.some(({ noWait }) => noWait);
    return this.#fail({
      errno,
      syscall: timeout === undefined ? "semop" : "semtimedop",
      verb,
      advice: timedOut
        ? { EAGAIN: [`it could not be done within ${timeout} ms`] }
        : performAdvice(batch),
      class: timedOut ? Deno.errors.TimedOut : undefined,
    });
  }
}

function performAdvice({ nsops }: Batch): Advice {
  const { SEMVMX } = platform().constants;
  return {
    E2BIG: [
      `${nsops} operations are more than the system does at once`,
      "SemaphoreSet.limits().semopm tells how many it does.",
    ],
    EACCES: ["its mode does not let this user change it", "Its owner or root may change its mode."],
    EAGAIN: ["it would have to wait, and noWait is set"],
    ENOSPC: ["the system can't note another process's undo (SEMMNU)"],
    ERANGE: [`a value, or a sum of changes to undo, would exceed ${SEMVMX} (SEMVMX)`],
  };
}

/**
 * How often to try before the thread blocks: for some 15 us, about what it takes to wake it up
 * again. Among those who hold a lock for less, nobody then has to be woken.
 */
const SPINS = 40;

/**
 * Waits until a batch is done, first trying for a short while; returns 0 or a negated error number.
 */
function waitSync(id: number, batch: Batch, timeout: number | undefined): number {
  const deadline = timeout === undefined ? undefined : performance.now() + timeout;
  for (let tries = 0; tries < SPINS; tries++) {
    const result = tryNow(id, batch);
    if (result !== -platform().errno.EAGAIN) return result;
  }
  return deadline === undefined ? block(id, batch) : blockUntil(id, batch, deadline);
}

/** `semop`, again after a signal. */
function block(id: number, { sops, nsops }: Batch): number {
  const { EINTR } = platform().errno;
  for (;;) {
    const result = semop(id, sops, nsops);
    if (result !== -EINTR) return result;
  }
}

/** `semtimedop`, again after a signal with the time that remains. */
function blockUntil(id: number, batch: Batch, deadline: number): number {
  if (!hasSemtimedop()) return pollUntil(id, batch, deadline);
  const { EINTR } = platform().errno;
  for (;;) {
    const remaining = Math.max(0, deadline - performance.now());
    const result = semtimedop(id, batch.sops, batch.nsops, timespec(remaining));
    if (result !== -EINTR) return result;
  }
}

function pollUntil(id: number, batch: Batch, deadline: number): number {
  const { EAGAIN } = platform().errno;
  for (;;) {
    const result = tryNow(id, batch);
    if (result !== -EAGAIN || performance.now() >= deadline) return result;
    sleepSync(POLL);
  }
}
