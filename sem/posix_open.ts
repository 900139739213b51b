import { checkInteger, checkMode, checkOptions } from "../ffi/check.ts";
import { listFiles } from "../ffi/directory.ts";
import { type Advice, systemError } from "../ffi/errors.ts";
import { platform } from "../ffi/platform.ts";
import { checkPosixName } from "../ffi/posix_name.ts";
import { isGlibc, semClose, semOpen, semUnlink } from "../ffi/posix_sem.ts";
import { Region } from "../ffi/region.ts";
import { PosixPlace } from "./posix_place.ts";

/** Options of `PosixSemaphore.create()` and `PosixSemaphore.openOrCreate()`. */
export interface CreatePosixSemaphoreOptions {
  /**
   * Permission bits, less the process's umask (`Deno.umask()`); who shall use it needs both, to
   * read and to write. Default: `0o600`, this user alone.
   */
  readonly mode?: number;
  /**
   * Removes the semaphore when the `PosixSemaphore` leaves scope, if this call created it. A signal
   * that ends the process (Ctrl-C) ends no scope. Default: `false`.
   */
  readonly removeOnDispose?: boolean;
}

/** A name that was opened. */
export interface Opened {
  readonly name: string;
  readonly place: PosixPlace;
  readonly created: boolean;
}

/** How often somebody may remove a semaphore between our two calls before we give up. */
const ATTEMPTS = 100;

const ADVICE: Advice = {
  EACCES: [
    "its mode does not let this user read and write it",
    "Its owner or root may change the mode.",
  ],
  EEXIST: ["it already exists", "Open it with PosixSemaphore.open(), or remove it first."],
  EFAULT: ["its file is too short to hold one", "Remove it, and create it anew."],
  EINVAL: [
    "it is none of this C library's, or something else was written over it",
    "Remove it, and create it anew.",
  ],
  EMFILE: ["this process has as many files open as it may (RLIMIT_NOFILE)"],
  ENOENT: [
    "no semaphore has this name",
    "Start the program that creates it first, or use PosixSemaphore.openOrCreate().",
  ],
  ENOSPC: ["/dev/shm is full"],
};

/** Returns a semaphore's name in the form that C wants. */
function checkName(name: unknown): string {
  return checkPosixName(name, platform().maxSemName);
}

function label(name: string): string {
  return `semaphore "${name}"`;
}

function failure(result: number, syscall: string, verb: string, name: string): Error {
  const { EFAULT, EINVAL } = platform().errno;
  return systemError({
    errno: -result,
    syscall,
    action: `${verb} ${label(name)}`,
    advice: ADVICE,
    class: result === -EFAULT || result === -EINVAL ? Deno.errors.BadResource : undefined,
  });
}

/** Returns a semaphore's value if it is one. */
export function checkValue(value: unknown): number {
  return checkInteger("value", value, 0, platform().constants.SEM_VALUE_MAX);
}

/** Creates the semaphore with this name, which must not exist. */
export function createNamed(
  anyName: unknown,
  value: unknown,
  options: CreatePosixSemaphoreOptions,
): Opened {
  const name = checkName(anyName);
  const checked = checkValue(value);
  const mode = checkMode(checkOptions(options).mode ?? 0o600);
  const { O_CREAT, O_EXCL } = platform().constants;
  const sem = semOpen(name, O_CREAT | O_EXCL, mode, checked);
  if (typeof sem === "number") throw failure(sem, "sem_open", "create", name);
  return { name, place: placeOf(name, sem), created: true };
}

/** Opens the semaphore with this name, which must exist. */
export function openNamed(anyName: unknown): Opened {
  const name = checkName(anyName);
  const sem = semOpen(name, 0, 0, 0);
  if (typeof sem === "number") throw failure(sem, "sem_open", "open", name);
  return { name, place: placeOf(name, sem), created: false };
}

/** Opens the semaphore with this name, or creates it. */
export function openOrCreateNamed(
  name: unknown,
  value: unknown,
  options: CreatePosixSemaphoreOptions,
): Opened {
  for (let attempt = 1;; attempt++) {
    try {
      return createNamed(name, value, options);
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
    try {
      return openNamed(name);
    } catch (error) {
      // Somebody removed it between the two calls, so it may be made now.
      if (!(error instanceof Deno.errors.NotFound) || attempt === ATTEMPTS) throw error;
    }
  }
}

/** The memory that sem_open returned, as a region that sem_close ends. */
function placeOf(name: string, sem: bigint): PosixPlace {
  const region = new Region({
    address: sem,
    // What sem_open returns on macOS is a number that stands for the semaphore.
    byteLength: platform().hasShmDirectory ? platform().layouts.sem_t.size : 0,
    name: label(name),
    unmap() {
      const result = semClose(sem);
      if (result !== 0) throw failure(result, "sem_close", "close", name);
    },
  });
  const place = new PosixPlace(label(name), region, 0, "Remove it, and create it anew.");
  const touchable = place.touchable();
  const found = typeof touchable === "number" ? touchable : place.locate();
  if (typeof found === "bigint") return place;
  region.close();
  throw failure(found, "sem_open", "open", name);
}

/** Removes the name (`sem_unlink`). */
export function removeNamed(anyName: unknown): void {
  const name = checkName(anyName);
  const result = semUnlink(name);
  if (result === 0) return;
  throw systemError({
    errno: -result,
    syscall: "sem_unlink",
    action: `remove ${label(name)}`,
    advice: {
      EACCES: ["only its owner or root may do that"],
      ENOENT: ["no semaphore has this name"],
    },
  });
}

/** Where Linux keeps named semaphores, as files. */
const DIRECTORY = "/dev/shm";

/** How glibc marks them among POSIX shared memory. */
const PREFIX = "sem.";

/** The names of all semaphores, in order. */
export function listNames(): string[] {
  if (!isGlibc()) {
    const reason = platform().hasShmDirectory
      ? "musl doesn't tell them from shared memory"
      : "this platform doesn't tell them";
    throw new Deno.errors.NotSupported(`Cannot list semaphores: ${reason}`);
  }
  const names = listFiles(DIRECTORY);
  if (typeof names === "number") {
    throw systemError({ errno: -names, syscall: "opendir", action: "list semaphores" });
  }
  return names
    .filter((name) => name.startsWith(PREFIX))
    .map((name) => `/${name.slice(PREFIX.length)}`)
    .sort();
}
