import { checkOptions, checkTimeout, describe } from "./check.ts";

/** Options of what blocks the thread. */
export interface WaitSyncOptions {
  /** The most milliseconds to wait, a whole number; 0 doesn't wait. Default: for ever. */
  readonly timeout?: number;
}

/** Options of what waits without blocking the thread. */
export interface WaitOptions extends WaitSyncOptions {
  /** Ends the wait; the promise is then rejected with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Returns copies of the options of a wait, each checked. */
export function checkedWait(options: WaitOptions): WaitOptions {
  const { signal, timeout } = checkOptions(options);
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError(`signal must be an AbortSignal: received ${describe(signal)}`);
  }
  return { signal, timeout: checkTimeout(timeout) };
}

/** The timeout of something that blocks the thread, checked. */
export function timeoutOf(options: WaitSyncOptions | undefined): number | undefined {
  return options === undefined ? undefined : checkedWait(options).timeout;
}

/** The options of something asynchronous, checked; throws if it was aborted already. */
export function limitsOf(options: WaitOptions | undefined): WaitOptions {
  if (options === undefined) return {};
  const limits = checkedWait(options);
  limits.signal?.throwIfAborted();
  return limits;
}

/** The moment by which something is to be done; `undefined` for none. */
export function deadlineOf(timeout: number | undefined): number | undefined {
  return timeout === undefined ? undefined : performance.now() + timeout;
}

/** How many milliseconds are left until then: whole ones, so that 0 is the end of it. */
export function timeLeft(deadline: number | undefined): number | undefined {
  return deadline === undefined ? undefined : Math.max(0, Math.ceil(deadline - performance.now()));
}

/** Blocks the thread for some milliseconds. */
export function sleepSync(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/** Resolves after some milliseconds, or rejects with the signal's reason as soon as it aborts. */
export function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/**
 * The same promise, rejected as soon as the signal aborts or the time is over; what it stands for
 * goes on.
 */
export async function within<T>(
  promise: Promise<T>,
  { signal, timeout }: WaitOptions,
  timeoutError: () => Error,
): Promise<T> {
  if (signal === undefined && timeout === undefined) return await promise;
  return await new Promise<T>((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    };
    const giveUp = (reason: unknown) => {
      stop();
      reject(reason);
    };
    const onAbort = () => giveUp(signal?.reason);
    const timer = timeout === undefined
      ? undefined
      : setTimeout(() => giveUp(timeoutError()), timeout);
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted) onAbort();
    promise.then(resolve, reject).finally(stop);
  });
}
