import { checkInteger, checkOptions, checkTimeout } from "../ffi/check.ts";

/** Where an object lies in its memory. */
export interface OffsetOptions {
  /** The byte of the memory that it begins at, a multiple of 8. Default: 0. */
  readonly offset?: number;
}

/** Options of `open()` and `openOrCreate()`. */
export interface OpenObjectOptions extends OffsetOptions {
  /** How long to wait for somebody who is just creating it, in milliseconds. Default: 1000. */
  readonly timeout?: number;
}

/** The offset among options, checked. */
export function readOffset(options: OffsetOptions): number {
  return checkInteger("offset", checkOptions(options).offset ?? 0, 0);
}

/** The options of what opens, checked. */
export function checkedOpen(
  options: OpenObjectOptions,
): { offset: number; timeout: number | undefined } {
  return { offset: readOffset(options), timeout: checkTimeout(options.timeout) };
}
