// Checks of arguments, made before a C call: the call itself truncates silently
// (2 ** 32 + 1 becomes 1, NaN becomes 0).

/**
 * Returns `value` if it is an integer in a range. Use what it returns.
 *
 * @throws {TypeError} If it isn't a number.
 * @throws {RangeError} If it is fractional, NaN or out of range.
 */
export function checkInteger(
  name: string,
  value: unknown,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): number {
  if (typeof value !== "number") {
    throw new TypeError(`${name} must be a number: received ${describe(value)}`);
  }
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${name} must be an integer from ${min} to ${max}: received ${value}`);
  }
  return value + 0; // -0, which FFI refuses, becomes 0
}

/**
 * Returns `value` if it is an options object. A forgotten brace would otherwise go unnoticed:
 * `attach("read")` would be for writing.
 *
 * @throws {TypeError} If it isn't an object.
 */
export function checkOptions<T extends object>(value: T): T {
  if (typeof value === "object" && value !== null) return value;
  throw new TypeError(`options must be an object: received ${describe(value)}`);
}

/** Returns `value` if it is a boolean; `undefined` is the default, `fallback`. */
export function checkBoolean(name: string, value: unknown, fallback = false): boolean {
  if (value === undefined) return fallback;
  if (typeof value === "boolean") return value;
  throw new TypeError(`${name} must be a boolean: received ${describe(value)}`);
}

/** Returns `value` if it is a set of permission bits, 0 to 0o777. */
export function checkMode(value: unknown): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 0o777) {
    return value + 0; // -0, which FFI refuses, becomes 0
  }
  if (typeof value !== "number") {
    throw new TypeError(`mode must be a number: received ${describe(value)}`);
  }
  const received = Number.isInteger(value) && value >= 0 ? `0o${value.toString(8)}` : value;
  throw new RangeError(`mode must be permission bits, from 0 to 0o777: received ${received}`);
}

// The longest that a timer, and a 32-bit C program, can wait: 24 days.
const MAX_TIMEOUT = 2 ** 31 - 1;

/** Returns `value` if it is a timeout in whole milliseconds; `undefined` waits for ever. */
export function checkTimeout(value: unknown): number | undefined {
  return value === undefined ? undefined : checkInteger("timeout", value, 0, MAX_TIMEOUT);
}

/**
 * Throws a `RangeError` unless `length` bytes at `offset` lie within `size` bytes.
 */
export function checkRange(offset: number, length: number, size: number): void {
  checkInteger("offset", offset, 0);
  checkInteger("length", length, 0);
  // Not offset + length > size, which could round.
  if (offset > size || length > size - offset) {
    throw new RangeError(
      `offset ${offset} and length ${length} reach beyond the memory's ${size} bytes`,
    );
  }
}

/** A value as an error message shows it. */
export function describe(value: unknown): string {
  if (typeof value === "bigint") return `${value}n`;
  return Deno.inspect(value, { breakLength: Infinity, compact: true, depth: 1, iterableLimit: 4 });
}
