import { describe } from "../ffi/check.ts";

// The built-ins themselves: an array in the user's hands may have properties of the same names, and
// neither the kernel nor we may touch more than there is.
const typedArray = Object.getPrototypeOf(Uint8Array.prototype);

function getter<T>(prototype: object, name: PropertyKey): (this: unknown) => T {
  return Object.getOwnPropertyDescriptor(prototype, name)?.get as (this: unknown) => T;
}

const tagOf = getter<string | undefined>(typedArray, Symbol.toStringTag);
const lengthOf = getter<number>(typedArray, "length");
const offsetOf = getter<number>(typedArray, "byteOffset");
const bufferOf = getter<ArrayBuffer>(typedArray, "buffer");
const isDetached = getter<boolean>(ArrayBuffer.prototype, "detached");
const { set } = Uint8Array.prototype;

/**
 * Checks that a value is a `Uint8Array` on memory that is there, of any kind; returns its length.
 */
export function checkBytes(name: string, value: unknown): number {
  if (tagOf.call(value) !== "Uint8Array") {
    const remedy = typeof value === "string" ? ". Encode text: new TextEncoder().encode(text)" : "";
    throw new TypeError(`${name} must be a Uint8Array: received ${describe(value)}${remedy}`);
  }
  const buffer = bufferOf.call(value);
  if (buffer instanceof ArrayBuffer && isDetached.call(buffer)) {
    throw new TypeError(`${name} must not be detached: the memory that it lay in is gone`);
  }
  return lengthOf.call(value);
}

/** Up to how many bytes a loop copies faster than `set()`, which needs a view of just these. */
const FEW = 128;

/** Copies bytes to the front of others, which must have room, and returns that front. */
export function copyInto(
  into: Uint8Array<ArrayBuffer>,
  bytes: Uint8Array<ArrayBuffer>,
  start: number,
  length: number,
): Uint8Array<ArrayBuffer> {
  if (length > FEW) set.call(into, bytes.subarray(start, start + length));
  else for (let index = 0; index < length; index++) into[index] = bytes[start + index];
  return new Uint8Array(bufferOf.call(into), offsetOf.call(into), length);
}
