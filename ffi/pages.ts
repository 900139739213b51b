import { libc } from "./libc.ts";

/** Where memory lies. */
export interface Place {
  /** The address of the first byte. */
  readonly address: bigint;
  /** The length in bytes. */
  readonly byteLength: number;
}

/** Rounded up to a multiple of `unit`. */
export function roundUp(bytes: number, unit: number): number {
  return Math.ceil(bytes / unit) * unit;
}

/** The whole pages that a place touches: the system knows no others. */
export function span({ address, byteLength }: Place, pageSize: number): Place {
  const before = Number(address % BigInt(pageSize));
  return {
    address: address - BigInt(before),
    byteLength: byteLength === 0 ? 0 : roundUp(before + byteLength, pageSize),
  };
}

let pageSize: number | undefined;

/** `int getpagesize(void)`: the size of a memory page in bytes. */
export function getpagesize(): number {
  return pageSize ??= libc().c.getpagesize();
}
