import { describe } from "../ffi/check.ts";

const KEYWORDS = new Set(
  `alignas alignof asm auto bool break case char const constexpr continue default do double else enum extern
  false float for goto if inline int long nullptr register restrict return short signed sizeof static
  static_assert struct switch thread_local true typedef typeof typeof_unqual union unsigned void volatile while`
    .split(/\s+/),
);

/** Names that every record has already, be it from this library or as any object. */
const RESERVED = new Set([
  "toObject",
  "toJSON",
  "assign",
  "copyFrom",
  ...Object.getOwnPropertyNames(Object.prototype), // and among them __proto__
]);

/** Returns a name if C can have it. */
export function checkName(what: string, name: unknown): string {
  if (typeof name !== "string") {
    throw new TypeError(`${what} must be a string: received ${describe(name)}`);
  }
  if (KEYWORDS.has(name)) throw new RangeError(`${what} can't be ${name}, a word of C itself`);
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !/^_[A-Z]/.test(name)) return name;
  throw new RangeError(
    `${what} must be letters, digits and _, as in C, and not begin with a digit, or _ and a capital: received ${
      describe(name)
    }`,
  );
}

/** Returns the name of a field if a record can have it. */
export function checkFieldName(record: string, name: string): string {
  checkName(`the name of a field of ${record}`, name);
  if (!RESERVED.has(name)) return name;
  throw new RangeError(
    `${record} can't have a field ${name}, which every record has for itself. Call it otherwise: C doesn't compare names`,
  );
}
