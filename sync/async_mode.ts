import { hasFutexWaitv } from "../ffi/futex.ts";

let polling: boolean | undefined;

/** How asynchronous waits are done in this thread. */
export type AsyncWaiting = "futex_waitv" | "polling";

/**
 * How this thread waits asynchronously: the kernel tells it (`futex_waitv`, Linux 5.16 and later),
 * or it asks every few milliseconds (`polling`), where the kernel or a container's filter lacks the
 * call.
 *
 * @example
 * ```ts
 * import { asyncWaiting } from "@isthmus/isthmus";
 *
 * if (asyncWaiting() === "polling") console.log("awaiting takes up to 16 ms longer here");
 * ```
 */
export function asyncWaiting(): AsyncWaiting {
  polling ??= !hasFutexWaitv();
  return polling ? "polling" : "futex_waitv";
}

/** Makes this thread poll, or not: for tests. Nothing may wait. */
export function setPolling(on: boolean): void {
  polling = on;
}
