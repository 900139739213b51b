import { libc } from "./libc.ts";
import { platform } from "./platform.ts";

// The kernel's futexes: 32-bit words on which threads of any process sleep until somebody wakes
// them. The words are always taken as shared. Each function returns what C returns, or the negated
// error number in place of -1; addresses are the caller's to check and to keep mapped.

const FUTEX_WAIT = 0;
const FUTEX_WAKE = 1;
const FUTEX2_SIZE_U32 = 2;

/** Bytes of a `struct futex_waitv`: val u64, uaddr u64, flags u32, reserved u32. */
const WAITV_SIZE = 24;

/** The most words that one `futex_waitv` waits for (`FUTEX_WAITV_MAX`). */
export const FUTEX_WAITV_MAX = 128;

/** All that sleep on a word, as {@linkcode futexWake} takes it. */
export const ALL = 0x7fffffff;

/** Whether the system has futexes; macOS has not. */
function hasFutex(): boolean {
  return platform().syscalls !== null;
}

// Kept: a number in place of a bigint takes the call's slow path.
let SYS_futex = 0n;
let SYS_futex_waitv = 0n;
let clockMonotonic: number | undefined;

function futexNumber(): bigint {
  return SYS_futex ||= BigInt(platform().syscalls?.futex ?? 0);
}

// A buffer of its own, which never moves: V8 may move a small array that it has on its heap.
const relative = new BigInt64Array(new ArrayBuffer(16));

/**
 * `futex(uaddr, FUTEX_WAIT, val, timeout)`: sleeps while the word has a value, for some
 * milliseconds at most.
 *
 * Returns 0 when woken, `-EAGAIN` if the word has another value, `-ETIMEDOUT`, or `-EINTR`.
 * See {@linkcode https://man7.org/linux/man-pages/man2/futex.2.html futex(2)}.
 */
export function futexWait(uaddr: bigint, val: number, milliseconds: number): number {
  const { c, errno } = libc();
  relative[0] = BigInt(Math.floor(milliseconds / 1000));
  relative[1] = BigInt(Math.floor(milliseconds % 1000 * 1e6));
  const result = c.syscall_futex(futexNumber(), uaddr, FUTEX_WAIT, val >>> 0, relative);
  return result === -1 ? -errno[0] : result;
}

/**
 * `futex(uaddr, FUTEX_WAKE, val)`: wakes at most so many that sleep on a word, and returns how many
 * those were.
 *
 * See {@linkcode https://man7.org/linux/man-pages/man2/futex.2.html futex(2)}.
 */
export function futexWake(uaddr: bigint, count: number): number {
  const { c, errno } = libc();
  const result = c.syscall_futex(futexNumber(), uaddr, FUTEX_WAKE, count, null);
  return result === -1 ? -errno[0] : result;
}

/** Words to wait for together, as `futex_waitv` takes them. */
export class FutexVector {
  readonly #buffer = new ArrayBuffer(FUTEX_WAITV_MAX * WAITV_SIZE);
  readonly #view = new DataView(this.#buffer);
  readonly #bytes = new Uint8Array(this.#buffer);
  // Kept as long as the vector: another thread reads it, maybe only after a collection.
  readonly #deadline = new BigInt64Array(new ArrayBuffer(16));
  #length = 0;

  /** How many words there are. */
  get length(): number {
    return this.#length;
  }

  /** Forgets all words. */
  clear(): void {
    this.#length = 0;
  }

  /** Adds a word, and the value with which it is to be slept on. */
  add(uaddr: bigint, val: number): void {
    const offset = this.#length++ * WAITV_SIZE;
    this.#view.setBigUint64(offset, BigInt(val >>> 0), true);
    this.#view.setBigUint64(offset + 8, uaddr, true);
    this.#view.setUint32(offset + 16, FUTEX2_SIZE_U32, true);
    this.#view.setUint32(offset + 20, 0, true);
  }

  /**
   * `futex_waitv` on this thread, for some milliseconds at most: the index of a word that was
   * woken, `-EAGAIN` if one has another value, `-ETIMEDOUT`, `-ENOSYS` before Linux 5.16.
   *
   * See {@linkcode https://docs.kernel.org/userspace-api/futex2.html futex_waitv}.
   */
  wait(milliseconds: number): number {
    const { c, errno } = libc();
    const [number, waiters, length, flags, deadline, clock] = this.#call(milliseconds);
    const result = c.syscall_futex_waitv(number, waiters, length, flags, deadline, clock);
    return result === -1 ? -errno[0] : result;
  }

  /**
   * `futex_waitv` on another thread: the promise is fulfilled with the index of a word, or with -1,
   * since that thread's `errno` can't be read. Until then the vector must not change, and the words
   * must stay where they are.
   */
  waitNonblocking(milliseconds: number): Promise<number> {
    return libc().c.syscall_futex_waitv_nonblocking(...this.#call(milliseconds));
  }

  #call(milliseconds: number) {
    SYS_futex_waitv ||= BigInt(platform().syscalls?.futex_waitv ?? 0);
    clockMonotonic ??= platform().constants.CLOCK_MONOTONIC;
    const deadline = this.#deadline;
    libc().c.clock_gettime(clockMonotonic, deadline);
    // In doubles, far quicker than in bigints, and exact: seconds since the system started.
    const nanoseconds = Number(deadline[1]) + Math.ceil(milliseconds * 1e6);
    const seconds = Math.floor(nanoseconds / 1e9);
    deadline[0] += BigInt(seconds);
    deadline[1] = BigInt(nanoseconds - 1e9 * seconds);
    return [SYS_futex_waitv, this.#bytes, this.#length, 0, deadline, clockMonotonic] as const;
  }
}

let waitv: boolean | undefined;

/** Whether the kernel has `futex_waitv`: Linux has it since 5.16. */
export function hasFutexWaitv(): boolean {
  // Without words it is refused so by whoever has it; a container's filter may say EPERM.
  return waitv ??= hasFutex() && new FutexVector().wait(0) === -platform().errno.EINVAL;
}
