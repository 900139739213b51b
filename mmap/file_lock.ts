import { checkBoolean, checkMode, checkOptions } from "../ffi/check.ts";
import { systemError } from "../ffi/errors.ts";
import { flock } from "../ffi/file.ts";
import { platform } from "../ffi/platform.ts";
import { checkedWait, type WaitOptions, type WaitSyncOptions } from "../ffi/wait.ts";
import { pollSync, spin } from "../wait/pause.ts";
import { PollQueue } from "../wait/poll_queue.ts";
import { FileGuard, isHeldHere } from "./file_guard.ts";
import { PathSource } from "./path_source.ts";
import { identityOf, statusOf } from "./source.ts";

/** How a file is locked. */
export interface FileLockOptions {
  /**
   * Whether others may have it locked so too, at the same time: readers, say. Default: `false`,
   * alone.
   */
  readonly shared?: boolean;
}

/** Options of {@linkcode FileLock.openOrCreate}. */
export interface CreateFileLockOptions {
  /**
   * Permission bits of a file that is made, less the process's umask. Default: `0o600`, this user
   * alone.
   */
  readonly mode?: number;
}

/**
 * A lock on a file (`flock`), shared or exclusive: it keeps those apart who take it too, and nobody
 * else. The system gives it back when its holder's process ends, in whatever way.
 *
 * Whoever uses the file through a mapping takes the lock for as long as its bytes must belong
 * together. Programs in C take it with `flock()`; locks of `fcntl()` are others.
 *
 * @example
 * ```ts
 * import { FileLock, mapFile } from "@isthmus/isthmus";
 *
 * const path = Deno.makeTempFileSync();
 * using lock = FileLock.open(path);
 * using map = mapFile(path, { access: "readwrite", size: 4096 });
 * {
 *   using _guard = await lock.lock({ timeout: 1000 });
 *   map.view.setUint32(0, map.view.getUint32(0, true) + 1, true);
 * }
 * Deno.removeSync(path);
 * ```
 *
 * @see {@linkcode https://man7.org/linux/man-pages/man2/flock.2.html flock(2)}
 */
export class FileLock implements Disposable {
  readonly #source: PathSource;
  /** Which file it is, wherever its name leads later. */
  readonly #identity: string;
  /** Open and not locked: each guard has a descriptor of its own, or they would share one lock. */
  readonly #idle: number[] = [];
  readonly #queue = new PollQueue<FileGuard>();
  #closed = false;

  private constructor(source: PathSource) {
    this.#source = source;
    const fd = source.open("read");
    this.#identity = identity(fd, source.name);
    this.#idle.push(fd);
  }

  /**
   * Opens the lock on a file that exists. It takes the permission to read that (`--allow-read`).
   *
   * @throws {Deno.errors.NotFound} If there is no such file.
   * @throws {Deno.errors.PermissionDenied} If this user may not read it.
   */
  static open(path: string | URL): FileLock {
    return new FileLock(new PathSource(path));
  }

  /** Opens the lock on a file, and makes that if need be, empty. It takes `--allow-write` too. */
  static openOrCreate(path: string | URL, options: CreateFileLockOptions = {}): FileLock {
    const mode = checkMode(checkOptions(options).mode ?? 0o600);
    const source = new PathSource(path);
    try {
      source.create(mode, () => {});
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
    return new FileLock(source);
  }

  /**
   * Takes the lock if that needs no waiting; `undefined` if somebody else has it.
   *
   * @throws {Deno.errors.NotFound} If a second guard needs the file once more, and its name is gone
   * or another's.
   * @throws {Deno.errors.BadResource} If the `FileLock` was closed.
   */
  tryLock(options: FileLockOptions = {}): FileGuard | undefined {
    const shared = checkBoolean("shared", checkOptions(options).shared);
    const fd = this.#descriptor();
    const { constants: { LOCK_SH, LOCK_EX, LOCK_NB }, errno: { EAGAIN } } = platform();
    const result = flock(fd, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB);
    if (result === 0) return this.#guard(fd, shared);
    this.#idle.push(fd);
    if (result === -EAGAIN) return undefined;
    throw this.#failure(-result);
  }

  /**
   * Takes the lock, and blocks the thread until it is free.
   *
   * @throws {Deno.errors.TimedOut} If it wasn't in time.
   * @throws {Deno.errors.Busy} If this very thread has it.
   * @throws {Deno.errors.BadResource} If the `FileLock` was closed.
   */
  lockSync(options: FileLockOptions & WaitSyncOptions = {}): FileGuard {
    const { timeout } = checkedWait(options);
    const shared = checkBoolean("shared", options.shared);
    const attempt = () => this.tryLock({ shared });
    const guard = attempt();
    if (guard !== undefined) return guard;
    if (timeout === 0) throw this.#timedOut(timeout);
    this.#checkDeadlock(shared);
    if (timeout === undefined) return spin(attempt) ?? this.#block(shared);
    const late = pollSync(attempt, timeout);
    if (late === undefined) throw this.#timedOut(timeout);
    return late;
  }

  /**
   * Takes the lock as soon as it is free. The system can't tell that without blocking a thread, so
   * it is asked again and again, up to 16 ms apart; among many who block for it, this one may have
   * to wait long.
   *
   * @throws {Deno.errors.TimedOut} If it wasn't free in time.
   * @throws {Deno.errors.BadResource} If the `FileLock` was closed, also while waiting.
   */
  async lock(options: FileLockOptions & WaitOptions = {}): Promise<FileGuard> {
    const { signal, timeout } = checkedWait(options);
    const shared = checkBoolean("shared", options.shared);
    // One queue for both kinds: those who share would never let anybody have it alone.
    const wanted = { key: "lock", attempt: () => this.tryLock({ shared }) };
    const timedOut = () => this.#timedOut(timeout ?? Infinity);
    this.#checkOpen();
    return await this.#queue.wait(wanted, { signal, timeout }, timedOut);
  }

  /**
   * Gives up the lock: waits for it end with an error, guards that are held go on. Does nothing the
   * second time.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue.rejectAll(this.#closedError());
    for (const fd of this.#idle.splice(0)) this.#source.close(fd);
  }

  /** Leaves scope: closes the lock. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** A descriptor that nothing is locked by. */
  #descriptor(): number {
    this.#checkOpen();
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    const fd = this.#source.open("read");
    if (identity(fd, this.#source.name) === this.#identity) return fd;
    this.#source.close(fd);
    throw new Deno.errors.NotFound(
      `Cannot lock ${this.#source.name}: it is another file now. Open the lock anew`,
    );
  }

  #guard(fd: number, shared: boolean): FileGuard {
    return new FileGuard(this.#identity, shared, () => {
      const result = flock(fd, platform().constants.LOCK_UN);
      if (this.#closed) this.#source.close(fd);
      else this.#idle.push(fd);
      this.#queue.wake();
      if (result < 0) throw this.#failure(-result);
    });
  }

  /** `flock`, again after a signal. */
  #block(shared: boolean): FileGuard {
    const { constants: { LOCK_SH, LOCK_EX }, errno: { EINTR } } = platform();
    const fd = this.#descriptor();
    for (;;) {
      const result = flock(fd, shared ? LOCK_SH : LOCK_EX);
      if (result === 0) return this.#guard(fd, shared);
      if (result === -EINTR) continue;
      this.#idle.push(fd);
      throw this.#failure(-result);
    }
  }

  /** Throws if this thread holds what it is about to block for. */
  #checkDeadlock(shared: boolean): void {
    if (!isHeldHere(this.#identity, shared)) return;
    throw systemError({
      errno: platform().errno.EDEADLK,
      syscall: "flock",
      action: `lock ${this.#source.name}`,
      class: Deno.errors.Busy,
      advice: {
        EDEADLK: [
          "this thread has it locked, and would wait for itself",
          "Release that guard first, or use the asynchronous form.",
        ],
      },
    });
  }

  #checkOpen(): void {
    if (this.#closed) throw this.#closedError();
  }

  #closedError(): Error {
    return new Deno.errors.BadResource(`Cannot lock ${this.#source.name}: the lock was closed`);
  }

  #timedOut(timeout: number): Error {
    return systemError({
      errno: platform().errno.EAGAIN,
      syscall: "flock",
      action: `lock ${this.#source.name}`,
      class: Deno.errors.TimedOut,
      advice: { EAGAIN: [`somebody else had it for all of ${timeout} ms`] },
    });
  }

  #failure(errno: number): Error {
    return systemError({
      errno,
      syscall: "flock",
      action: `lock ${this.#source.name}`,
      advice: {
        ENOLCK: ["the system has no room for more locks"],
        EBADF: ["its file system wants it to be open for writing"],
      },
    });
  }
}

function identity(fd: number, name: string): string {
  return identityOf(statusOf(fd, name));
}
