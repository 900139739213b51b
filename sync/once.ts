import { checkInteger, describe } from "../ffi/check.ts";
import { limitsOf, timeoutOf, type WaitOptions, type WaitSyncOptions } from "../ffi/wait.ts";
import { HEADER_WORDS } from "./header.ts";
import { BUSY, type Locked, OWNER_DIED } from "./lock_result.ts";
import { makeMutex } from "./mutex_bytes.ts";
import { MutexCore } from "./mutex_core.ts";
import { lockTimeout } from "./mutex_errors.ts";
import type { OffsetOptions, OpenObjectOptions } from "./options.ts";
import type { SharedPlace, SyncMemory } from "./place.ts";
import {
  createSized,
  type Located,
  type ObjectShape,
  openOrCreateSized,
  openSized,
} from "./sized_object.ts";

/** The word behind the header: 0, or 1 once the value is there. */
const DONE = HEADER_WORDS;
/** The mutex's word. */
const MUTEX = HEADER_WORDS + 2;
/** Where the value begins, in bytes. */
const VALUE = 128;

/** The longest value. */
const MOST = 2 ** 31 - 1 - VALUE;

const SHAPE: ObjectShape = {
  kind: "once",
  least: VALUE + 1,
  lengthOf: ([valueLength]) =>
    valueLength >= 1 && valueLength <= MOST ? VALUE + valueLength : undefined,
  featuresOf: ([valueLength]) => ({ valueLength }),
  zerosOf: () => VALUE,
  initialise: (place) => void makeMutex(place, MUTEX),
};

function checkLength(valueLength: unknown): number {
  return checkInteger("valueLength", valueLength, 1, MOST);
}

/**
 * A value in shared memory that exactly one of many processes initialises, whoever needs it first;
 * the others wait for it. From then on it costs nothing but a look at a word.
 *
 * **If the process dies** that initialises it, or its initialiser throws, the value isn't there:
 * the next one begins anew, over bytes that are 0. In a file, if the system is switched off
 * meanwhile, that takes {@linkcode recover}.
 *
 * 128 bytes, and then the value: at byte 128 C programs find it, and at byte 64 an `int` that is 1
 * once it is there (to be loaded with `memory_order_acquire`). Linux with glibc.
 *
 * @example
 * ```ts
 * import { mapAnonymous, Once } from "@isthmus/isthmus";
 *
 * using memory = mapAnonymous(4096, { shared: true });
 * const once = Once.openOrCreate(memory, 32);
 * const key = once.getSync((bytes) => crypto.getRandomValues(bytes));
 * console.log(key.length, once.tryGet() !== undefined);
 * ```
 */
export class Once {
  /** Whether this handle's `create` or `openOrCreate` made the object (not the value). */
  readonly created: boolean;
  readonly #place: SharedPlace;
  readonly #mutex: MutexCore;

  private constructor({ place, created }: Located) {
    this.#place = place;
    this.#mutex = new MutexCore(place, MUTEX);
    this.created = created;
  }

  /**
   * How many bytes such an object has with a value of so many.
   *
   * @throws {RangeError} If the number is out of range.
   */
  static byteLength(valueLength: number): number {
    return VALUE + checkLength(valueLength);
  }

  /**
   * Makes one of bytes that are 0; the value isn't there yet.
   *
   * @param valueLength How many bytes the value has, at least 1.
   *
   * @throws {TypeError} If it isn't memory that may be written.
   * @throws {RangeError} If an argument is out of range, or it would reach beyond the memory.
   * @throws {Deno.errors.AlreadyExists} If something of Isthmus is there.
   * @throws {Deno.errors.InvalidData} If something else is there.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static create(memory: SyncMemory, valueLength: number, options: OffsetOptions = {}): Once {
    return new Once(createSized(SHAPE, memory, [checkLength(valueLength)], options));
  }

  /**
   * The one that somebody made there; waits while somebody is making it.
   *
   * @throws {TypeError} If it isn't memory that may be written.
   * @throws {RangeError} If an option is out of range, or the memory too small.
   * @throws {Deno.errors.NotFound} If nothing is there.
   * @throws {Deno.errors.InvalidData} If something else is there.
   * @throws {Deno.errors.TimedOut} If it wasn't ready in time.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static open(memory: SyncMemory, options: OpenObjectOptions = {}): Once {
    return new Once(openSized(SHAPE, memory, options));
  }

  /**
   * Opens the one that is there, or makes one; `created` says which.
   *
   * @param valueLength How many bytes the value has, at least 1, also of the one that is there.
   *
   * @throws {TypeError} If it isn't memory that may be written.
   * @throws {RangeError} If an argument is out of range, or it would reach beyond the memory.
   * @throws {Deno.errors.InvalidData} If something else is there, such as one for a value of
   * another length.
   * @throws {Deno.errors.TimedOut} If it wasn't ready in time.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static openOrCreate(
    memory: SyncMemory,
    valueLength: number,
    options: OpenObjectOptions = {},
  ): Once {
    const parameters = [checkLength(valueLength)];
    return new Once(openOrCreateSized(SHAPE, memory, parameters, options, { valueLength }));
  }

  /** How many bytes the value has. */
  get valueLength(): number {
    return this.#place.byteLength - VALUE;
  }

  /**
   * The value, if it is there: the shared bytes, not a copy.
   *
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  tryGet(): Uint8Array<ArrayBufferLike> | undefined {
    // Pairs with the store in #succeed(): whoever sees 1 sees the value.
    return Atomics.load(this.#place.words, DONE) === 1 ? this.#value() : undefined;
  }

  /**
   * Lets others initialise it if the one who was at it is no more, which the kernel couldn't know,
   * as with one in a file after the system was switched off.
   *
   * The owners are looked for among the threads of this pid namespace: don't call this while other
   * containers use it.
   *
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.InvalidData} If its bytes were overwritten.
   *
   * @example
   * ```ts
   * import { Once } from "@isthmus/isthmus";
   *
   * const once = Once.openOrCreate(new SharedArrayBuffer(4096), 8);
   * once.recover(); // in the program that starts first
   * once.getSync((bytes) => bytes.fill(1));
   * ```
   */
  recover(): void {
    this.#mutex.recover();
  }

  /**
   * The value: the shared bytes, not a copy. If it isn't there yet, this thread initialises it, or
   * blocks until somebody else has. What the initialiser throws, this throws.
   *
   * @param initialise Writes the value to bytes that are 0.
   * @param options Are for the wait for somebody else, and not for `initialise`.
   *
   * @throws {TypeError} If `initialise` isn't a function, or returns a promise.
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.TimedOut} If somebody else wasn't done in time.
   * @throws {Deno.errors.Busy} If this thread is initialising it (code `EDEADLK`).
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.InvalidData} If its bytes were overwritten.
   */
  getSync(
    initialise: (bytes: Uint8Array<ArrayBufferLike>) => void,
    options: WaitSyncOptions = {},
  ): Uint8Array<ArrayBufferLike> {
    checkFunction(initialise);
    const timeout = timeoutOf(options);
    const early = this.tryGet();
    if (early !== undefined) return early;
    this.#mutex.revive();
    const locked = this.#mutex.lockSync(timeout);
    if (locked === BUSY) throw lockTimeout(this.#place, timeout);
    try {
      const late = this.#begin(locked);
      if (late !== undefined) return late;
      const result: unknown = initialise(this.#value());
      if (result instanceof Promise) {
        result.catch(() => {}); // this error is enough
        throw new TypeError(
          "initialise must not return a promise: await get() in place of getSync()",
        );
      }
      return this.#succeed();
    } finally {
      this.#mutex.unlock();
    }
  }

  /**
   * The value: the shared bytes, not a copy. If it isn't there yet, this task initialises it, or
   * waits until somebody else has. What the initialiser throws, or its promise is rejected with,
   * this is rejected with. An initialiser that gets the same value waits for itself: for ever, or
   * until a timeout.
   *
   * @param initialise Writes the value to bytes that are 0.
   * @param options Are for the wait for somebody else, and not for `initialise`.
   *
   * @throws {TypeError} If `initialise` isn't a function.
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.TimedOut} If somebody else wasn't done in time.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.InvalidData} If its bytes were overwritten.
   *
   * @example
   * ```ts
   * import { Once } from "@isthmus/isthmus";
   *
   * const once = Once.create(new SharedArrayBuffer(Once.byteLength(64)), 64);
   * const bytes = await once.get(async (bytes) => {
   *   const text = await Promise.resolve("read from somewhere");
   *   new TextEncoder().encodeInto(text, bytes);
   * });
   * console.log(bytes.length); // 64
   * ```
   */
  async get(
    initialise: (bytes: Uint8Array<ArrayBufferLike>) => void | Promise<void>,
    options: WaitOptions = {},
  ): Promise<Uint8Array<ArrayBufferLike>> {
    checkFunction(initialise);
    const checked = limitsOf(options);
    const early = this.tryGet();
    if (early !== undefined) return early;
    this.#mutex.revive();
    const locked = await this.#mutex.lock(checked);
    if (locked === undefined) throw lockTimeout(this.#place, checked.timeout);
    try {
      const late = this.#begin(locked);
      if (late !== undefined) return late;
      await initialise(this.#value());
      return this.#succeed();
    } finally {
      this.#mutex.unlock();
    }
  }

  /** Makes ready to initialise; returns the value if somebody has done so meanwhile. */
  #begin(locked: Locked): Uint8Array<ArrayBufferLike> | undefined {
    // That somebody died with it means no more than that the value isn't done, or is.
    if (locked === OWNER_DIED) this.#mutex.consistent();
    const done = this.tryGet();
    if (done === undefined) this.#value().fill(0);
    return done;
  }

  #succeed(): Uint8Array<ArrayBufferLike> {
    Atomics.store(this.#place.words, DONE, 1); // publishes the value to tryGet()
    return this.#value();
  }

  #value(): Uint8Array<ArrayBufferLike> {
    return this.#place.bytes.subarray(VALUE);
  }
}

function checkFunction(value: unknown): void {
  if (typeof value === "function") return;
  throw new TypeError(`initialise must be a function: received ${describe(value)}`);
}
