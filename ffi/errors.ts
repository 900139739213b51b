import { platform } from "./platform.ts";

/**
 * An error that the operating system reported. Its class is the closest of
 * `Deno.errors`, or plain `Error` where none is close.
 */
export interface SystemError extends Error {
  /**
   * The error's C name, such as `"EEXIST"`; `"UNKNOWN"` if the platform's headers don't name it.
   */
  readonly code: string;
  /** The error's number on this platform. */
  readonly errno: number;
  /** The C function that failed, such as `"shmget"`. */
  readonly syscall: string;
}

/** What an error means for one operation: the reason, and what to do about it. */
export type Advice = Readonly<Record<string, readonly [reason: string, remedy?: string]>>;

/** What {@linkcode systemError} needs to know. */
export interface SystemErrorInit {
  /** The error number. */
  readonly errno: number;
  /** The C function that reported it. */
  readonly syscall: string;
  /** What was tried and on what: completes "Cannot ...". */
  readonly action: string;
  /**
   * What this operation knows about some errors, by C name; takes precedence over the general
   * reasons.
   */
  readonly advice?: Advice;
  /** The error's class, where the operation knows better than the number. */
  readonly class?: new (message: string) => Error;
}

const REASONS: Advice = {
  E2BIG: ["too many at once"],
  EACCES: ["permission denied", "Its owner or root may change its mode."],
  EAGAIN: ["it would have to wait"],
  EBADF: ["it is not open, or not for that"],
  EEXIST: ["it already exists"],
  EFAULT: ["bad address"],
  EIDRM: ["it was removed meanwhile"],
  EINTR: ["a signal interrupted the call"],
  EINVAL: ["invalid argument"],
  EMFILE: ["this process has as many files open as it may", "Close some, or raise RLIMIT_NOFILE."],
  ENFILE: ["the system has as many files open as it may"],
  EROFS: ["its file system may only be read"],
  ELOOP: ["too many symbolic links"],
  ENAMETOOLONG: ["the name is too long"],
  ENOENT: ["it does not exist"],
  ENOMEM: ["not enough memory"],
  ENOSPC: ["a limit of the system is reached"],
  ENOSYS: ["this system does not have the call"],
  ENOTDIR: ["a part of the path is not a directory"],
  EPERM: ["not permitted", "Only its owner, its creator or root may do that."],
  ERANGE: ["the result is out of range"],
};

type ErrorClass = new (message: string) => Error;

const CLASSES: Readonly<Record<string, ErrorClass>> = {
  EACCES: Deno.errors.PermissionDenied,
  EAGAIN: Deno.errors.WouldBlock,
  EBADF: Deno.errors.BadResource,
  EBUSY: Deno.errors.Busy,
  EEXIST: Deno.errors.AlreadyExists,
  EIDRM: Deno.errors.BadResource,
  EINTR: Deno.errors.Interrupted,
  EISDIR: Deno.errors.IsADirectory,
  ELOOP: Deno.errors.FilesystemLoop,
  ENOENT: Deno.errors.NotFound,
  ENOSYS: Deno.errors.NotSupported,
  ENOTDIR: Deno.errors.NotADirectory,
  ENOTSUP: Deno.errors.NotSupported,
  EOPNOTSUPP: Deno.errors.NotSupported,
  EPERM: Deno.errors.PermissionDenied,
  ETIMEDOUT: Deno.errors.TimedOut,
};

/** The C name of an error number on this platform, or `"UNKNOWN"`. */
export function errnoName(errno: number): string {
  const { errno: table } = platform();
  return Object.keys(table).find((name) => table[name] === errno) ?? "UNKNOWN";
}

/**
 * Builds the error for a failed C call: "Cannot create segment with key
 * 0x6601a2b3: it already exists (shmget: EEXIST). Open it with Segment.open(),
 * or remove it first."
 */
export function systemError(init: SystemErrorInit): SystemError {
  const { errno, syscall, action } = init;
  const code = errnoName(errno);
  const [reason, remedy] = init.advice?.[code] ?? REASONS[code] ?? [`error ${errno}`];
  const message = `Cannot ${action}: ${reason} (${syscall}: ${code})${remedy ? `. ${remedy}` : ""}`;
  const error = new (init.class ?? CLASSES[code] ?? Error)(message);
  return Object.assign(error, { code, errno, syscall });
}

/**
 * Whether a value is an error that the operating system reported, with its
 * `code`, `errno` and `syscall`.
 *
 * @example
 * ```ts
 * import { isSystemError, Segment } from "@isthmus/isthmus";
 *
 * try {
 *   Segment.open(0x7ffffff1);
 * } catch (error) {
 *   if (!isSystemError(error) || error.code !== "ENOENT") throw error;
 *   console.log("nobody has created it yet");
 * }
 * ```
 */
export function isSystemError(value: unknown): value is SystemError {
  return value instanceof Error &&
    typeof (value as Partial<SystemError>).errno === "number" &&
    typeof (value as Partial<SystemError>).syscall === "string";
}
