import { checkInteger } from "../ffi/check.ts";
import { HEADER_BYTES } from "./header.ts";

// Behind the header: a line of 64 bytes with the turnstile's mutex, and the word that says whether
// a writer died; then a line with a mutex for each reader.

const LINE = 64;

/** Words of a mutex's line. */
export const LINE_WORDS = LINE / 4;

/** The turnstile's word in the place. */
export const TURNSTILE = HEADER_BYTES / 4;

/** The word that isn't 0 once a writer died, until another one has repaired what it left. */
export const INCONSISTENT = TURNSTILE + 12;

/** The word of the first reader's mutex. */
export const SLOTS = TURNSTILE + LINE_WORDS;

/** How many readers there may be at once, unless told. */
const DEFAULT_READERS = 16;

/** A writer holds a mutex for each reader: the system frees 2048 for a thread that dies. */
export const MOST_READERS = 1024;

/** Returns a number of readers, checked. */
export function checkReaders(readers: unknown = DEFAULT_READERS): number {
  return checkInteger("readers", readers, 1, MOST_READERS);
}

/** How many bytes a lock has. */
export function rwLockBytes(readers: number): number {
  return HEADER_BYTES + LINE * (1 + readers);
}
