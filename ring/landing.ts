/** In place of a length: a reader found nothing to copy. */
export const NOTHING = -1;

/** From how many bytes on a message gets a buffer of its own. */
const LARGE = 4096;

/**
 * What the arrays of small messages are cut from, in bytes: `new Uint8Array(64)` takes ten times as
 * long as a part of a buffer that is there. Who keeps one of them keeps all of it.
 */
const SLAB_BYTES = 65536;

/**
 * Where the bytes of a message are copied to. What isn't taken is overwritten by the next one.
 */
export class Landing {
  /** The bytes and words of a buffer, which is this process's own. */
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  words: Int32Array<ArrayBuffer> = new Int32Array(0);
  /** Where in them the message goes, a multiple of 16. */
  offset = 0;
  readonly #keeps: boolean;
  /** The array that was given out for the message before. */
  #taken: Uint8Array<ArrayBuffer> = this.bytes;
  /** The slab, and where it is free, while a large message has a buffer of its own. */
  #slab: { readonly bytes: Landing["bytes"]; words: Landing["words"]; offset: number } | undefined;

  /** Whether every message keeps its array; otherwise one serves for all. */
  constructor(keeps: boolean) {
    this.#keeps = keeps;
  }

  /** Makes room for a message. */
  reserve(length: number): void {
    if (this.#slab !== undefined) this.#backToSlab();
    const { length: size } = this.bytes; // 0 also if somebody transferred it away
    if (length > size - this.offset || size === 0) this.#allocate(length);
  }

  #allocate(length: number): void {
    if (!this.#keeps) {
      this.#use(new ArrayBuffer(Math.max(LARGE, 2 ** Math.ceil(Math.log2(length)))));
    } else if (length <= LARGE) this.#use(new ArrayBuffer(SLAB_BYTES));
    else {
      this.#slab = { bytes: this.bytes, words: this.words, offset: this.offset };
      this.#use(new ArrayBuffer(length + 15 & ~15));
    }
  }

  #use(buffer: ArrayBuffer): void {
    this.offset = 0;
    this.bytes = new Uint8Array(buffer);
    this.words = new Int32Array(buffer);
  }

  #backToSlab(): void {
    if (this.#slab === undefined) return;
    const { bytes, words, offset } = this.#slab;
    this.bytes = bytes;
    this.words = words;
    this.offset = offset;
    this.#slab = undefined;
  }

  /** The array of a message that is there. */
  take(length: number): Uint8Array<ArrayBuffer> {
    if (this.#keeps) {
      const taken = new Uint8Array(this.bytes.buffer, this.offset, length);
      this.offset += length + 15 & ~15;
      return taken;
    }
    if (this.#taken.buffer !== this.bytes.buffer || this.#taken.length !== length) {
      this.#taken = new Uint8Array(this.bytes.buffer, 0, length);
    }
    return this.#taken;
  }
}

/** Up to how many bytes a loop is faster than a call. */
const SHORT = 256;

/** Copies a message, which starts at a multiple of 16, to where it lands. */
export function land(
  landing: Landing,
  words: Int32Array<ArrayBufferLike>,
  bytes: Uint8Array<ArrayBufferLike>,
  from: number,
  length: number,
): void {
  landing.reserve(length);
  if (length > SHORT) {
    landing.bytes.set(bytes.subarray(from, from + length), landing.offset);
    return;
  }
  const target = landing.words;
  const at = landing.offset >>> 2;
  const source = from >>> 2;
  const count = length + 3 >>> 2;
  for (let i = 0; i < count; i++) target[at + i] = words[source + i];
}
