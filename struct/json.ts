import type { JsonValue } from "./types.ts";

/**
 * A plain value as JSON can have it: a bigint is a number if that is exact, else its decimal digits
 * as text; a float that is no number JSON knows is its name as text; bytes are an array of numbers.
 * `assign()` takes all of them back.
 */
export function toJson(value: unknown): JsonValue {
  switch (typeof value) {
    case "bigint": {
      const number = Number(value);
      return Number.isSafeInteger(number) ? number : String(value);
    }
    case "number":
      return Number.isFinite(value) ? value : String(value);
    case "string":
    case "boolean":
      return value;
  }
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(toJson);
  return Object.fromEntries(
    Object.entries(value as object).map(([name, value]) => [name, toJson(value)]),
  );
}
