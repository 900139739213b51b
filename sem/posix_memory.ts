import { checkInteger, checkOptions, checkRange, describe } from "../ffi/check.ts";
import { platform } from "../ffi/platform.ts";
import { semInit, semSharedMark } from "../ffi/posix_sem.ts";
import { BaseMemory, Memory, regionOf } from "../memory/memory.ts";
import { checkValue } from "./posix_open.ts";
import { PosixPlace } from "./posix_place.ts";

/** Where in a memory a semaphore is. */
export interface PosixSemaphoreOffset {
  /** In bytes, a multiple of 8. It takes 32 bytes from there. Default: 0. */
  readonly offset?: number;
}

const UNINITIALISED =
  "Whoever makes it calls PosixSemaphore.init(), or sem_init() with pshared 1, before others use it.";

/** The place in a memory that a user names, checked. */
function placeIn(memory: unknown, offset: unknown): PosixPlace {
  if (!(memory instanceof Memory)) {
    throw new TypeError(
      memory instanceof BaseMemory
        ? 'memory must be one that may be written: attach or map it for "readwrite"'
        : `memory must be an attachment or a mapping: received ${describe(memory)}`,
    );
  }
  const region = regionOf(memory);
  const start = checkInteger("offset", offset, 0);
  const name = `semaphore at offset ${start} of ${region.name}`;
  if (region.closed) {
    throw new Deno.errors.BadResource(`Cannot use ${name}: ${region.name} was unmapped`);
  }
  const { size, alignment } = platform().layouts.sem_t;
  checkRange(start, size, region.byteLength);
  const before = Number(region.address % BigInt(alignment));
  if ((before + start) % alignment !== 0) {
    const plus = before === 0
      ? ""
      : ` plus ${alignment - before}, since the memory starts at an odd place`;
    throw new RangeError(`offset must be a multiple of ${alignment}${plus}: received ${start}`);
  }
  return new PosixPlace(name, region, start, UNINITIALISED);
}

/** Makes a semaphore in a memory (`sem_init`). */
export function initialise(
  memory: unknown,
  value: unknown,
  options: PosixSemaphoreOffset,
): PosixPlace {
  const place = placeIn(memory, checkOptions(options).offset ?? 0);
  const checked = checkValue(value);
  const sem = place.touchable();
  const result = typeof sem === "number" ? sem : semInit(sem, 1, checked);
  if (result === 0) return place;
  throw place.error(result, "sem_init", "initialise");
}

/** Finds the semaphore that somebody made in a memory. */
export function findInitialised(memory: unknown, options: PosixSemaphoreOffset): PosixPlace {
  const place = placeIn(memory, checkOptions(options).offset ?? 0);
  if (semSharedMark() === null) {
    throw new Deno.errors.NotSupported(
      `Cannot use ${place.name}: this platform has semaphores with names only`,
    );
  }
  const touchable = place.touchable();
  const found = typeof touchable === "number" ? touchable : place.locate();
  if (typeof found === "bigint") return place;
  throw place.error(found, "sem_getvalue", "use");
}
