import { checkOptions, checkTimeout, describe } from "../ffi/check.ts";

/** Options of what blocks the thread. */
export interface WaitSyncOptions {
  /** The most milliseconds to wait, a whole number; 0 doesn't wait. Default: for ever. */
  readonly timeout?: number;
}

/** Options of what waits without blocking the thread. */
export interface WaitOptions extends WaitSyncOptions {
  /**
   * Ends the wait; the promise is then rejected with the signal's reason. A thread may stay in the
   * kernel for 20 ms more, and for 1.3 s where other processes wait too; so long the process lives on.
   */
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
