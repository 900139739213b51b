import { type Advice, type SystemError, systemError, type SystemErrorInit } from "../ffi/errors.ts";
import { madvise } from "../ffi/mman.ts";
import { span } from "../ffi/pages.ts";
import { platform } from "../ffi/platform.ts";
import { SEM_SHARED, SEM_WAITERS, semPost, semSharedMark, semTrywait } from "../ffi/posix_sem.ts";
import type { Region } from "../ffi/region.ts";

const NOWHERE = new Int32Array(0);

/**
 * Where a semaphore lies: in memory that may move or end at any time, and that others may write
 * nonsense to. Calls return 0, or a negated error number: `-EBADF` if the memory is gone, `-EINVAL`
 * if no semaphore is there.
 */
export class PosixPlace {
  /** The semaphore as errors name it. */
  readonly name: string;
  readonly #region: Region;
  readonly #offset: number;
  readonly #remedy: string;
  readonly #mark: number | null;
  // Found once for each place that the region has: its buffer dies when it moves, and with it this
  // view.
  #words = NOWHERE;
  #address = 0n;

  /** A semaphore `offset` bytes into a region; `remedy` says what to do if none is there. */
  constructor(
    name: string,
    region: Region,
    offset: number,
    remedy: string,
    mark = semSharedMark(),
  ) {
    this.name = name;
    this.#region = region;
    this.#offset = offset;
    this.#remedy = remedy;
    this.#mark = mark;
  }

  /** Its address now, and until something else can run on this thread. */
  locate(): bigint | number {
    if (this.#words.length === 0) {
      const { detached, byteLength, address } = this.#region;
      const { size } = platform().layouts.sem_t;
      // What sem_open returns on macOS has no bytes to look at.
      const hidden = this.#mark === null;
      if (detached || (!hidden && this.#offset > byteLength - size)) {
        return -platform().errno.EBADF;
      }
      this.#address = address + BigInt(this.#offset);
      if (hidden) return this.#address;
      const { buffer, byteOffset } = this.#region.newBytes();
      this.#words = new Int32Array(buffer, byteOffset + this.#offset, size / 4);
    }
    if (this.#words[SEM_SHARED] !== this.#mark) return -platform().errno.EINVAL;
    return this.#address;
  }

  /** Takes a unit if one is there. */
  tryTake(): number {
    const sem = this.locate();
    if (typeof sem === "number") return sem;
    const { EINTR } = platform().errno;
    for (;;) {
      const result = semTrywait(sem);
      if (result !== -EINTR) return result;
    }
  }

  /** Gives a unit. */
  give(): number {
    const sem = this.locate();
    return typeof sem === "number" ? sem : semPost(sem);
  }

  /**
   * Gives back a unit that was taken, even if the memory was closed since then: while it is held.
   */
  giveBack(): number {
    return this.#region.detached ? semPost(this.#address) : this.give();
  }

  /** Whether others wait in the kernel, when this thread's pool doesn't. */
  othersWait(): boolean {
    return this.#words.length > 0 && this.#words[SEM_WAITERS] !== 0;
  }

  /**
   * Keeps the memory, which must be there, where it is until the function that this returns is
   * called.
   */
  hold(): () => void {
    return this.#region.hold();
  }

  /** Ends the memory, if it is the semaphore's own, as soon as nobody holds it. */
  close(): void {
    this.#region.close();
  }

  /** The error for a call that failed; `verb` completes "Cannot ... semaphore". */
  error(
    result: number,
    syscall: string,
    verb: string,
    init: Pick<SystemErrorInit, "advice" | "class"> = {},
  ): SystemError {
    const { EFAULT, EINVAL } = platform().errno;
    const noSemaphore = result === -EINVAL || result === -EFAULT;
    return systemError({
      errno: -result,
      syscall,
      action: `${verb} ${this.name}`,
      advice: { ...this.#advice(), ...init.advice },
      class: init.class ?? (noSemaphore ? Deno.errors.BadResource : undefined),
    });
  }

  #advice(): Advice {
    const { closed, detached, name } = this.#region;
    const gone = closed
      ? `${name} was unmapped`
      : detached
      ? `the ArrayBuffer of ${name} was transferred away`
      : `${name} now ends before it`;
    return {
      EBADF: [gone],
      EFAULT: ["a page of its memory can't be had: the file is shorter than what is mapped of it"],
      EINVAL: [
        "there is none for several processes, or something else was written over it",
        this.#remedy,
      ],
    };
  }

  /**
   * Its address, once it is known that a touch of it is none of the process's end: a negated error
   * number otherwise. A file that is too short, which anybody may put under a semaphore's name, is
   * a fault (SIGBUS) when it is touched.
   */
  touchable(): bigint | number {
    const { constants: { MADV_POPULATE_WRITE }, errno: { EFAULT }, layouts } = platform();
    const { pageSize, address: start } = this.#region;
    const address = start + BigInt(this.#offset);
    if (MADV_POPULATE_WRITE === null) return address;
    const pages = span({ address, byteLength: layouts.sem_t.size }, pageSize);
    const result = madvise(pages.address, pages.byteLength, MADV_POPULATE_WRITE);
    return result === -EFAULT ? result : address; // before Linux 5.14 it knows nothing of that
  }
}
