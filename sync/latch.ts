import { checkInteger } from "../ffi/check.ts";
import { ALL, futexWake } from "../ffi/futex.ts";
import { limitsOf, timeoutOf, type WaitOptions, type WaitSyncOptions } from "../ffi/wait.ts";
import { HEADER_WORDS } from "./header.ts";
import {
  create,
  garbled,
  type Located,
  open,
  type OpenObjectOptions,
  openOrCreate,
  timedOut,
} from "./object.ts";
import type { OffsetOptions } from "./options.ts";
import { Patience } from "./patience.ts";
import type { SharedPlace, SyncMemory } from "./place.ts";
import { wait } from "./wait_async.ts";
import type { Waitable } from "./waitable.ts";
import { waitSync } from "./wait_sync.ts";

const SHAPE = { kind: "latch", byteLength: 128 } as const;

/** What is left to be counted down: the futex word. */
const COUNT = HEADER_WORDS;

const MAX_COUNT = 0x7fffffff;

/**
 * A latch in shared memory: it counts down to zero, once, and releases all who wait for that.
 *
 * **A participant died.** Nobody knows who was to count down: if one died before it did, those who
 * wait go on waiting. Give them a `timeout`, let somebody else count down in its place, or use a
 * {@linkcode Barrier}, which notices it. One that was killed while it counted down, before it woke
 * those who wait, leaves nobody waiting for more than 100 ms; one that is killed while it waits
 * takes nothing along.
 *
 * It takes 128 bytes, and is for one time: to begin anew, write zeros over it while nobody uses it,
 * and create it. What somebody else wrote over it is `Deno.errors.InvalidData` where it is noticed.
 *
 * @example
 * ```ts
 * import { Latch } from "@isthmus/isthmus";
 *
 * const memory = new SharedArrayBuffer(Latch.byteLength); // or a segment, a mapping, ...
 * const started = Latch.create(memory, 2);
 *
 * started.countDown(); // in one process, ...
 * setTimeout(() => started.countDown(), 10); // ... and in another
 * await started.wait({ timeout: 1000 });
 * console.log(started.isOpen); // true
 * ```
 *
 * @see {@linkcode https://man7.org/linux/man-pages/man2/futex.2.html futex(2)}
 */
export class Latch {
  /** How many bytes of memory it takes. */
  static readonly byteLength: number = SHAPE.byteLength;

  /** Whether this handle's `create` or `openOrCreate` made the latch. */
  readonly created: boolean;
  readonly #place: SharedPlace;
  readonly #waitable: Waitable<true>;

  private constructor({ place, created }: Located) {
    this.created = created;
    this.#place = place;
    this.#waitable = {
      place,
      index: COUNT,
      patience: new Patience(),
      kind: "latch",
      attempt: () => this.isOpen || undefined,
    };
  }

  /**
   * Makes a latch in memory that is zero there.
   *
   * @param count How often it is to be counted down, 0 to 2147483647.
   *
   * @throws {TypeError} If the memory is none, or may only be read.
   * @throws {RangeError} If the count or the offset is out of range, or the memory too small.
   * @throws {Deno.errors.AlreadyExists} If there is an object already.
   * @throws {Deno.errors.InvalidData} If something else is there.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static create(memory: SyncMemory, count: number, options: OffsetOptions = {}): Latch {
    const value = checkInteger("count", count, 0, MAX_COUNT);
    return new Latch(create({ ...SHAPE, value }, memory, options));
  }

  /**
   * Opens the latch that is in the memory, and waits while somebody is creating it.
   *
   * @throws {TypeError} If the memory is none, or may only be read.
   * @throws {RangeError} If an option is out of range, or the memory too small.
   * @throws {Deno.errors.NotFound} If there is none.
   * @throws {Deno.errors.InvalidData} If something else is there.
   * @throws {Deno.errors.TimedOut} If it wasn't ready in time.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static open(memory: SyncMemory, options: OpenObjectOptions = {}): Latch {
    return new Latch(open(SHAPE, memory, options));
  }

  /**
   * Opens the latch that is in the memory, wherever it stands, or makes it with this count;
   * `created` says which.
   *
   * @throws {TypeError} If the memory is none, or may only be read.
   * @throws {RangeError} If the count or an option is out of range, or the memory too small.
   * @throws {Deno.errors.InvalidData} If something else is there.
   * @throws {Deno.errors.TimedOut} If it wasn't ready in time.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static openOrCreate(memory: SyncMemory, count: number, options: OpenObjectOptions = {}): Latch {
    const value = checkInteger("count", count, 0, MAX_COUNT);
    return new Latch(openOrCreate({ ...SHAPE, value }, memory, options));
  }

  /**
   * What is left to be counted down.
   *
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  get count(): number {
    const count = Atomics.load(this.#place.words, COUNT);
    if (count < 0) throw garbled("read", this.#place, `its count is ${count}`);
    return count;
  }

  /**
   * Whether it was counted down to zero.
   *
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  get isOpen(): boolean {
    return this.count === 0;
  }

  /**
   * Counts down, by 1 as a default; at zero all who wait are released.
   *
   * @throws {RangeError} If `amount` is out of range, or less is left; nothing is counted then.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  countDown(amount = 1): void {
    const by = checkInteger("amount", amount, 1, MAX_COUNT);
    const place = this.#place;
    for (;;) {
      const { count } = this;
      if (count < by) {
        throw new RangeError(
          `Cannot count down ${place.name} by ${by}: ${count} is left. Create it with the number of all who count down`,
        );
      }
      if (Atomics.compareExchange(place.words, COUNT, count, count - by) !== count) continue;
      // Once in its life: it isn't worth counting those who wait.
      if (count === by) futexWake(place.address + BigInt(4 * COUNT), ALL);
      return;
    }
  }

  /**
   * Whether it is open: the same as {@linkcode isOpen}.
   *
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  tryWait(): boolean {
    return this.isOpen;
  }

  /**
   * Blocks the thread until it is open.
   *
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.TimedOut} If it wasn't open in time.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  waitSync(options: WaitSyncOptions = {}): void {
    const timeout = timeoutOf(options);
    if (!waitSync(this.#waitable, timeout)) throw timedOut("wait for", this.#place, timeout);
  }

  /**
   * Waits until it is open.
   *
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.TimedOut} If it wasn't open in time.
   * @throws {Deno.errors.BadResource} If the memory is gone, also while waiting.
   */
  async wait(options: WaitOptions = {}): Promise<void> {
    const limits = limitsOf(options);
    if (await wait(this.#waitable, limits)) return;
    throw timedOut("wait for", this.#place, limits.timeout);
  }
}
