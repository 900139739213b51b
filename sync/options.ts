import { checkInteger, checkOptions } from "../ffi/check.ts";

/** Where an object lies in its memory. */
export interface OffsetOptions {
  /** The byte of the memory that it begins at, a multiple of 8. Default: 0. */
  readonly offset?: number;
}

/** The offset among options, checked. */
export function readOffset(options: OffsetOptions): number {
  return checkInteger("offset", checkOptions(options).offset ?? 0, 0);
}
