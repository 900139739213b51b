import { flock } from "../ffi/file.ts";
import { platform } from "../ffi/platform.ts";
import { sleepSync } from "../ffi/wait.ts";
import { reserve, setSize } from "./backing_file.ts";
import { statusOf } from "./source.ts";

/** How long to wait for another process that gives the object its size, in milliseconds. */
const TIMEOUT = 1000;

/** How often to look whether it has done so, in milliseconds. */
const POLL = 1;

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
