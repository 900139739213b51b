// What values a number's field takes: the slow, exact way, with errors that tell.

import { outOfRange, wrongType } from "./bad_value.ts";

/** Returns what a field holds for a value, or throws a `BadValue`. */
export type Check<V> = (value: unknown) => V;

function isNumber(value: unknown): asserts value is number {
  if (typeof value !== "number") wrongType("a number", value);
}

/** Lets the integers of a width pass, as numbers. */
export function numberCheck(width: number, signed: boolean): Check<number> {
  const min = signed ? -(2 ** (width - 1)) : 0;
  const max = 2 ** (signed ? width - 1 : width) - 1;
  return (value) => {
    isNumber(value);
    if (!Number.isInteger(value) || value < min || value > max) {
      outOfRange(`an integer from ${min} to ${max}`, value);
    }
    return value;
  };
}

/** Lets safe integers pass, as numbers. */
export function safeCheck(signed: boolean): Check<number> {
  const min = signed ? Number.MIN_SAFE_INTEGER : 0;
  return (value) => {
    isNumber(value);
    if (!Number.isSafeInteger(value) || value < min) {
      outOfRange(`an integer from ${min} to ${Number.MAX_SAFE_INTEGER}`, value);
    }
    return value;
  };
}

/**
 * Makes bigints of a width of what stands for them: bigints, safe integers, and text, which is what
 * they are in JSON.
 */
export function bigintCheck(width: number, signed: boolean): Check<bigint> {
  const min = signed ? -(2n ** BigInt(width - 1)) : 0n;
  const max = 2n ** BigInt(signed ? width - 1 : width) - 1n;
  return (value) => {
    const integer = toBigInt(value);
    if (integer < min || integer > max) outOfRange(`an integer from ${min} to ${max}`, value);
    return integer;
  };
}

function toBigInt(value: unknown): bigint {
  if (typeof value === "bigint") return value;
  if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value);
  if (typeof value === "string" && /^-?\d{1,20}$/.test(value)) return BigInt(value);
  return wrongType("a bigint, a safe integer, or a decimal number as text", value);
}

/** What JSON has no number for is text there. */
const NAMED: ReadonlyMap<unknown, number> = new Map([
  ["NaN", NaN],
  ["Infinity", Infinity],
  ["-Infinity", -Infinity],
]);

/** Lets all numbers pass. */
export function floatCheck(value: unknown): number {
  const named = NAMED.get(value);
  if (named !== undefined) return named;
  isNumber(value);
  return value;
}

/** Lets booleans pass. */
export function boolCheck(value: unknown): boolean {
  if (typeof value !== "boolean") wrongType("a boolean", value);
  return value;
}

/**
 * Throws a `BadValue` if a property doesn't take a value: it takes no text that stands for a
 * number, as `assign()` does.
 */
export function checkProperty<V>(check: Check<V>, value: unknown): void {
  const held = check(value);
  if (typeof held !== typeof value) wrongType(`a ${typeof held}`, value);
}
