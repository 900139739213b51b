/**
 * Locks, and other things to wait for, in any shared memory: between Deno processes, Workers and C
 * programs.
 *
 * @module
 */

export type { SyncMemory } from "./place.ts";
export type { WaitOptions, WaitSyncOptions } from "../ffi/wait.ts";
export type { OffsetOptions } from "./options.ts";
export { Mutex } from "./mutex.ts";
export { MutexGuard } from "./mutex_guard.ts";
