/**
 * Locks, and other things to wait for, in any shared memory: between Deno processes, Workers and C
 * programs.
 *
 * What waits exists as a call that blocks the thread (`...Sync`) and as a promise; most of it also
 * as one that doesn't wait (`try...`). Timeouts are whole milliseconds, at most 2147483647; without
 * one it waits for ever. A promise is rejected with its signal's reason as soon as that aborts.
 *
 * @example
 * ```ts
 * import { mapAnonymous } from "@isthmus/isthmus/mmap";
 * import { Mutex } from "@isthmus/isthmus/sync";
 *
 * using memory = mapAnonymous(4096, { shared: true });
 * const mutex = Mutex.openOrCreate(memory);
 * using guard = await mutex.lock({ timeout: 1000 });
 * console.log(guard.ownerDied); // false
 * ```
 *
 * @module
 */

export type { SyncMemory } from "./place.ts";
export type { WaitOptions, WaitSyncOptions } from "../ffi/wait.ts";
export type { OffsetOptions, OpenObjectOptions } from "./options.ts";
export { Mutex } from "./mutex.ts";
export { MutexGuard } from "./mutex_guard.ts";
export { Barrier, type BarrierParty } from "./barrier.ts";
export { BarrierParticipant } from "./barrier_participant.ts";
export { Once } from "./once.ts";
export { type CreateRwLockOptions, RwLock, type RwLockSize } from "./rwlock.ts";
export { ReadGuard, WriteGuard } from "./rwlock_guard.ts";
export { type AsyncWaiting, asyncWaiting } from "./wait_async.ts";
export { FutexSemaphore, type UnitsOptions } from "./semaphore.ts";
export { SemaphoreGuard } from "../sem/guard.ts";
export { type CreateEventOptions, Event, type EventReset } from "./event.ts";
export { Latch } from "./latch.ts";
export { Condition } from "./condition.ts";
