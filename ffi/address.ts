import { libc } from "./libc.ts";
import { platform } from "./platform.ts";

/** `(void *) -1`, which `mmap`, `mremap` and `shmat` return on failure. */
const FAILED = 2n ** 64n - 1n;

/** How often an implausible EAGAIN is asked again before it is believed. */
const CONFIRMATIONS = 3;

/**
 * Makes a C call that returns an address, or `failed` on failure; returns the address, or a negated
 * error number.
 */
export function addressOrError(call: () => bigint, failed = FAILED): bigint | number {
  const { errno } = libc();
  const { EAGAIN } = platform().errno;
  for (let attempt = 0;; attempt++) {
    const address = call();
    const error = errno[0];
    if (address !== failed) return address;
    // The bigint is allocated before errno can be read, and a collection at that
    // moment leaves EAGAIN there: ask again for the real reason.
    if (error !== EAGAIN || attempt === CONFIRMATIONS) return -error;
  }
}
