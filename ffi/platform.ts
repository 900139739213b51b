import { DARWIN as DARWIN_CONSTANTS } from "./constants/darwin.ts";
import { ERRNO as DARWIN_ERRNO } from "./constants/darwin_errno.ts";
import { LINUX as LINUX_CONSTANTS } from "./constants/linux.ts";
import { ERRNO as LINUX_ERRNO } from "./constants/linux_errno.ts";
import type { Constants } from "./constants/types.ts";
import { DARWIN as DARWIN_LAYOUTS } from "./layouts/darwin.ts";
import { LINUX_AARCH64, LINUX_X86_64 } from "./layouts/linux.ts";
import type { Layouts } from "./layouts/types.ts";

/** All that differs from one platform to the next. */
export interface Platform {
  /** The processor. */
  readonly arch: "x86_64" | "aarch64";
  /** The name that `Deno.dlopen` finds libc by. */
  readonly library: string;
  /** C functions that go by another name than in the symbol table. */
  readonly symbolNames: Readonly<Record<string, string>>;
  readonly constants: Constants;
  readonly layouts: Layouts;
  /** The most bytes that the name of POSIX shared memory has behind its slash. */
  readonly maxShmName: number;
  /** The most bytes that the name of a POSIX semaphore has behind its slash. */
  readonly maxSemName: number;
  /** Whether POSIX shared memory has a size of whole pages, whatever was asked for. */
  readonly roundsShmSize: boolean;
  /** Whether POSIX objects are files in `/dev/shm`, where they can be listed. */
  readonly hasShmDirectory: boolean;
  /** What glibc before 2.33 wants as the version of its `struct stat` (`_STAT_VER`). */
  readonly statVersion: number;
  /** The numbers of the system calls that libc has no function for; `null` on macOS. */
  readonly syscalls: Readonly<Record<"futex" | "futex_waitv" | "gettid", number>> | null;
  /** `errno` values by name. */
  readonly errno: Readonly<Record<string, number>>;
}

/** The parts of `Deno.build` that the choice depends on. */
export interface Build {
  readonly os: string;
  readonly arch: string;
  readonly env?: string;
}

const LINUX_LAYOUTS: Readonly<Record<Platform["arch"], Layouts>> = {
  x86_64: LINUX_X86_64,
  aarch64: LINUX_AARCH64,
};

const LINUX_SYSCALLS: Readonly<Record<Platform["arch"], Platform["syscalls"]>> = {
  x86_64: { futex: 202, futex_waitv: 449, gettid: 186 },
  aarch64: { futex: 98, futex_waitv: 449, gettid: 178 },
};

/**
 * Chooses the tables for a build of Deno, or throws `Deno.errors.NotSupported`
 * where there are none.
 */
export function selectPlatform(build: Build): Platform {
  if (build.os === "linux" && (build.arch === "x86_64" || build.arch === "aarch64")) {
    return {
      arch: build.arch,
      // librt depends on libpthread and libc, so it resolves every symbol on
      // glibc before 2.34 too, where those were still apart.
      library: build.env === "musl" ? "libc.so" : "librt.so.1",
      symbolNames: {},
      constants: LINUX_CONSTANTS,
      layouts: LINUX_LAYOUTS[build.arch],
      maxShmName: 255,
      // glibc puts "sem." in front of it; musl would take four bytes more.
      maxSemName: 251,
      roundsShmSize: false,
      hasShmDirectory: true,
      statVersion: build.arch === "x86_64" ? 1 : 0,
      syscalls: LINUX_SYSCALLS[build.arch],
      errno: LINUX_ERRNO,
    };
  }
  if (build.os === "darwin" && (build.arch === "x86_64" || build.arch === "aarch64")) {
    return {
      arch: build.arch,
      library: "libSystem.B.dylib",
      symbolNames: {
        __errno_location: "__error",
        // Apple's arm64 passes variadic arguments on the stack; these exports take plain ones.
        semctl: "__semctl",
        semctl_value: "__semctl",
        fcntl: "__fcntl",
        fcntl_flock: "__fcntl",
        shm_open: "__shm_open",
        sem_open: "__sem_open",
        open: "__open",
        // x86_64 keeps an older struct stat under the plain name.
        ...(build.arch === "x86_64" ? { fstat: "fstat$INODE64" } : {}),
      },
      constants: DARWIN_CONSTANTS,
      layouts: DARWIN_LAYOUTS,
      maxShmName: 30,
      // 31 with the slash and the NUL (PSEMNAMLEN).
      maxSemName: 29,
      roundsShmSize: true,
      hasShmDirectory: false,
      statVersion: 0,
      syscalls: null,
      errno: DARWIN_ERRNO,
    };
  }
  throw new Deno.errors.NotSupported(
    `Cannot share memory on ${build.os} ${build.arch}: Isthmus runs on Linux and macOS, x86_64 and aarch64`,
  );
}

let selected: Platform | undefined;

/** The tables of the platform that this process runs on, chosen at the first call. */
export function platform(): Platform {
  return selected ??= selectPlatform(Deno.build);
}
