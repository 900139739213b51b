/**
 * Processes on one machine share memory: System V segments, memory maps, semaphores, through libc,
 * safely.
 *
 * @example
 * ```ts
 * import { ftok, Segment, SemaphoreSet } from "@isthmus/isthmus";
 *
 * const key = ftok(".", 0x66);
 * using segment = Segment.create(key, 4096, { removeOnDispose: true });
 * using set = SemaphoreSet.create(key, [1], { removeOnDispose: true });
 * using memory = segment.attach();
 * {
 *   using _guard = set.at(0).lockSync();
 *   memory.writeText("hello");
 * }
 * ```
 *
 * @module
 */

export * from "./memory/mod.ts";
export * from "./mmap/mod.ts";
export * from "./msg/mod.ts";
export * from "./ring/mod.ts";
export * from "./sem/mod.ts";
export * from "./shm/mod.ts";
export * from "./struct/mod.ts";
export * from "./sync/mod.ts";
