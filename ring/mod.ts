/**
 * Channels for messages in any shared memory, between processes and Workers.
 *
 * @module
 */

export type { SyncMemory } from "../sync/place.ts";
export type { WaitOptions, WaitSyncOptions } from "../ffi/wait.ts";
