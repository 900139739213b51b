/**
 * libc's functions as typed TypeScript functions, one for each C operation.
 *
 * They return what C returns, or the negated error number (`-EEXIST`) in place of -1, and check
 * nothing: a wrong address kills the process. The other modules are the safe way.
 *
 * @module
 */

export {
  type Advice,
  errnoName,
  isSystemError,
  type SystemError,
  systemError,
  type SystemErrorInit,
} from "./errors.ts";
export * from "./clock.ts";
export * from "./directory.ts";
export * from "./file.ts";
export * from "./mman.ts";
export { getpagesize } from "./pages.ts";
export * from "./posix_sem.ts";
export * from "./posix_shm.ts";
export * from "./sysv_ipc.ts";
export * from "./sysv_msg.ts";
export * from "./sysv_sem.ts";
export * from "./sysv_shm.ts";
