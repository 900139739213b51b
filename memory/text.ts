import { checkInteger, checkOptions, checkRange, describe } from "../ffi/check.ts";

/** Where to read text, and how. */
export interface ReadTextOptions {
  /** Where the text starts, in bytes. Default: 0. */
  readonly offset?: number;
  /** The most bytes that the text and its NUL may take. Default: all behind `offset`. */
  readonly length?: number;
  /** Whether bytes that aren't UTF-8 are an error instead of U+FFFD. Default: `false`. */
  readonly fatal?: boolean;
}

/** Where to write text. */
export interface WriteTextOptions {
  /** Where the text starts, in bytes. Default: 0. */
  readonly offset?: number;
  /** The most bytes that the text and its NUL may take. Default: all behind `offset`. */
  readonly length?: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const fatalDecoder = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

/**
 * The bytes of a field that holds text: `length` bytes at `offset`, or all
 * behind it.
 */
function field(bytes: Uint8Array, options: WriteTextOptions): Uint8Array {
  const { offset = 0, length } = checkOptions(options);
  checkRange(offset, length ?? 0, bytes.length);
  // Not subarray(), which hands the buffer to whatever Symbol.species names.
  return new Uint8Array(bytes.buffer, bytes.byteOffset + offset, length ?? bytes.length - offset);
}

/** Reads UTF-8 text up to its NUL. */
export function readText(bytes: Uint8Array, options: ReadTextOptions = {}): string {
  const source = field(bytes, options);
  const end = source.indexOf(0);
  if (end === -1) {
    throw new Deno.errors.InvalidData(
      `Cannot read text at offset ${
        options.offset ?? 0
      }: there is no NUL within ${source.length} bytes. ` +
        "Whoever wrote it must end it with a zero byte",
    );
  }
  // A copy first: another process may write here while the decoder, which validates and
  // then converts, goes over the bytes twice.
  const copy = source.slice(0, end);
  try {
    return (options.fatal ? fatalDecoder : decoder).decode(copy);
  } catch {
    throw new Deno.errors.InvalidData(
      `Cannot read text at offset ${options.offset ?? 0}: its ${end} bytes are not UTF-8`,
    );
  }
}

/** Writes UTF-8 text and a NUL, or nothing if they don't fit. Returns the bytes written. */
export function writeText(bytes: Uint8Array, text: string, options: WriteTextOptions = {}): number {
  if (typeof text !== "string") {
    throw new TypeError(`text must be a string: received ${describe(text)}`);
  }
  if (text.includes("\0")) {
    throw new RangeError("text must not contain NUL, which ends it for whoever reads it");
  }
  const target = field(bytes, options);
  const encoded = encoder.encode(text);
  if (encoded.length >= target.length) {
    throw new RangeError(
      `text takes ${encoded.length} bytes and a NUL, more than the ${target.length} bytes at offset ${
        checkInteger("offset", options.offset ?? 0, 0)
      }`,
    );
  }
  // The text first, then its NUL: on a field that was zeroed a reader never runs past the end.
  target.set(encoded);
  target[encoded.length] = 0;
  return encoded.length + 1;
}
