import { describe } from "../ffi/check.ts";
import { isSystemError, systemError } from "../ffi/errors.ts";
import { getpagesize } from "../ffi/pages.ts";
import { identityOf, type Opening, type Source, statusOf } from "./source.ts";

/** What is used of `node:fs` and `node:url`. */
interface NodeFs {
  readonly constants: Readonly<Record<string, number>>;
  openSync(path: string, flags: number, mode?: number): number;
  closeSync(fd: number): void;
  unlinkSync(path: string): void;
}

interface NodeProcess {
  getBuiltinModule(name: "node:fs"): NodeFs;
  getBuiltinModule(name: "node:url"): { fileURLToPath(url: URL): string };
}

/**
 * Not imported: to load `node:fs` takes 20 ms, which only those shall pay who open a file by its
 * path. It opens files by Deno's permissions, and gives their descriptors.
 */
function node(): NodeProcess {
  return (globalThis as unknown as { process: NodeProcess }).process;
}

/** The path that the user gave, as text that stays right when the current directory changes. */
function absolutePath(path: string | URL): string {
  if (path instanceof URL) {
    if (path.protocol === "file:") return node().getBuiltinModule("node:url").fileURLToPath(path);
    throw new TypeError(`path must be a file: URL: received ${path}`);
  }
  if (typeof path !== "string") {
    throw new TypeError(
      `path must be a string, a URL or a descriptor (of openSync() in node:fs): received ${
        describe(path)
      }`,
    );
  }
  if (path === "") throw new TypeError("path must not be empty");
  return path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
}

/** A file that is opened by its path whenever it is needed. */
export class PathSource implements Source {
  readonly name: string;
  readonly #path: string;
  readonly #fs = node().getBuiltinModule("node:fs");

  constructor(path: string | URL) {
    this.#path = absolutePath(path);
    this.name = path instanceof URL ? this.#path : path;
  }

  lend<T>(opening: Opening, use: (fd: number) => T): T {
    return this.#use(this.open(opening), use);
  }

  /** Creates the file, which must not exist. `use` is told how to remove it again. */
  create<T>(mode: number, use: (fd: number, remove: () => void) => T): T {
    getpagesize(); // without the permission for FFI this fails, before there is a file
    const { O_CREAT, O_EXCL } = this.#fs.constants;
    const fd = this.#open(this.#flags("readwrite") | O_CREAT | O_EXCL, mode, "create");
    return this.#use(fd, () => use(fd, () => this.#remove(fd)));
  }

  /** Whether the path still leads to the file that a descriptor stands for. */
  isStill(fd: number): boolean {
    try {
      const found = this.lend("read", (other) => identityOf(statusOf(other, this.name)));
      return found === identityOf(statusOf(fd, this.name));
    } catch {
      return false;
    }
  }

  /** Removes the file that a descriptor stands for, unless its name is another's by now. */
  #remove(fd: number): void {
    if (!this.isStill(fd)) return;
    try {
      this.#fs.unlinkSync(this.#path);
    } catch {
      // Somebody removed it in this moment.
    }
  }

  /**
   * Opens the file; the descriptor is the caller's to close. It doesn't go down to child processes.
   */
  open(opening: Opening): number {
    return this.#open(this.#flags(opening));
  }

  /** Closes a descriptor. */
  close(fd: number): void {
    this.#fs.closeSync(fd);
  }

  #flags(opening: Opening): number {
    const { O_RDONLY, O_RDWR, O_NONBLOCK } = this.#fs.constants;
    // Without O_NONBLOCK a pipe would wait for its other end.
    return (opening === "read" ? O_RDONLY : O_RDWR) | O_NONBLOCK;
  }

  #use<T>(fd: number, use: (fd: number) => T): T {
    try {
      return use(fd);
    } finally {
      this.close(fd);
    }
  }

  #open(flags: number, mode?: number, verb = "open"): number {
    try {
      return this.#fs.openSync(this.#path, flags, mode);
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) throw this.#notCapable(error, flags);
      if (!isSystemError(error)) throw error;
      throw systemError({
        errno: Math.abs(error.errno), // Node's are negative
        syscall: "open",
        action: `${verb} ${this.name}`,
        advice: {
          EACCES: ["this user may not open it so", "Its owner or root may change its mode."],
          EEXIST: ["it already exists", "Map it with mapFile() or mapOrCreateFile()."],
          ENOENT: ["it, or its directory, does not exist", "Check the path, or create it first."],
          EISDIR: ["it is a directory", "Give the path of a file."],
          ENXIO: [
            "nobody has its other end open, and it can't be mapped: it is a pipe or a socket",
          ],
          ETXTBSY: ["it is a program that is running"],
        },
      });
    }
  }

  /** Deno's own error, and which flags would do. */
  #notCapable(cause: Error, flags: number): Error {
    const writes = flags !== this.#flags("read");
    // As a shell takes it.
    const quoted = /^[\w@%+=:./-]+$/.test(this.name) ? this.name : JSON.stringify(this.name);
    // Some paths, as those in /dev and /proc, Deno gives to programs that may do everything.
    const grants = cause.message.includes("all access")
      ? "--allow-all"
      : `--allow-read=${quoted}${writes ? ` --allow-write=${quoted}` : ""}`;
    return new Deno.errors.NotCapable(
      `Cannot open ${this.name}: ${cause.message}. Add to what you grant: ${grants}`,
      { cause },
    );
  }
}
