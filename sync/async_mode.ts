import { hasFutexWaitv } from "../ffi/futex.ts";

let polling: boolean | undefined;

/** How asynchronous waits are done in this thread: see {@linkcode asyncWaiting}. */
export type AsyncWaiting = "futex_waitv" | "polling";

/**
 * How this thread waits asynchronously for what lies in memory. `"futex_waitv"`: the kernel tells
 * it (Linux 5.16 and later). `"polling"`: the kernel, or a container's filter, lacks that call, and
 * the thread asks every 1 to 16 ms; all works then, too, up to 16 ms later. What blocks the thread
 * is the same in both.
 *
 * @example
 * ```ts
 * import { asyncWaiting } from "@isthmus/isthmus";
 *
 * if (asyncWaiting() === "polling") console.log("awaiting takes up to 16 ms longer here");
 * ```
 *
 * @see {@linkcode https://docs.kernel.org/userspace-api/futex2.html futex2}
 */
export function asyncWaiting(): AsyncWaiting {
  polling ??= !hasFutexWaitv();
  return polling ? "polling" : "futex_waitv";
}

/** Makes this thread poll, or not: for tests. Nothing may wait. */
export function setPolling(on: boolean): void {
  polling = on;
}
