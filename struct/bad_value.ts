import { describe } from "../ffi/check.ts";

/** The classes that a bad value's error may have. */
export type ErrorClass = new (message: string) => Error;

/**
 * A value that a field can't take or give. Whoever throws it doesn't know the field; its name is
 * put in front on the way out, piece by piece.
 */
export class BadValue extends Error {
  readonly #type: ErrorClass;
  #path = "";

  constructor(type: ErrorClass, message: string) {
    super(message);
    this.#type = type;
  }

  /** The same, found one level further in: `step` is `.name` or `[3]`. */
  within(step: string): this {
    this.#path = step + this.#path;
    return this;
  }

  /** The error for the user; `subject` is what the outermost level is called. */
  toError(subject: string): Error {
    return new this.#type(`${subject}${this.#path} ${this.message}`);
  }
}

/** Refuses a value of the wrong type; `what` completes "must be ...". */
export function wrongType(what: string, value: unknown): never {
  throw new BadValue(TypeError, `must be ${what}: received ${describe(value)}`);
}

/** Refuses a value of the right type that is out of range. */
export function outOfRange(what: string, value: unknown): never {
  throw new BadValue(RangeError, `must be ${what}: received ${describe(value)}`);
}

/** Runs something one level further in, so that a bad value there says where it was. */
export function within<T>(step: string, operation: () => T): T {
  try {
    return operation();
  } catch (error) {
    throw error instanceof BadValue ? error.within(step) : error;
  }
}
