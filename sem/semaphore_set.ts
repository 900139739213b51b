import { checkInteger, checkOptions } from "../ffi/check.ts";
import { platform } from "../ffi/platform.ts";
import { semctl, semctlValue } from "../ffi/sysv_sem.ts";
import type { WaitOptions, WaitSyncOptions } from "../ffi/wait.ts";
import {
  createObject,
  findObject,
  objectFromId,
  openObject,
  openOrCreateObject,
  removeObject,
} from "../sysv/get.ts";
import { listObjects } from "../sysv/list.ts";
import { type ObjectOrigin, SystemVObject } from "../sysv/object.ts";
import { checkedBatch, type SemaphoreOperation } from "./batch.ts";
import {
  checkedValues,
  checkValue,
  createAdvice,
  type CreateSemaphoreSetOptions,
  creation,
  opening,
  type OpenSemaphoreSetOptions,
  type OpenSemaphoreSetSyncOptions,
  readyLimit,
} from "./create.ts";
import { SEMAPHORE_SET } from "./kind.ts";
import {
  type SemaphoreLimits,
  semaphoreLimits,
  type SemaphoreUsage,
  semaphoreUsage,
} from "./limits.ts";
import { Performer } from "./performer.ts";
import { initialise, untilReady } from "./ready.ts";
import { Semaphore } from "./semaphore.ts";
import { decodeSemaphoreSet, type SemaphoreSetStatus } from "./status.ts";
import { run, runSync, type Steps } from "./steps.ts";

/**
 * A System V semaphore set: numbers in the kernel that processes change and wait for,
 * several at once if need be, until somebody removes the set.
 *
 * @example Two semaphores, taken together or not at all
 * ```ts
 * import { IPC_PRIVATE, SemaphoreSet } from "@isthmus/isthmus";
 *
 * using set = SemaphoreSet.create(IPC_PRIVATE, [1, 5], { removeOnDispose: true });
 * set.opSync([{ index: 0, change: -1, undo: true }, { index: 1, change: -2, undo: true }]);
 * console.log(set.values()); // [0, 3]
 * ```
 *
 * @see {@linkcode https://man7.org/linux/man-pages/man7/sysvipc.7.html sysvipc(7)}
 */
export class SemaphoreSet extends SystemVObject {
  /** How many semaphores the set has. */
  readonly length: number;
  readonly #performer: Performer;

  private constructor(origin: ObjectOrigin, length?: number) {
    super(SEMAPHORE_SET, origin);
    this.length = length ?? decodeSemaphoreSet(this.id, this.readRecord("open")).nsems;
    this.#performer = new Performer(this.id, (failure) => this.failure(failure));
  }

  /**
   * Creates a set that must not exist yet (`semget` with `IPC_CREAT | IPC_EXCL`), and gives each
   * semaphore its value. Nobody who opens it sees it without them.
   *
   * @param key A number that both sides know, from `ftok()` say, or `IPC_PRIVATE`.
   * @param values The value of each semaphore, 0 to 32767; so many semaphores it has.
   *
   * @throws {RangeError} If an argument is out of range.
   * @throws {Deno.errors.AlreadyExists} If a set has this key.
   * @throws {Error} With code `ENOSPC` if the system has as many sets or semaphores as it
   * may, `EINVAL` if a set may not have so many.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man2/semget.2.html semget(2)}
   */
  static create(
    key: number,
    values: readonly number[],
    options: CreateSemaphoreSetOptions = {},
  ): SemaphoreSet {
    const initial = checkedValues(values);
    const get = creation(initial, options);
    const origin = createObject(SEMAPHORE_SET, key, get, createAdvice(initial));
    return SemaphoreSet.#initialised(origin, initial, options);
  }

  /**
   * Opens the set with this key, which must exist, once it has its values.
   *
   * @throws {Deno.errors.NotFound} If no set has this key.
   * @throws {Deno.errors.PermissionDenied} If its mode doesn't let this user read it.
   * @throws {Deno.errors.TimedOut} If it has no values in time: its creator died before it gave
   * them.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man2/semget.2.html semget(2)}
   */
  static async open(key: number, options: OpenSemaphoreSetOptions = {}): Promise<SemaphoreSet> {
    const { signal } = checkOptions(options);
    return await run(SemaphoreSet.#open(key, options), signal);
  }

  /** Opens the set with this key like {@linkcode SemaphoreSet.open}, blocking the thread. */
  static openSync(key: number, options: OpenSemaphoreSetSyncOptions = {}): SemaphoreSet {
    return runSync(SemaphoreSet.#open(key, options));
  }

  /**
   * Opens the set with this key, once it has its values, or creates it with these; `created`
   * says which. An existing one must have as many semaphores.
   *
   * @throws {RangeError} If an argument is out of range.
   * @throws {Deno.errors.PermissionDenied} If it exists and its mode doesn't let this user read it.
   * @throws {Deno.errors.TimedOut} If it exists and has no values in time: its creator died before
   * it gave them.
   * @throws {Error} With code `EINVAL` if it exists with another number of semaphores.
   */
  static async openOrCreate(
    key: number,
    values: readonly number[],
    options: CreateSemaphoreSetOptions & OpenSemaphoreSetOptions = {},
  ): Promise<SemaphoreSet> {
    const { signal } = checkOptions(options);
    return await run(SemaphoreSet.#openOrCreate(key, values, options), signal);
  }

  /** Opens or creates a set like {@linkcode SemaphoreSet.openOrCreate}, blocking the thread. */
  static openOrCreateSync(
    key: number,
    values: readonly number[],
    options: CreateSemaphoreSetOptions & OpenSemaphoreSetSyncOptions = {},
  ): SemaphoreSet {
    return runSync(SemaphoreSet.#openOrCreate(key, values, options));
  }

  /**
   * Opens the set with this id: one that another process named, or a private one. It is taken as
   * it is, with values or without.
   *
   * @throws {Deno.errors.NotFound} If no set has this id.
   * @throws {Deno.errors.PermissionDenied} If its mode doesn't let this user read it.
   */
  static fromId(id: number): SemaphoreSet {
    return new SemaphoreSet(objectFromId(SEMAPHORE_SET, id));
  }

  /**
   * The id of the set with this key. It opens nothing and waits for nothing, so it works on one
   * that has no values yet, or that this user may not read.
   *
   * @throws {Deno.errors.NotFound} If no set has this key.
   */
  static findId(key: number): number {
    return findObject(SEMAPHORE_SET, key, opening);
  }

  /**
   * Removes the set with this id (`IPC_RMID`), for everybody. It opens nothing, so its owner can
   * remove one that its mode doesn't let anybody read.
   *
   * @throws {Deno.errors.NotFound} If no set has this id.
   * @throws {Deno.errors.PermissionDenied} If this user is neither owner, creator nor root.
   */
  static remove(id: number): void {
    removeObject(SEMAPHORE_SET, id);
  }

  /**
   * Every set that the system lets this user see, as `ipcs -s` shows them (Linux).
   *
   * @throws {Deno.errors.NotSupported} On macOS.
   */
  static list(): SemaphoreSetStatus[] {
    const { constants, layouts } = platform();
    return listObjects(SEMAPHORE_SET, {
      info: constants.SEM_INFO,
      infoSize: layouts.seminfo?.size ?? 0,
      stat: constants.SEM_STAT,
      statAny: constants.SEM_STAT_ANY,
    }, decodeSemaphoreSet);
  }

  /**
   * The system's limits (`IPC_INFO`; Linux).
   *
   * @throws {Deno.errors.NotSupported} On macOS.
   */
  static limits(): SemaphoreLimits {
    return semaphoreLimits();
  }

  /**
   * What all sets use together (`SEM_INFO`; Linux).
   *
   * @throws {Deno.errors.NotSupported} On macOS.
   */
  static usage(): SemaphoreUsage {
    return semaphoreUsage();
  }

  static *#open(key: number, options: OpenSemaphoreSetSyncOptions): Steps<SemaphoreSet> {
    const limit = readyLimit(options);
    for (;;) {
      const origin = openObject(SEMAPHORE_SET, key, opening);
      const nsems = yield* untilReady(origin, limit);
      if (nsems !== null) return new SemaphoreSet(origin, nsems);
      // Somebody removed it: the next look finds none, or one that was made anew.
    }
  }

  static *#openOrCreate(
    key: number,
    values: readonly number[],
    options: CreateSemaphoreSetOptions & OpenSemaphoreSetSyncOptions,
  ): Steps<SemaphoreSet> {
    const limit = readyLimit(options);
    const initial = checkedValues(values);
    const create = creation(initial, options);
    const advice = createAdvice(initial);
    for (;;) {
      const origin = openOrCreateObject(SEMAPHORE_SET, key, create, opening, advice);
      if (origin.created) {
        try {
          return SemaphoreSet.#initialised(origin, initial, options);
        } catch (error) {
          if (error instanceof Deno.errors.BadResource) continue; // removed before it had values
          throw error;
        }
      }
      const nsems = yield* untilReady(origin, limit);
      if (nsems === null) continue;
      const set = new SemaphoreSet(origin, nsems);
      if (nsems !== initial.length) throw set.#lengthError(initial.length);
      return set;
    }
  }

  /** Gives a set that was just made its values; if that fails, nothing is left of it. */
  static #initialised(
    origin: ObjectOrigin,
    values: Uint16Array<ArrayBuffer>,
    { removeOnDispose }: CreateSemaphoreSetOptions,
  ): SemaphoreSet {
    const set = new SemaphoreSet({ ...origin, removeOnDispose }, values.length);
    const result = initialise(set.id, values);
    if (result === 0) return set;
    const error = set.failure({
      errno: -result,
      syscall: "semctl",
      verb: "set the values of",
      advice: { EACCES: ["the mode that it was to get does not let this user change it"] },
    });
    SEMAPHORE_SET.ctl(set.id, platform().constants.IPC_RMID, null);
    throw error;
  }

  /**
   * One semaphore of the set.
   *
   * @throws {RangeError} If there is no such semaphore.
   */
  at(index: number): Semaphore {
    const checked = this.#checkIndex(index);
    const performer = new Performer(
      this.id,
      ({ verb, ...failure }) =>
        this.failure({ ...failure, verb: `${verb} semaphore ${checked} of` }),
    );
    return new Semaphore(this, checked, performer);
  }

  /**
   * Does several operations as one, on one or more semaphores: all of them, or none while
   * one would have to wait. Blocks the thread until they are done.
   *
   * @throws {TypeError} If an operation is of the wrong type.
   * @throws {RangeError} If there is none, or one is out of range.
   * @throws {Deno.errors.TimedOut} If they could not be done in time; none was done.
   * @throws {Deno.errors.WouldBlock} If one with `noWait` would have to wait; none was done.
   * @throws {Deno.errors.Busy} If an asynchronous wait of this thread could make it wait for
   * itself.
   * @throws {Deno.errors.BadResource} If the set was removed, also while waiting.
   * @throws {Error} With code `E2BIG` if there are more than the system does at once
   * (`SemaphoreSet.limits().semopm`), `ERANGE` if a value would exceed 32767; none was done.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man2/semop.2.html semop(2)}
   */
  opSync(operations: readonly SemaphoreOperation[], options: WaitSyncOptions = {}): void {
    const batch = checkedBatch(operations, this.length);
    this.#performer.sync(batch, "operate on", options);
  }

  /**
   * Does several operations as one like {@linkcode opSync}, without blocking the thread. A wait
   * that was aborted or timed out has changed nothing.
   *
   * @throws {TypeError} If an operation has `noWait`, which belongs to {@linkcode opSync}.
   */
  async op(operations: readonly SemaphoreOperation[], options: WaitOptions = {}): Promise<void> {
    const batch = checkedBatch(operations, this.length);
    if (batch.operations.some(({ noWait }) => noWait)) {
      throw new TypeError("noWait can't be set in op(), which waits: use opSync() or tryOp()");
    }
    await this.#performer.async(batch, "operate on", options);
  }

  /** Does several operations as one if none has to wait; `false` if one has to. */
  tryOp(operations: readonly SemaphoreOperation[]): boolean {
    return this.#performer.try(checkedBatch(operations, this.length), "operate on");
  }

  /** The value of a semaphore now (`GETVAL`). */
  value(index: number): number {
    return this.#read(index, platform().constants.GETVAL);
  }

  /** The values of all semaphores at one moment (`GETALL`). */
  values(): number[] {
    this.#checkLength();
    const values = new Uint16Array(this.length);
    this.#control(semctl(this.id, 0, platform().constants.GETALL, values), "read the values of");
    return Array.from(values);
  }

  /**
   * Sets the value of a semaphore (`SETVAL`), and forgets what any process was to undo on it.
   *
   * @throws {RangeError} If the value isn't an integer from 0 to 32767 (`SEMVMX`).
   */
  setValue(index: number, value: number): void {
    const { SETVAL } = platform().constants;
    const result = semctlValue(
      this.id,
      this.#checkIndex(index),
      SETVAL,
      checkValue("value", value),
    );
    this.#control(result, "set a value of");
  }

  /**
   * Sets the values of all semaphores at one moment (`SETALL`), and forgets what any process was
   * to undo on them.
   *
   * @throws {RangeError} If there aren't as many as semaphores, or one isn't an integer from 0 to
   * 32767.
   */
  setValues(values: readonly number[]): void {
    const checked = checkedValues(values);
    if (checked.length !== this.length) {
      throw new RangeError(
        `values must be ${this.length}, one for each semaphore: received ${checked.length}`,
      );
    }
    this.#checkLength();
    const { SETALL } = platform().constants;
    this.#control(semctl(this.id, 0, SETALL, checked), "set the values of");
  }

  /** The process that last changed or waited for a value (`GETPID`); 0 if none did. */
  lastPid(index: number): number {
    return this.#read(index, platform().constants.GETPID);
  }

  /** How many processes wait to take from a semaphore (`GETNCNT`). */
  waiting(index: number): number {
    return this.#read(index, platform().constants.GETNCNT);
  }

  /** How many processes wait for the value 0 of a semaphore (`GETZCNT`). */
  waitingForZero(index: number): number {
    return this.#read(index, platform().constants.GETZCNT);
  }

  /**
   * What the kernel knows of the set now (`IPC_STAT`).
   *
   * @throws {Deno.errors.PermissionDenied} If its mode doesn't let this user read it.
   * @throws {Deno.errors.BadResource} If the set was removed meanwhile.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man2/semctl.2.html semctl(2)}
   */
  status(): SemaphoreSetStatus {
    return decodeSemaphoreSet(this.id, this.readRecord());
  }

  #read(index: number, cmd: number): number {
    return this.#control(semctl(this.id, this.#checkIndex(index), cmd, null), "read a value of");
  }

  #control(result: number, verb: string): number {
    if (result < 0) throw this.failure({ errno: -result, syscall: "semctl", verb });
    return result;
  }

  #checkIndex(index: number): number {
    return checkInteger("index", index, 0, this.length - 1);
  }

  /**
   * Ids are used again after some millions of sets. GETALL and SETALL go by the length that the set
   * has now, and would reach beyond an array of the old one.
   */
  #checkLength(): void {
    if (this.status().nsems === this.length) return;
    throw this.failure({ errno: platform().errno.EIDRM, syscall: "semctl", verb: "use" });
  }

  #lengthError(length: number): Error {
    return this.failure({
      errno: platform().errno.EINVAL,
      syscall: "semget",
      verb: "open",
      advice: {
        EINVAL: [
          `it has ${this.length} semaphores, not the ${length} asked for`,
          "Use it as it is (SemaphoreSet.open()), or remove it first.",
        ],
      },
    });
  }
}
