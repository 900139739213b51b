/**
 * System V shared memory: segments that live in the kernel until somebody
 * removes them.
 *
 * @example
 * ```ts
 * import { Segment } from "@isthmus/isthmus/shm";
 *
 * for (const { id, key, size, nattch } of Segment.list()) console.log(id, key, size, nattch);
 * ```
 *
 * @module
 */

export { isSystemError, type SystemError } from "../ffi/errors.ts";
export * from "../memory/mod.ts";
export * from "../sysv/mod.ts";
export type { Access, AttachOptions } from "./attach.ts";
export { Attachment, ReadonlyAttachment } from "./attachment.ts";
export type { CreateSegmentOptions } from "./create.ts";
export type { SegmentLimits, SegmentUsage } from "./limits.ts";
export { type OpenSegmentOptions, Segment } from "./segment.ts";
export type { SegmentStatus } from "./status.ts";
