/**
 * Semaphores: numbers that processes take from, give to and wait for, and guards that give back
 * what they took. System V's come in sets, in the kernel, which gives back what dead processes
 * held; POSIX's have a name, or lie in any shared memory.
 *
 * @example
 * ```ts
 * import { ftok, SemaphoreSet } from "@isthmus/isthmus/sem";
 *
 * const set = await SemaphoreSet.openOrCreate(ftok(".", 0x66), [1]);
 * {
 *   using _guard = await set.at(0).lock({ timeout: 1000 });
 * }
 * set.remove(); // when nobody needs it any more
 * ```
 *
 * @module
 */

export { isSystemError, type SystemError } from "../ffi/errors.ts";
export type { WaitOptions, WaitSyncOptions } from "../ffi/wait.ts";
export * from "../sysv/mod.ts";
export type { SemaphoreOperation } from "./batch.ts";
export type {
  CreateSemaphoreSetOptions,
  OpenSemaphoreSetOptions,
  OpenSemaphoreSetSyncOptions,
} from "./create.ts";
export { SemaphoreGuard } from "./guard.ts";
export type { SemaphoreLimits, SemaphoreUsage } from "./limits.ts";
export type { PosixSemaphoreOffset } from "./posix_memory.ts";
export type { CreatePosixSemaphoreOptions } from "./posix_open.ts";
export { PosixSemaphore } from "./posix_semaphore.ts";
export { type AmountOptions, type LockOptions, Semaphore } from "./semaphore.ts";
export { SemaphoreSet } from "./semaphore_set.ts";
export type { SemaphoreSetStatus } from "./status.ts";
