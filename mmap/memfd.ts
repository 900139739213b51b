import { checkBoolean, checkInteger, checkOptions, describe } from "../ffi/check.ts";
import { systemError } from "../ffi/errors.ts";
import { close, fcntl, fstat } from "../ffi/file.ts";
import { platform } from "../ffi/platform.ts";
import { memfdCreate } from "../ffi/posix_shm.ts";
import { setSize } from "./backing_file.ts";
import { type HugePages, hugePageSize, hugePageSizeBits } from "./huge_pages.ts";
import type { AnyMapping, Mapping, ReadonlyMapping, ReservedMapping } from "./mapping.ts";
import { control, type MapObjectOptions, MemoryObject, setInheritable } from "./memory_object.ts";
import { identityOf, statusOf } from "./source.ts";

/** Options of {@linkcode Memfd.create}. */
export interface CreateMemfdOptions {
  /**
   * What `/proc/<pid>/maps` calls it, at most 249 bytes; it identifies nothing. Default:
   * `"isthmus"`.
   */
  readonly name?: string;
  /**
   * Huge pages (`MFD_HUGETLB`): `true` for the system's default size, or the size in bytes.
   * Default: `false`.
   */
  readonly hugePages?: HugePages;
}

/**
 * What can't be done to the memory any more, for nobody and for ever:
 *
 * - `"shrink"`, `"grow"`: make it shorter or longer. Sealed against shrinking it can't be truncated
 *   under its readers.
 * - `"write"`: write to it; while it is mapped for that somewhere it can't be sealed so.
 * - `"futureWrite"`: write to it, but for mappings that there are already (Linux 5.1).
 * - `"seal"`: seal it further.
 */
export type Seal = "seal" | "shrink" | "grow" | "write" | "futureWrite";

const ENCODER = new TextEncoder();
const MAX_NAME = 249;

/** The bits of the words; Linux has them all. */
function sealBits(): Readonly<Record<Seal, number>> {
  const { constants: c } = platform();
  return {
    seal: c.F_SEAL_SEAL ?? 0,
    shrink: c.F_SEAL_SHRINK ?? 0,
    grow: c.F_SEAL_GROW ?? 0,
    write: c.F_SEAL_WRITE ?? 0,
    futureWrite: c.F_SEAL_FUTURE_WRITE ?? 0,
  };
}

/**
 * Anonymous memory with a descriptor (`memfd_create`; Linux): shared with whoever gets that, found
 * by nobody by a name, and gone with its last descriptor and mapping. It is what takes the place of
 * memory shared by `fork()`.
 *
 * @example To a child process
 * ```ts
 * import { mapMemfd, Memfd } from "@isthmus/isthmus";
 *
 * using memfd = Memfd.create(4096);
 * using memory = memfd.map();
 * memory.writeText("hello");
 * const handle = memfd.inherit(); // an argument for the child that is started next
 * console.log(handle.startsWith("memfd:"));
 *
 * // In the child, or in a Worker that got memfd.handle by postMessage():
 * using theirs = mapMemfd(handle, { access: "read" });
 * console.log(theirs.readText()); // hello
 * ```
 *
 * @see {@linkcode https://man7.org/linux/man-pages/man2/memfd_create.2.html memfd_create(2)}
 */
export class Memfd extends MemoryObject {
  /**
   * What finds the memory again in a Worker of this process, while this object is open:
   * {@linkcode mapMemfd} takes it. It reads `memfd:<pid>:<descriptor>:<st_dev>:<st_ino>`, each in
   * decimal digits, so that a C program which starts a Deno program can write it, too.
   */
  readonly handle: string;

  private constructor(fd: number) {
    super("memfd", fd);
    this.handle = `memfd:${Deno.pid}:${fd}:${identityOf(statusOf(fd, "memfd"))}`;
  }

  /**
   * Makes memory of `size` bytes, all zero. It takes up room page by page, as it is touched.
   *
   * @throws {RangeError} If an argument is out of range, or `size` no multiple of the huge pages'
   * size.
   * @throws {Deno.errors.NotSupported} On macOS.
   */
  static create(size: number, options: CreateMemfdOptions = {}): Memfd {
    checkInteger("size", size, 1);
    const { name = "isthmus", hugePages = false } = checkOptions(options);
    if (typeof name !== "string") {
      throw new TypeError(`name must be a string: received ${describe(name)}`);
    }
    if (name.includes("\0") || ENCODER.encode(name).length > MAX_NAME) {
      throw new RangeError(
        `name must have at most ${MAX_NAME} bytes, and no NUL: received ${describe(name)}`,
      );
    }
    const { MFD_CLOEXEC, MFD_ALLOW_SEALING, MFD_HUGETLB } = platform().constants;
    const huge = hugePages === false ? 0 : (MFD_HUGETLB ?? 0) | hugePageSizeBits(hugePages);
    const unit = hugePages === false ? 1 : hugePageSize(hugePages);
    if (size % unit !== 0) {
      throw new RangeError(
        `size must be a multiple of the huge pages' ${unit} bytes: received ${size}`,
      );
    }
    const flags = (MFD_CLOEXEC ?? 0) | (MFD_ALLOW_SEALING ?? 0) | huge;
    const fd = memfdCreate(name, flags >>> 0);
    if (fd < 0) throw createError(-fd, hugePages);
    return own(fd, () => {
      setSize(fd, size, "memfd");
      return new Memfd(fd);
    });
  }

  /**
   * Opens the memory that a handle stands for, once more: in a Worker of the process that made it,
   * or in a child that inherited it.
   *
   * @throws {TypeError} If it isn't a handle.
   * @throws {Deno.errors.NotFound} If the memory isn't there: its `Memfd` was closed before, or, in
   * a child, `inherit()` was not called before that was started.
   */
  static open(handle: string): Memfd {
    const { pid, number, identity } = parseHandle(handle);
    // First a descriptor of its own: the other may be closed, and its number used anew, at any
    // moment.
    const { constants: { F_DUPFD_CLOEXEC }, errno: { EBADF } } = platform();
    const fd = fcntl(number, F_DUPFD_CLOEXEC, 0);
    if (fd < 0 && fd !== -EBADF) throw createError(-fd, false, "open");
    const status = fd < 0 ? fd : fstat(fd);
    if (typeof status !== "number" && identityOf(status) === identity) {
      // What a child inherited stays open, to be mapped again, but doesn't go further down.
      if (pid !== Deno.pid) setInheritable(number, false, "memfd");
      return own(fd, () => new Memfd(fd));
    }
    if (fd >= 0) close(fd);
    throw new Deno.errors.NotFound(
      `Cannot open ${handle}: this process doesn't have it. Keep the Memfd open until it is mapped here, ` +
        "and call its inherit() before the program is started",
    );
  }

  /**
   * Lets the memory go down to the programs that this process starts from now on, and returns the
   * handle for one of them, as an argument: {@linkcode mapMemfd} takes it there. `inherit(false)`
   * ends that for later programs.
   *
   * The child may use it as long as it lives, whether or not this object is still open then.
   */
  inherit(inheritable = true): string {
    setInheritable(this.descriptor, checkBoolean("inheritable", inheritable), "memfd");
    return this.handle;
  }

  /**
   * Seals the memory (`F_ADD_SEALS`): nobody can do these things to it any more, here or elsewhere.
   *
   * @throws {TypeError} If there is no such seal.
   * @throws {Deno.errors.Busy} If it is to be sealed against writing while it is mapped for that.
   * @throws {Deno.errors.PermissionDenied} If it was sealed with `"seal"`.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man2/F_ADD_SEALS.2const.html
   * F_ADD_SEALS(2const)}
   */
  seal(...seals: Seal[]): void {
    const bits = sealBits();
    let all = 0;
    for (const seal of seals) {
      if (!Object.hasOwn(bits, seal)) {
        const words = Object.keys(bits).map((word) => `"${word}"`).join(", ");
        throw new TypeError(`seal must be one of ${words}: received ${describe(seal)}`);
      }
      all |= bits[seal];
    }
    control(this.descriptor, platform().constants.F_ADD_SEALS ?? 0, all, "seal memfd");
  }

  /** The seals that there are (`F_GET_SEALS`). */
  seals(): Set<Seal> {
    const { F_GET_SEALS } = platform().constants;
    const set = control(this.descriptor, F_GET_SEALS ?? 0, 0, "read the seals of memfd");
    const bits = sealBits();
    return new Set((Object.keys(bits) as Seal[]).filter((seal) => (set & bits[seal]) !== 0));
  }
}

/**
 * Maps the memory that a handle of a {@linkcode Memfd} stands for: in a Worker, or in a child
 * process. The mapping needs nothing else; it lives until it is closed.
 *
 * @throws {Deno.errors.NotFound} If the memory isn't there, as `Memfd.open()` says.
 */
export function mapMemfd(
  handle: string,
  options: MapObjectOptions & { readonly access: "read" },
): ReadonlyMapping;
/** Maps the memory for reading and writing. */
export function mapMemfd(
  handle: string,
  options?: MapObjectOptions & { readonly access?: "readwrite" | "copy" },
): Mapping;
/** Reserves address space for the memory. */
export function mapMemfd(
  handle: string,
  options: MapObjectOptions & { readonly access: "none" },
): ReservedMapping;
/** Maps the memory for a use known at run time only. */
export function mapMemfd(handle: string, options: MapObjectOptions): AnyMapping;
export function mapMemfd(handle: string, options: MapObjectOptions = {}): AnyMapping {
  using memfd = Memfd.open(handle);
  return memfd.map(options);
}

/**
 * Which process made a handle, the descriptor's number there, and what tells the memory from all
 * other.
 */
function parseHandle(handle: string): { pid: number; number: number; identity: string } {
  const parts = typeof handle === "string"
    ? /^memfd:(\d{1,9}):(\d{1,9}):(\d+:\d+)$/.exec(handle)
    : null;
  if (parts !== null) {
    return { pid: Number(parts[1]), number: Number(parts[2]), identity: parts[3] };
  }
  throw new TypeError(`handle must be that of a Memfd: received ${describe(handle)}`);
}

/** Makes an object of a descriptor, or closes it. */
function own<T>(fd: number, make: () => T): T {
  try {
    return make();
  } catch (error) {
    close(fd);
    throw error;
  }
}

function createError(errno: number, hugePages: HugePages, verb = "create"): Error {
  return systemError({
    errno,
    syscall: verb === "create" ? "memfd_create" : "fcntl",
    action: `${verb} memfd`,
    advice: {
      EINVAL: [hugePages === false ? "the system refuses" : "the system has no such huge pages"],
      EMFILE: ["this process has as many files open as it may (RLIMIT_NOFILE)"],
      ENODEV: ["the system has no such huge pages"],
      ENOSYS: ["this platform has none", "Take PosixSharedMemory."],
      EPERM: ["this user may not use huge pages"],
    },
  });
}
