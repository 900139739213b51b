import type { RecordInfo } from "./type_info.ts";

const OFFSET_BASIS = 0xcbf29ce484222325n;
const PRIME = 0x100000001b3n;

/** The hash FNV-1a of a text's UTF-8, 64 bits. */
export function fnv1a64(text: string): bigint {
  let hash = OFFSET_BASIS;
  for (const byte of new TextEncoder().encode(text)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * PRIME);
  }
  return hash;
}

/**
 * The text that a record's fingerprint is the hash of. A line for the record, and one for each
 * field that has a value:
 *
 *     struct 24 8
 *     0 f64 x
 *     8 u32 count
 *     12 u8*6 raw
 *     18:3 u32:5 mode
 *
 * It holds what two programs must agree on to read the same values from the same bytes: offsets,
 * types and names of fields. It doesn't hold the record's own name, padding, or what concerns one
 * side only (`atomic()`, `asNumber()`, `truncate`, `fatal`).
 */
export function canonicalText(
  { kind, size, align, rows }: Omit<RecordInfo, "fingerprint">,
): string {
  const lines = rows.flatMap(({ name, type, offset, position, bits, padding }) => {
    if (padding || type === undefined) return [];
    return position === undefined
      ? [`${offset} ${type.code} ${name}`]
      : [`${offset}:${position % 8} ${type.code}:${bits} ${name}`];
  });
  return [`${kind} ${size} ${align}`, ...lines].join("\n") + "\n";
}

/** A fingerprint as it stands in texts: 16 hexadecimal digits. */
export function hex(fingerprint: bigint): string {
  return fingerprint.toString(16).padStart(16, "0");
}
