import { describe } from "./check.ts";

/**
 * Returns the name of a POSIX object in the form that C wants: a slash, and then at most `maxBytes`
 * bytes without another. The slash may be left out.
 *
 * @throws {TypeError} If it isn't a string.
 * @throws {RangeError} If it is empty, too long, or has a slash or NUL in the middle.
 */
export function checkPosixName(name: unknown, maxBytes: number): string {
  if (typeof name !== "string") {
    throw new TypeError(`name must be a string: received ${describe(name)}`);
  }
  const bare = name.startsWith("/") ? name.slice(1) : name;
  const problem = bare === "" || bare === "." || bare === ".."
    ? "must name something"
    : bare.includes("/")
    ? "must not have a slash but at its start: there are no directories"
    : bare.includes("\0")
    ? "must not contain NUL, which ends it in C"
    : new TextEncoder().encode(bare).length > maxBytes
    ? `must not have more than ${maxBytes} bytes behind its slash`
    : null;
  if (problem !== null) throw new RangeError(`name ${problem}: received ${describe(name)}`);
  return `/${bare}`;
}
