import { describe } from "../ffi/check.ts";
import type { Fields, RecordInput, RecordOf, RecordType } from "../struct/mod.ts";

/**
 * How values become the bytes of messages, and bytes become values.
 *
 * @example A codec of one's own
 * ```ts
 * import type { Codec } from "@isthmus/isthmus/ring";
 *
 * const number: Codec<number> = {
 *   keeps: false,
 *   encode: (value) => new Uint8Array(new Float64Array([value]).buffer),
 *   decode: (bytes) => new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0, true),
 * };
 * ```
 */
export interface Codec<Out, In = Out> extends Encoder<In>, Decoder<Out> {}

/** The half of a {@linkcode Codec} that a sender needs. */
export interface Encoder<In> {
  /** The bytes of a value. They are copied before this is called again, and may be reused then. */
  encode(value: In): Uint8Array;
}

/** The half of a {@linkcode Codec} that a receiver needs. */
export interface Decoder<Out> {
  /**
   * Whether what `decode()` returns may refer to the bytes it got. Then each message has an array
   * of its own; otherwise one array serves for all, and is overwritten by the next message.
   */
  readonly keeps: boolean;
  /** The value of some bytes, which are a copy that no other process sees. */
  decode(bytes: Uint8Array<ArrayBuffer>): Out;
}

/** What a codec encodes, checked: nothing but bytes may be copied into a ring. */
export function encoderOf<In>(codec: Encoder<In>): (value: In) => Uint8Array {
  return (value) => {
    const bytes = codec.encode(value);
    if (bytes instanceof Uint8Array) return bytes;
    throw new TypeError(`encode() must return a Uint8Array: it returned ${describe(bytes)}`);
  };
}

/**
 * Messages are bytes: what was sent, and arrays of their own for whoever receives them. The
 * default.
 *
 * @example
 * ```ts
 * import { bytesCodec } from "@isthmus/isthmus/ring";
 *
 * console.log(bytesCodec.keeps); // true
 * ```
 */
export const bytesCodec: Codec<Uint8Array<ArrayBuffer>, Uint8Array> = {
  keeps: true,
  encode(value) {
    if (value instanceof Uint8Array) return value;
    throw new TypeError(`message must be a Uint8Array: received ${describe(value)}`);
  },
  decode: (bytes) => bytes,
};

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Messages are text, as UTF-8. What isn't UTF-8 becomes U+FFFD.
 *
 * @example
 * ```ts
 * import { textCodec } from "@isthmus/isthmus/ring";
 *
 * console.log(textCodec.encode("grün").length); // 5
 * ```
 */
export const textCodec: Codec<string> = {
  keeps: false,
  encode(value) {
    if (typeof value === "string") return encoder.encode(value);
    throw new TypeError(`message must be a string: received ${describe(value)}`);
  },
  decode: (bytes) => decoder.decode(bytes),
};

/**
 * Messages are values as JSON. What another program sent as a `T` isn't checked to be one.
 *
 * @example
 * ```ts
 * import { jsonCodec } from "@isthmus/isthmus/ring";
 *
 * const orders = jsonCodec<{ id: number; price: number }>();
 * console.log(orders.encode({ id: 1, price: 9.5 }).length); // 22
 * ```
 */
export function jsonCodec<T>(): Codec<T> {
  return {
    keeps: false,
    encode(value) {
      const text = JSON.stringify(value);
      if (text !== undefined) return encoder.encode(text);
      throw new TypeError(`message must be a value that JSON has: received ${describe(value)}`);
    },
    decode(bytes) {
      try {
        return JSON.parse(strict.decode(bytes));
      } catch (cause) {
        throw new Deno.errors.InvalidData("Cannot decode a message: it is no JSON", { cause });
      }
    },
  };
}

/**
 * Messages are records, in the layout that C has for them. Received ones are records on bytes of
 * their own. Fields that aren't given are 0.
 *
 * @example
 * ```ts
 * import { recordCodec } from "@isthmus/isthmus/ring";
 * import { f64, struct, u32 } from "@isthmus/isthmus/struct";
 *
 * const codec = recordCodec(struct("tick", { id: u32, price: f64 }));
 * console.log(codec.encode({ id: 1, price: 9.5 }).length); // 16
 * ```
 */
export function recordCodec<F extends Fields, V>(
  type: RecordType<F, V>,
): Codec<RecordOf<F, V>, RecordInput<F>> {
  const scratch = new Uint8Array(new ArrayBuffer(type.size));
  const record = type.at(scratch);
  return {
    keeps: true,
    encode(value) {
      scratch.fill(0);
      record.assign(value);
      return scratch;
    },
    decode(bytes) {
      if (bytes.length === type.size) return type.at(bytes);
      throw new Deno.errors.InvalidData(
        `Cannot decode a message of ${bytes.length} bytes: ${type.name} has ${type.size}`,
      );
    },
  };
}
