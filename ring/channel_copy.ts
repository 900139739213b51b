import { describe } from "../ffi/check.ts";

// How messages are copied between users' arrays and the ring. A loop over words is faster than the
// call of set() for short messages, where words were laid over the array before: that pays if the
// same array is used again and again.

/** Up to how many bytes the loop is faster: out of a ring it is so for longer. */
const SHORT_IN = 128;
const SHORT_OUT = 256;

const NO_BYTES = new Uint8Array(0);

/** The bytes of a ring, in two ways. */
export interface Ring {
  readonly ring: Int32Array<ArrayBufferLike>;
  readonly bytes: Uint8Array<ArrayBufferLike>;
  readonly capacity: number;
}

/**
 * Words on the bytes of a user's array; `undefined` if they are misaligned, or may change their
 * number.
 */
function wordsOn(
  { buffer, byteOffset, length }: Uint8Array<ArrayBufferLike>,
): Int32Array<ArrayBufferLike> | undefined {
  const resizable = buffer instanceof ArrayBuffer ? buffer.resizable : buffer.growable;
  return byteOffset % 4 === 0 && !resizable
    ? new Int32Array(buffer, byteOffset, length >>> 2)
    : undefined;
}

/** Copies messages into a ring. */
export class Source {
  /** What was sent last, and words on the same bytes if it was sent twice. */
  #last: Uint8Array<ArrayBufferLike> = NO_BYTES;
  #words: Int32Array<ArrayBufferLike> | undefined;

  /** Copies a message to a place in the ring, a multiple of 8. */
  copy(message: Uint8Array<ArrayBufferLike>, { ring, bytes, capacity }: Ring, to: number): void {
    const { length } = message;
    if (to + length > capacity) {
      bytes.set(message.subarray(0, capacity - to), to);
      bytes.set(message.subarray(capacity - to), 0);
      return;
    }
    const words = length > SHORT_IN ? undefined : this.#wordsOf(message);
    if (words === undefined) {
      bytes.set(message, to);
      return;
    }
    const count = length >>> 2;
    for (let i = 0, k = to >>> 2; i < count; i++) ring[k + i] = words[i];
    for (let i = count << 2; i < length; i++) bytes[to + i] = message[i];
  }

  /** Keeps no array any more. */
  forget(): void {
    this.#last = NO_BYTES;
    this.#words = undefined;
  }

  #wordsOf(message: Uint8Array<ArrayBufferLike>): Int32Array<ArrayBufferLike> | undefined {
    if (message === this.#last) return this.#words ??= wordsOn(message);
    this.#last = message;
    return this.#words = undefined;
  }
}

/** Copies messages out of a ring, into arrays of the user's. */
export class Target {
  /** What was received into last, and words on the same bytes. */
  #last: Uint8Array<ArrayBufferLike> = NO_BYTES;
  #words: Int32Array<ArrayBufferLike> | undefined;

  /** Copies a message from a place in the ring, a multiple of 8, to the front of an array. */
  copy(
    target: Uint8Array<ArrayBufferLike>,
    { ring, bytes, capacity }: Ring,
    from: number,
    length: number,
  ): void {
    if (target !== this.#last) this.#aim(target);
    if (length > target.length) {
      throw new RangeError(
        `Cannot receive ${length} bytes into ${target.length}: the message stays where it is. Use a longer array`,
      );
    }
    const first = capacity - from;
    if (length > first) {
      target.set(bytes.subarray(from));
      target.set(bytes.subarray(0, length - first), first);
      return;
    }
    const words = this.#words;
    if (length > SHORT_OUT || words === undefined) {
      target.set(bytes.subarray(from, from + length));
      return;
    }
    const count = length >>> 2;
    for (let i = 0, k = from >>> 2; i < count; i++) words[i] = ring[k + i];
    for (let i = count << 2; i < length; i++) target[i] = bytes[from + i];
  }

  /** Keeps no array any more. */
  forget(): void {
    this.#last = NO_BYTES;
    this.#words = undefined;
  }

  #aim(target: unknown): void {
    if (!(target instanceof Uint8Array)) {
      throw new TypeError(`target must be a Uint8Array: received ${describe(target)}`);
    }
    this.#last = target;
    this.#words = wordsOn(target);
  }
}
