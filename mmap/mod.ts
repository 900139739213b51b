/**
 * Memory maps: windows on files, on anonymous memory, and on memory that has a descriptor or a
 * name, so that other processes can have it too.
 *
 * @example
 * ```ts
 * import { mapFile } from "@isthmus/isthmus/mmap";
 *
 * using map = mapFile("README.md"); // takes --allow-read=README.md
 * console.log(map.bytes.slice(0, 9));
 * ```
 *
 * @module
 */

export { isSystemError, type SystemError } from "../ffi/errors.ts";
export type { WaitOptions, WaitSyncOptions } from "../ffi/wait.ts";
export { mapAnonymous, type MapAnonymousOptions } from "./anonymous.ts";
export {
  mapFile,
  type MapFileOptions,
  mapNewFile,
  type MapNewFileOptions,
  mapOrCreateFile,
} from "./file.ts";
export { FileGuard } from "./file_guard.ts";
export { type CreateFileLockOptions, FileLock, type FileLockOptions } from "./file_lock.ts";
export type { FlushOptions } from "./flush.ts";
export type { HugePages } from "./huge_pages.ts";
export { type AnyMapping, Mapping, ReadonlyMapping, ReservedMapping } from "./mapping.ts";
export { type CreateMemfdOptions, mapMemfd, Memfd, type Seal } from "./memfd.ts";
export { type MapObjectOptions, MemoryObject, type ResizeObjectOptions } from "./memory_object.ts";
export type { MapAccess, MapOptions } from "./options.ts";
export {
  type CreatePosixSharedMemoryOptions,
  type OpenPosixSharedMemoryOptions,
  PosixSharedMemory,
} from "./posix.ts";
export type { Protection, ProtectOptions } from "./protect.ts";
export type { ResizeFileOptions, ResizeOptions } from "./resize.ts";
