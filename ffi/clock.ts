import { libc } from "./libc.ts";

/**
 * `int clock_gettime(clockid_t clockid, struct timespec *tp)`
 *
 * Returns the `struct timespec`: seconds and nanoseconds. With a clock that exists it can't fail.
 * See {@linkcode https://man7.org/linux/man-pages/man3/clock_gettime.3.html clock_gettime(3)}.
 */
export function clockGettime(clockid: number): BigInt64Array<ArrayBuffer> {
  const tp = new BigInt64Array(2);
  libc().c.clock_gettime(clockid, tp);
  return tp;
}

const NANOSECONDS = 1_000_000_000n;

/** The `struct timespec` of a moment that lies some milliseconds, not negative, behind another. */
export function timespecAfter(
  [seconds, nanoseconds]: BigInt64Array,
  milliseconds: number,
): BigInt64Array<ArrayBuffer> {
  const sum = nanoseconds + BigInt(Math.ceil(milliseconds * 1e6));
  return new BigInt64Array([seconds + sum / NANOSECONDS, sum % NANOSECONDS]);
}
