import { checkBoolean, checkInteger, checkMode, checkOptions } from "../ffi/check.ts";
import { type Advice, systemError } from "../ffi/errors.ts";
import { listFiles } from "../ffi/directory.ts";
import { close, fstat } from "../ffi/file.ts";
import { getpagesize, roundUp } from "../ffi/pages.ts";
import { platform } from "../ffi/platform.ts";
import { checkPosixName } from "../ffi/posix_name.ts";
import { shmOpen, shmUnlink } from "../ffi/posix_shm.ts";
import { giveSize } from "./first_size.ts";
import { MemoryObject } from "./memory_object.ts";
import { openOrCreate } from "./open_or_create.ts";
import { checkAccess } from "./options.ts";
import { identityOf, statusOf } from "./source.ts";

/**
 * Options of {@linkcode PosixSharedMemory.create} and {@linkcode PosixSharedMemory.openOrCreate}.
 */
export interface CreatePosixSharedMemoryOptions {
  /** Permission bits, less the process's umask. Default: `0o600`, this user alone. */
  readonly mode?: number;
  /**
   * Whether all of it gets memory at once (`fallocate`), so that a full `/dev/shm` is an error now
   * and not a fault when it is touched. Default: `true`.
   */
  readonly reserve?: boolean;
  /**
   * Removes the object when the `PosixSharedMemory` leaves scope, if this call created it. A signal
   * that ends the process (Ctrl-C) ends no scope. Default: `false`.
   */
  readonly removeOnDispose?: boolean;
}

/** Options of {@linkcode PosixSharedMemory.open}. */
export interface OpenPosixSharedMemoryOptions {
  /** What it may be mapped for at most. Default: `"readwrite"`. */
  readonly access?: "read" | "readwrite";
}

/** Where Linux keeps these objects, as files. */
const DIRECTORY = "/dev/shm";

/** The mark of semaphores among them, under glibc. */
const SEMAPHORE = /^sem\./;

const ADVICE: Advice = {
  EACCES: [
    "its mode does not let this user open it so",
    'Ask for access: "read" if that is enough.',
  ],
  EEXIST: [
    "it already exists",
    "Open it with PosixSharedMemory.open(), or remove it first.",
  ],
  EMFILE: ["this process has as many files open as it may (RLIMIT_NOFILE)"],
  ENOENT: [
    "it does not exist",
    "Create it with PosixSharedMemory.create(), or start the program that does.",
  ],
};

/** How long a name may be, in bytes without its slash. */
function maxName(): number {
  return platform().maxShmName;
}

function failure(errno: number, syscall: string, verb: string, name: string): Error {
  return systemError({ errno, syscall, action: `${verb} ${label(name)}`, advice: ADVICE });
}

function label(name: string): string {
  return `shared memory "${name}"`;
}

/** `shm_open`; an error says what it was for. */
function open(name: string, oflag: number, mode: number, verb: string): number {
  const fd = shmOpen(name, oflag, mode);
  if (fd < 0) throw failure(-fd, "shm_open", verb, name);
  return fd;
}

/**
 * POSIX shared memory (`shm_open`): memory under a name, until somebody removes it or the system
 * starts anew.
 *
 * @example
 * ```ts
 * import { PosixSharedMemory } from "@isthmus/isthmus";
 *
 * using shared = PosixSharedMemory.create("/isthmus-example", 4096, { removeOnDispose: true });
 * using memory = shared.map();
 * memory.writeText("hello");
 *
 * // In another program:
 * using theirs = PosixSharedMemory.open("/isthmus-example").map({ access: "read" });
 * console.log(theirs.readText()); // hello
 * ```
 *
 * @see {@linkcode https://man7.org/linux/man-pages/man7/shm_overview.7.html shm_overview(7)}
 */
export class PosixSharedMemory extends MemoryObject {
  /** The name, with the slash at its start. */
  readonly name: string;
  /** Whether this handle's `create` or `openOrCreate` made the object. */
  readonly created: boolean;
  readonly #removeOnDispose: boolean;
  readonly #identity: string;
  #removed = false;

  private constructor(name: string, fd: number, created: boolean, removeOnDispose: boolean) {
    super(label(name), fd);
    this.name = name;
    this.created = created;
    this.#removeOnDispose = created && removeOnDispose;
    this.#identity = identityOf(statusOf(fd, label(name)));
  }

  /**
   * Creates the object with `size` bytes, all zero. It must not exist yet.
   *
   * @param name A slash, which may be left out, and up to 255 bytes without another (macOS: 30).
   * @throws {RangeError} If the name is none, or an argument is out of range.
   * @throws {Deno.errors.AlreadyExists} If it exists.
   * @throws {Error} With code `ENOSPC` if `/dev/shm` has no room; then there is no object.
   */
  static create(
    name: string,
    size: number,
    options: CreatePosixSharedMemoryOptions = {},
  ): PosixSharedMemory {
    const checked = checkPosixName(name, maxName());
    checkInteger("size", size, 1);
    const { mode = 0o600, reserve, removeOnDispose = false } = checkOptions(options);
    const blocks = checkBoolean("reserve", reserve, true);
    const { O_RDWR, O_CREAT, O_EXCL } = platform().constants;
    const fd = open(checked, O_RDWR | O_CREAT | O_EXCL, checkMode(mode), "create");
    try {
      giveSize(fd, size, blocks, label(checked), { remove: () => void shmUnlink(checked) });
      const made = new PosixSharedMemory(checked, fd, true, removeOnDispose);
      made.#checkSize(size); // somebody who opened it in between may have given it another
      return made;
    } catch (error) {
      close(fd);
      throw error;
    }
  }

  /**
   * Opens an object that exists. One that was created a moment ago, and has no size yet, has 0
   * bytes.
   *
   * @throws {RangeError} If the name is none.
   * @throws {Deno.errors.NotFound} If it doesn't exist.
   * @throws {Deno.errors.PermissionDenied} If its mode doesn't allow this access.
   */
  static open(name: string, options: OpenPosixSharedMemoryOptions = {}): PosixSharedMemory {
    const checked = checkPosixName(name, maxName());
    const { access = "readwrite" } = checkOptions(options);
    checkAccess(access, ["read", "readwrite"]);
    const { O_RDWR, O_RDONLY } = platform().constants;
    const fd = open(checked, access === "read" ? O_RDONLY : O_RDWR, 0, "open");
    return new PosixSharedMemory(checked, fd, false, false);
  }

  /**
   * Opens the object, or creates it with `size` bytes; `created` says which. One that exists must
   * have that size; if it has none yet, because whoever creates it didn't come so far, it gets it
   * here.
   *
   * @throws {RangeError} If the name is none, an argument is out of range, or the object has
   * another size.
   * @throws {Deno.errors.PermissionDenied} If its mode doesn't let this user write it.
   */
  static openOrCreate(
    name: string,
    size: number,
    options: CreatePosixSharedMemoryOptions = {},
  ): PosixSharedMemory {
    return openOrCreate(
      () => PosixSharedMemory.#openSized(name, size, options),
      () => PosixSharedMemory.create(name, size, options),
    );
  }

  static #openSized(
    name: string,
    size: number,
    options: CreatePosixSharedMemoryOptions,
  ): PosixSharedMemory {
    const blocks = checkBoolean("reserve", options.reserve, true);
    const found = PosixSharedMemory.open(name);
    try {
      if (found.size === 0) {
        const isCurrent = () => !found.#isReplaced();
        giveSize(found.descriptor, size, blocks, label(found.name), { isCurrent });
      }
      found.#checkSize(size);
      return found;
    } catch (error) {
      found.close();
      throw error;
    }
  }

  /**
   * Removes the object of this name (`shm_unlink`), as {@linkcode remove} does.
   *
   * @throws {Deno.errors.NotFound} If it doesn't exist.
   * @throws {Deno.errors.PermissionDenied} If this user may not.
   */
  static remove(name: string): void {
    const checked = checkPosixName(name, maxName());
    const result = shmUnlink(checked);
    if (result < 0) throw failure(-result, "shm_unlink", "remove", checked);
  }

  /**
   * The names of all objects (Linux). Under musl the names of POSIX semaphores are among them.
   *
   * @throws {Deno.errors.NotSupported} On macOS.
   */
  static list(): string[] {
    const names = listFiles(DIRECTORY);
    if (typeof names === "number") {
      throw systemError({
        errno: -names,
        syscall: "opendir",
        action: "list shared memory",
        advice: { ENOSYS: ["this platform doesn't tell"] },
      });
    }
    return names.filter((name) => !SEMAPHORE.test(name)).map((name) => `/${name}`).sort();
  }

  /**
   * Removes the name (`shm_unlink`): nobody finds the memory by it any more, and somebody may
   * create another one under it. Who has it open or mapped keeps it.
   *
   * @throws {Deno.errors.NotFound} If it is gone already.
   * @throws {Deno.errors.PermissionDenied} If this user may not.
   */
  remove(): void {
    // Somebody may have removed it already, and made another one of that name.
    if (this.#isReplaced()) {
      throw failure(platform().errno.ENOENT, "shm_unlink", "remove", this.name);
    }
    PosixSharedMemory.remove(this.name);
    this.#removed = true;
  }

  /**
   * Leaves scope: closes the object, and removes it if this handle made it and `removeOnDispose`
   * was asked for.
   */
  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    if (!this.#removeOnDispose || this.#removed || this.#isReplaced()) return;
    this.#removed = true;
    const result = shmUnlink(this.name);
    if (result < 0 && result !== -platform().errno.ENOENT) {
      throw failure(-result, "shm_unlink", "remove", this.name);
    }
  }

  #checkSize(size: number): void {
    const { size: found } = this;
    const rounded = platform().roundsShmSize ? roundUp(size, getpagesize()) : size;
    if (found === size || found === rounded) return;
    throw new RangeError(
      `Cannot open ${label(this.name)} with ${size} bytes: it has ${found}. ` +
        "Use its own size (PosixSharedMemory.open()), or remove it first",
    );
  }

  /** Whether the name is another object's by now, or nobody's. */
  #isReplaced(): boolean {
    const { constants: { O_RDONLY }, errno: { ENOENT } } = platform();
    const fd = shmOpen(this.name, O_RDONLY, 0);
    if (fd < 0) return fd === -ENOENT; // or its mode doesn't let this user look at it
    const status = fstat(fd);
    close(fd);
    return typeof status !== "number" && identityOf(status) !== this.#identity;
  }
}
