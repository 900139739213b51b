import { BadValue, outOfRange, wrongType } from "./bad_value.ts";
import { bytesAt } from "./bytes_at.ts";
import type { ScalarCodec } from "./codec.ts";

/** How a field of characters holds text. */
export interface TextRules {
  /** How many bytes the field has. */
  readonly size: number;
  /** Whether text may fill the field to its last byte, without a NUL. */
  readonly padded: boolean;
  /** Whether text that is too long is cut, between two characters. */
  readonly truncate: boolean;
  /** Whether bytes that aren't UTF-8 are an error, instead of U+FFFD. */
  readonly fatal: boolean;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const fatalDecoder = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

/**
 * Text as the bytes that a field gets, the rest of it filled with NULs; throws a `BadValue` if it
 * doesn't fit.
 */
export function encodeText(text: unknown, rules: TextRules): Uint8Array<ArrayBuffer> {
  if (typeof text !== "string") wrongType("a string", text);
  if (text.includes("\0")) {
    throw new BadValue(RangeError, "must not contain NUL, which ends it for whoever reads it");
  }
  const bytes = new Uint8Array(rules.size);
  const room = rules.padded ? bytes : bytes.subarray(0, -1);
  // It stops before the first character that doesn't fit as a whole.
  const { read } = encoder.encodeInto(text, room);
  if (read < text.length && !rules.truncate) {
    const needed = encoder.encode(text).length;
    throw new BadValue(
      RangeError,
      `must take at most ${room.length} bytes of UTF-8${
        rules.padded ? "" : " before its NUL"
      }: received text of ${needed} bytes`,
    );
  }
  return bytes;
}

/** The text that a field's bytes hold; throws a `BadValue` if they don't hold any. */
export function decodeText(bytes: Uint8Array<ArrayBuffer>, rules: TextRules): string {
  const nul = bytes.indexOf(0);
  if (nul === -1 && !rules.padded) {
    throw new BadValue(
      Deno.errors.InvalidData,
      `has no NUL within its ${rules.size} bytes. Whoever wrote it must end it with one; a field that may be full is a cString() with padded`,
    );
  }
  const text = bytes.subarray(0, nul === -1 ? undefined : nul);
  if (!rules.fatal) return decoder.decode(text);
  try {
    return fatalDecoder.decode(text);
  } catch {
    throw new BadValue(Deno.errors.InvalidData, "holds bytes that are not UTF-8");
  }
}

/** The codec of a field of characters. */
export function textCodec(rules: TextRules): ScalarCodec<string> {
  const write = (view: DataView, at: number, value: unknown) =>
    // As one block that is encoded already: encodeInto() takes no shared memory.
    bytesAt(view, at, rules.size).set(encodeText(value, rules));
  // A copy first: another process may write while the decoder goes over the bytes.
  const read = (view: DataView, at: number) =>
    decodeText(new Uint8Array(bytesAt(view, at, rules.size)), rules);
  return {
    read,
    get: read,
    set: write,
    write,
    check: (value) => {
      encodeText(value, rules);
      return value as string;
    },
  };
}

function charCode(value: unknown): number {
  if (typeof value !== "string") wrongType("a string of one character", value);
  const code = value.length === 1 ? value.charCodeAt(0) : -1;
  return code >= 0 && code <= 0xff
    ? code
    : outOfRange("one character from U+0000 to U+00FF, which is one byte", value);
}

const getChar = (view: DataView, at: number) => String.fromCharCode(view.getUint8(at));
const setChar = (view: DataView, at: number, value: unknown) => view.setUint8(at, charCode(value));

/** C's `char`: one byte as the character of that number (Latin-1), so that every byte is one. */
export const charCodec: ScalarCodec<string> = {
  read: getChar,
  get: getChar,
  set: setChar,
  write: setChar,
  check: (value) => String.fromCharCode(charCode(value)),
};
