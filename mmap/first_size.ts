import { flock } from "../ffi/file.ts";
import { platform } from "../ffi/platform.ts";
import { sleepSync } from "../ffi/wait.ts";
import { reserve, setSize } from "./backing_file.ts";
import { statusOf } from "./source.ts";

/** How long to wait for another process that gives the object its size, in milliseconds. */
const TIMEOUT = 1000;

/** How often to look whether it has done so, in milliseconds. */
const POLL = 1;

/**
 * Gives a new object its size, unless it has that already. The call that makes an object can't give it a size at once, and
 * whoever opens it in between may do that as well; the lock lets one do it.
 *
 * @throws {RangeError} If the object has another size.
 */
export function giveSize(fd: number, size: number, blocks: boolean, name: string): void {
  lock(fd, name);
  try {
    const { size: found } = statusOf(fd, name);
    if (found === size) return;
    if (found !== 0) {
      throw new RangeError(
        `Cannot give ${name} ${size} bytes: it has ${found}. ` +
          "Use its own size (PosixSharedMemory.open()), or remove it first",
      );
    }
    if (blocks) reserve(fd, 0, size, name);
    else setSize(fd, size, name);
  } finally {
    flock(fd, platform().constants.LOCK_UN);
  }
}

/** Locks the object, for the moment that it takes to give it a size. */
function lock(fd: number, name: string): void {
  const { constants: { LOCK_EX, LOCK_NB }, errno: { EAGAIN } } = platform();
  const deadline = performance.now() + TIMEOUT;
  // What has no locks (macOS) has no such race either: there the size can be set once.
  while (flock(fd, LOCK_EX | LOCK_NB) === -EAGAIN) {
    if (performance.now() >= deadline) {
      throw new Deno.errors.TimedOut(
        `Cannot give ${name} its size: another process has had it locked for ${TIMEOUT} ms. End that, or remove the object`,
      );
    }
    sleepSync(POLL);
  }
}
