import { assertEquals, assertThrows } from "@std/assert";
import { checkInteger, checkMode, checkOptions, checkRange, checkTimeout } from "../ffi/check.ts";

const NOT_NUMBERS: unknown[] = ["1", 1n, null, undefined, {}, [1], true, Symbol("s"), {
  valueOf: () => 1,
}];
const NOT_WHOLE = [NaN, Infinity, -Infinity, 1.5, -1, 2 ** 53];

Deno.test("checkInteger() returns an integer in range", () => {
  for (const value of [0, 1, 255]) assertEquals(checkInteger("x", value, 0, 255), value);
});

Deno.test("checkInteger() names the argument and the value received", () => {
  assertThrows(
    () => checkInteger("size", 1.5, 1, 9),
    RangeError,
    "size must be an integer from 1 to 9: received 1.5",
  );
  assertThrows(
    () => checkInteger("size", "7", 1, 9),
    TypeError,
    'size must be a number: received "7"',
  );
});

Deno.test("checkInteger() refuses what C would truncate", () => {
  for (const value of NOT_NUMBERS) {
    assertThrows(() => checkInteger("x", value, 0, 255), TypeError, "x must be a number");
  }
  for (const value of [...NOT_WHOLE, 256]) {
    assertThrows(() => checkInteger("x", value, 0, 255), RangeError);
  }
});

Deno.test("checkMode() takes permission bits alone", () => {
  assertEquals(checkMode(0o640), 0o640);
  for (const value of NOT_NUMBERS) {
    assertThrows(() => checkMode(value), TypeError, "mode must be a number");
  }
  for (const value of NOT_WHOLE) {
    assertThrows(() => checkMode(value), RangeError, "mode must be permission bits");
  }
  assertThrows(() => checkMode(0o1600), RangeError, "received 0o1600");
});

Deno.test("checkTimeout() takes whole milliseconds up to what a timer can wait", () => {
  assertEquals([checkTimeout(undefined), checkTimeout(0), checkTimeout(2 ** 31 - 1)], [
    undefined,
    0,
    2 ** 31 - 1,
  ]);
  for (const value of [...NOT_WHOLE, 2 ** 31]) {
    assertThrows(() => checkTimeout(value), RangeError, "timeout");
  }
});

Deno.test("checkRange() can't be fooled by sums that round", () => {
  checkRange(4096, 0, 4096);
  assertThrows(() => checkRange(4097, 0, 4096), RangeError);
  assertThrows(() => checkRange(1, 4096, 4096), RangeError, "reach beyond the memory's 4096 bytes");
  assertThrows(() => checkRange(2 ** 53 - 1, 2 ** 53 - 1, 4096), RangeError);
});

Deno.test("checkOptions() refuses what was to be an option, not an object of options", () => {
  const options = { timeout: 1 };
  assertEquals(checkOptions(options), options);
  for (const value of ["read", 64, null, 1n, true, undefined]) {
    assertThrows(
      () => checkOptions(value as unknown as object),
      TypeError,
      "options must be an object: received",
    );
  }
});
