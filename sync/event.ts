import { checkOptions, describe } from "../ffi/check.ts";
import { limitsOf, timeoutOf, type WaitOptions, type WaitSyncOptions } from "../ffi/wait.ts";
import { AutomaticReset, type EventState, ManualReset } from "./event_state.ts";
import { timedOut } from "./object.ts";
import type { OffsetOptions, OpenObjectOptions } from "./options.ts";
import type { SyncMemory } from "./place.ts";
import {
  createSized,
  type Located,
  type ObjectShape,
  openOrCreateSized,
  openSized,
} from "./sized_object.ts";
import { wait } from "./wait_async.ts";
import { waitSync } from "./wait_sync.ts";

/** How an event is reset: by `clear()`, or by the one waiter that it releases. */
export type EventReset = "manual" | "automatic";

/** Options of {@linkcode Event.create}. */
export interface CreateEventOptions extends OffsetOptions {
  /** How it is reset. Default: `"manual"`. */
  readonly reset?: EventReset;
}

const RESETS: readonly EventReset[] = ["manual", "automatic"];

const BYTES = 128;

const SHAPE: ObjectShape = {
  kind: "event",
  least: BYTES,
  lengthOf: ([reset]) => reset < RESETS.length ? BYTES : undefined,
  featuresOf: ([reset]) => ({ reset: RESETS[reset] }),
};

function checkReset(reset: unknown): EventReset {
  const found = RESETS.find((name) => name === (reset ?? "manual"));
  if (found !== undefined) return found;
  throw new TypeError(`reset must be "manual" or "automatic": received ${describe(reset)}`);
}

/**
 * An event in shared memory: processes and Workers wait for it until somebody sets it.
 *
 * With a manual reset it is a gate: `set()` releases all who wait, and all who come until
 * `clear()`. Who waited before `set()` is released even if `clear()` follows at once. With an
 * automatic reset it is a signal: each `set()` releases exactly one of those who wait; if nobody
 * does, it is remembered for the next one, once.
 *
 * **A participant died.** Nobody owns an event, so nothing is to be given back. If who was to set
 * it died before, those who wait go on waiting: give them a `timeout`. One that was killed while it
 * set it, before it woke those who wait, leaves nobody waiting for more than 100 ms. A process that
 * is killed while it waits for an automatic one takes at most the one signal along that it was just
 * given, and one more `set()` than else may be remembered from then on.
 *
 * It takes 128 bytes. Imported, it hides the web's own `Event`: where you need both,
 * `import { Event as SharedEvent }`.
 *
 * @example
 * ```ts
 * import { Event } from "@isthmus/isthmus";
 *
 * const memory = new SharedArrayBuffer(Event.byteLength); // or a segment, a mapping, ...
 * const ready = Event.create(memory);
 * setTimeout(() => ready.set(), 10);
 * await ready.wait({ timeout: 1000 });
 * console.log(ready.isSet); // true
 * ```
 *
 * @example A signal, for one waiter each time
 * ```ts
 * import { Event } from "@isthmus/isthmus";
 *
 * const work = Event.create(new SharedArrayBuffer(Event.byteLength), { reset: "automatic" });
 * const workers = [1, 2].map(async (number) => {
 *   await work.wait();
 *   console.log("worker", number);
 * });
 * work.set(); // worker 1
 * await workers[0];
 * work.set(); // worker 2
 * await workers[1];
 * console.log(work.isSet); // false
 * ```
 *
 * @see {@linkcode https://man7.org/linux/man-pages/man2/futex.2.html futex(2)}
 */
export class Event {
  /** How many bytes of memory it takes. */
  static readonly byteLength: number = BYTES;

  /** Whether this handle's `create` or `openOrCreate` made the event. */
  readonly created: boolean;
  /** How it is reset. */
  readonly reset: EventReset;
  readonly #state: EventState;

  private constructor({ place, created, parameters: [reset] }: Located) {
    this.created = created;
    this.reset = RESETS[reset];
    this.#state = this.reset === "manual" ? new ManualReset(place) : new AutomaticReset(place);
  }

  /**
   * Makes an event, not set, in memory that is zero there.
   *
   * @throws {TypeError} If the memory is none, or may only be read.
   * @throws {RangeError} If the offset is out of range, or the memory too small.
   * @throws {Deno.errors.AlreadyExists} If there is an object already.
   * @throws {Deno.errors.InvalidData} If something else is there.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static create(memory: SyncMemory, options: CreateEventOptions = {}): Event {
    const parameters = [RESETS.indexOf(checkReset(checkOptions(options).reset))];
    return new Event(createSized(SHAPE, memory, parameters, options));
  }

  /**
   * Opens the event that is in the memory, and waits while somebody is creating it.
   *
   * @throws {TypeError} If the memory is none, or may only be read.
   * @throws {RangeError} If an option is out of range, or the memory too small.
   * @throws {Deno.errors.NotFound} If there is none.
   * @throws {Deno.errors.InvalidData} If something else is there.
   * @throws {Deno.errors.TimedOut} If it wasn't ready in time.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static open(memory: SyncMemory, options: OpenObjectOptions = {}): Event {
    return new Event(openSized(SHAPE, memory, options));
  }

  /**
   * Opens the event that is in the memory, or makes it; `created` says which. Without `reset` it
   * takes one that is reset in either way.
   *
   * @throws {TypeError} If the memory is none, or may only be read.
   * @throws {RangeError} If an option is out of range, or the memory too small.
   * @throws {Deno.errors.InvalidData} If something else is there, or an event that is reset in the
   * other way.
   * @throws {Deno.errors.TimedOut} If it wasn't ready in time.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static openOrCreate(
    memory: SyncMemory,
    options: CreateEventOptions & OpenObjectOptions = {},
  ): Event {
    const { reset } = checkOptions(options);
    const parameters = [RESETS.indexOf(checkReset(reset))];
    return new Event(openOrCreateSized(SHAPE, memory, parameters, options, { reset }));
  }

  /**
   * Whether it is set: with an automatic reset, whether a `set()` is there that nobody has taken.
   *
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  get isSet(): boolean {
    return this.#state.isSet();
  }

  /**
   * Sets it, and wakes those whom that releases. One with a manual reset that is set already stays
   * so; one with an automatic reset releases one waiter more, and is remembered once if nobody
   * waits.
   *
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  set(): void {
    this.#state.set();
  }

  /**
   * Resets it. With an automatic reset, what nobody has taken yet is taken back.
   *
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  clear(): void {
    this.#state.clear();
  }

  /**
   * Whether it is set; if it is, and the reset is automatic, it is reset now.
   *
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  tryWait(): boolean {
    return this.#state.take();
  }

  /**
   * Blocks the thread until it is set; if the reset is automatic, it is reset then.
   *
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.TimedOut} If it wasn't set in time.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  waitSync(options: WaitSyncOptions = {}): void {
    const timeout = timeoutOf(options);
    if (this.#state.take()) return;
    const waitable = this.#state.enter();
    let came: true | undefined;
    try {
      came = waitSync(waitable, timeout);
    } finally {
      this.#state.exit();
    }
    if (!came) throw timedOut("wait for", waitable.place, timeout);
  }

  /**
   * Waits until it is set; if the reset is automatic, it is reset then. After an abort or a timeout
   * it has taken nothing.
   *
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.TimedOut} If it wasn't set in time.
   * @throws {Deno.errors.BadResource} If the memory is gone, also while waiting.
   */
  async wait(options: WaitOptions = {}): Promise<void> {
    const limits = limitsOf(options);
    const waitable = this.#state.enter();
    let came: true | undefined;
    try {
      came = await wait(waitable, limits);
    } finally {
      this.#state.exit();
    }
    if (!came) throw timedOut("wait for", waitable.place, limits.timeout);
  }
}
