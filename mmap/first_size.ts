import { setLock } from "../ffi/file.ts";
import { platform } from "../ffi/platform.ts";
import { sleepSync } from "../ffi/wait.ts";
import { reserve, setSize } from "./backing_file.ts";
import { statusOf } from "./source.ts";

/** How long to wait for another process that gives the object its size, in milliseconds. */
const TIMEOUT = 1000;

/** How often to look whether it has done so, in milliseconds. */
const POLL = 1;

/** What is locked. */
const LOCKED_BYTE = 2 ** 52;

/** Who gives an object its size. */
export interface Sizer {
  /** Removes the object if it can't have the size: the creator's. */
  remove?(): void;
  /** Whether the object still has its name: for who only opened it. */
  isCurrent?(): boolean;
}

/**
 * Gives a new object its size, unless it has one already. The call that makes an object can't give
 * it a size at once, and whoever opens it in between may do that as well; the lock lets one do it.
 * So nobody has an object in use whose size the creator still sets, or which the creator removes
 * because it failed.
 *
 * @throws {Deno.errors.NotFound} If its creator removed it meanwhile.
 */
export function giveSize(
  fd: number,
  size: number,
  blocks: boolean,
  name: string,
  { remove, isCurrent }: Sizer,
): void {
  lock(fd, name);
  try {
    if (statusOf(fd, name).size !== 0) return;
    if (isCurrent?.() === false) {
      throw new Deno.errors.NotFound(`Cannot open ${name}: its creator failed, and removed it`);
    }
    if (blocks) reserve(fd, 0, size, name);
    else setSize(fd, size, name);
  } catch (error) {
    remove?.();
    throw error;
  } finally {
    setLock(fd, platform().constants.F_UNLCK, LOCKED_BYTE, 1);
  }
}

/**
 * Locks the object, for the moment that it takes to give it a size. It isn't the lock of
 * `FileLock`, under which a program may make its file; and it is on a byte that no file has.
 */
function lock(fd: number, name: string): void {
  const { constants: { F_WRLCK }, errno: { EAGAIN, EACCES } } = platform();
  const deadline = performance.now() + TIMEOUT;
  for (;;) {
    const result = setLock(fd, F_WRLCK, LOCKED_BYTE, 1);
    // What has no locks (shared memory on macOS) has no such race either: there the size can be set
    // once.
    if (result !== -EAGAIN && result !== -EACCES) return;
    if (performance.now() >= deadline) {
      throw new Deno.errors.TimedOut(
        `Cannot give ${name} its size: another process has had it locked for ${TIMEOUT} ms. End that, or remove the object`,
      );
    }
    sleepSync(POLL);
  }
}
