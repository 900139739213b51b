import { checkInteger, checkMode, checkTimeout, describe } from "../ffi/check.ts";
import type { Advice } from "../ffi/errors.ts";
import { platform } from "../ffi/platform.ts";
import { semget } from "../ffi/sysv_sem.ts";
import type { Get } from "../sysv/get.ts";

/** Options of `SemaphoreSet.create()`. */
export interface CreateSemaphoreSetOptions {
  /** Permission bits. Default: `0o600`, this user alone. */
  readonly mode?: number;
  /** Removes the set when the `SemaphoreSet` leaves scope. Default: `false`. */
  readonly removeOnDispose?: boolean;
}

/** Options of `SemaphoreSet.openSync()` and `SemaphoreSet.openOrCreateSync()`. */
export interface OpenSemaphoreSetSyncOptions {
  /**
   * The most milliseconds to wait for the values that the set's creator gives it right after
   * making it. Default: 1000.
   */
  readonly timeout?: number;
  /** Removes the set when the `SemaphoreSet` leaves scope. Default: `false`. */
  readonly removeOnDispose?: boolean;
}

/** Options of `SemaphoreSet.open()` and `SemaphoreSet.openOrCreate()`. */
export interface OpenSemaphoreSetOptions extends OpenSemaphoreSetSyncOptions {
  /** Ends the wait; the promise is then rejected with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** How long `open` waits for a set's values unless told, in milliseconds. */
const READY_TIMEOUT = 1000;

/** The semget that creates, its arguments checked. */
export function creation(
  values: readonly number[],
  { mode = 0o600 }: CreateSemaphoreSetOptions,
): Get {
  checkValues(values);
  if (values.length === 0) throw new RangeError("values must not be empty");
  const flags = checkMode(mode);
  return (key, exclusive) => semget(key, values.length, flags | exclusive);
}

/** The semget that opens: 0 semaphores fit every set. */
export const opening: Get = (key, flags) => semget(key, 0, flags);

/** When the wait for a set's values ends. */
export function readyLimit(timeout = READY_TIMEOUT): { timeout: number; deadline: number } {
  checkTimeout(timeout);
  return { timeout, deadline: performance.now() + timeout };
}

/** Checks the value of a semaphore. */
export function checkValue(name: string, value: number): void {
  checkInteger(name, value, 0, platform().constants.SEMVMX);
}

/** Checks the values of all semaphores of a set. */
export function checkValues(values: readonly number[]): void {
  if (!Array.isArray(values)) {
    throw new TypeError(`values must be an array: received ${describe(values)}`);
  }
  for (const [index, value] of values.entries()) checkValue(`values[${index}]`, value);
}

/** What errors of the semget that creates mean. */
export function createAdvice(values: readonly number[]): Advice {
  return {
    EINVAL: [
      `the system does not allow a set of ${values.length} semaphores`,
      "SemaphoreSet.limits().semmsl tells how many it allows.",
    ],
    ENOSPC: [
      "the system has as many semaphore sets (semmni), or semaphores in them (semmns), as it may",
      "Remove those that nobody uses (`ipcs -s`, `ipcrm -s <id>`), or raise the limits in kernel.sem.",
    ],
  };
}
