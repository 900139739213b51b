import { checkInteger, checkMode, checkOptions, checkTimeout, describe } from "../ffi/check.ts";
import type { Advice } from "../ffi/errors.ts";
import { platform } from "../ffi/platform.ts";
import { semget } from "../ffi/sysv_sem.ts";
import type { Get } from "../sysv/get.ts";

/** Options of `SemaphoreSet.create()`. */
export interface CreateSemaphoreSetOptions {
  /** Permission bits. Default: `0o600`, this user alone. */
  readonly mode?: number;
  /**
   * Removes the set when the `SemaphoreSet` leaves scope, if this call created it. A signal that
   * ends the process (Ctrl-C) ends no scope. Default: `false`.
   */
  readonly removeOnDispose?: boolean;
}

/** Options of `SemaphoreSet.openSync()` and `SemaphoreSet.openOrCreateSync()`. */
export interface OpenSemaphoreSetSyncOptions {
  /**
   * The most milliseconds to wait for the values that the set's creator gives it right after
   * making it. Default: 1000.
   */
  readonly timeout?: number;
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
  values: Uint16Array<ArrayBuffer>,
  options: CreateSemaphoreSetOptions,
): Get {
  const { mode = 0o600 } = checkOptions(options);
  const flags = checkMode(mode);
  return (key, exclusive) => semget(key, values.length, flags | exclusive);
}

/** The semget that opens: 0 semaphores fit every set. */
export const opening: Get = (key, flags) => semget(key, 0, flags);

/** When the wait for a set's values ends. */
export function readyLimit(
  options: OpenSemaphoreSetSyncOptions,
): { timeout: number; deadline: number } {
  const { timeout = READY_TIMEOUT } = checkOptions(options);
  checkTimeout(timeout);
  return { timeout, deadline: performance.now() + timeout };
}

/** Returns a semaphore's value if it is one. */
export function checkValue(name: string, value: number): number {
  return checkInteger(name, value, 0, platform().constants.SEMVMX);
}

/** Copies the values of a set's semaphores as C takes them, each checked. */
export function checkedValues(values: readonly number[]): Uint16Array<ArrayBuffer> {
  if (!Array.isArray(values)) {
    throw new TypeError(`values must be an array: received ${describe(values)}`);
  }
  const checked = Array.from(values, (value, index) => checkValue(`values[${index}]`, value));
  if (checked.length === 0) throw new RangeError("values must not be empty");
  return new Uint16Array(checked);
}

/** What errors of the semget that creates mean. */
export function createAdvice(values: Uint16Array): Advice {
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
