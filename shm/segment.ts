import { checkInteger, checkOptions } from "../ffi/check.ts";
import { systemError } from "../ffi/errors.ts";
import { getNumber } from "../ffi/layouts/field.ts";
import { platform } from "../ffi/platform.ts";
import {
  createObject,
  findObject,
  objectFromId,
  openObject,
  openOrCreateObject,
  removeObject,
  retryIfGone,
} from "../sysv/get.ts";
import { listObjects } from "../sysv/list.ts";
import { type ObjectOrigin, SystemVObject } from "../sysv/object.ts";
import { type AttachOptions, attachSegment } from "./attach.ts";
import { Attachment, ReadonlyAttachment } from "./attachment.ts";
import { createAdvice, type CreateSegmentOptions, creation, opening } from "./create.ts";
import { SEGMENT } from "./kind.ts";
import { type SegmentLimits, segmentLimits, type SegmentUsage, segmentUsage } from "./limits.ts";
import { decodeSegment, type SegmentStatus } from "./status.ts";

/** Options of {@linkcode Segment.open}. */
export interface OpenSegmentOptions {
  /** How many bytes the segment must have at least. Default: any number. */
  readonly size?: number;
}

/**
 * A System V shared memory segment: memory that lives in the kernel, found by a key or
 * an id, until somebody removes it.
 *
 * @example Two programs that know the key share what is written
 * ```ts
 * import { ftok, Segment } from "@isthmus/isthmus";
 *
 * const key = ftok(".", 0x66);
 * using segment = Segment.create(key, 4096, { removeOnDispose: true });
 * using memory = segment.attach();
 * memory.writeText("hello");
 *
 * // In another program:
 * using theirs = Segment.open(key).attach({ access: "read" });
 * console.log(theirs.readText()); // hello
 * ```
 *
 * @see {@linkcode https://man7.org/linux/man-pages/man7/sysvipc.7.html sysvipc(7)}
 */
export class Segment extends SystemVObject {
  /** The size in bytes, as it was asked for when the segment was made. */
  readonly size: number;

  private constructor(origin: ObjectOrigin, size?: number) {
    super(SEGMENT, origin);
    this.size = size ?? this.#currentSize("open");
  }

  /**
   * Creates a segment, filled with zeros, that must not exist yet (`shmget` with `IPC_CREAT |
   * IPC_EXCL`).
   *
   * @param key A number that both sides know, from `ftok()` say, or `IPC_PRIVATE`.
   * @param size The size in bytes.
   *
   * @throws {RangeError} If an argument is out of range.
   * @throws {Deno.errors.AlreadyExists} If a segment has this key.
   * @throws {Error} With code `ENOSPC` if the system has as many segments as it may,
   * `ENOMEM` if it has no memory, `EINVAL` if `size` exceeds the system's limit.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man2/shmget.2.html shmget(2)}
   */
  static create(key: number, size: number, options: CreateSegmentOptions = {}): Segment {
    const get = creation(size, options);
    const origin = createObject(SEGMENT, key, get, createAdvice(size, options));
    return new Segment({ ...origin, removeOnDispose: options.removeOnDispose }, size);
  }

  /**
   * Opens the segment with this key, which must exist. Its size is the kernel's.
   *
   * @throws {Deno.errors.NotFound} If no segment has this key.
   * @throws {Deno.errors.PermissionDenied} If its mode doesn't let this user read it.
   * @throws {Error} With code `EINVAL` if it has fewer bytes than `size`.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man2/shmget.2.html shmget(2)}
   */
  static open(key: number, options: OpenSegmentOptions = {}): Segment {
    const { size: least } = checkOptions(options);
    const size = least === undefined ? 0 : checkInteger("size", least, 1);
    const segment = retryIfGone(() => new Segment(openObject(SEGMENT, key, opening)));
    if (size > segment.size) throw segment.#sizeError(`fewer than the ${size} asked for`);
    return segment;
  }

  /**
   * Opens the segment with this key, or creates it; `created` says which. An existing one must
   * have exactly this size: with another it is not the one that was meant.
   *
   * @throws {RangeError} If an argument is out of range.
   * @throws {Deno.errors.PermissionDenied} If it exists and its mode doesn't let this user read it.
   * @throws {Error} With code `EINVAL` if it exists with another size; with `ENOSPC` or `ENOMEM` as
   * {@linkcode Segment.create}.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man2/shmget.2.html shmget(2)}
   */
  static openOrCreate(key: number, size: number, options: CreateSegmentOptions = {}): Segment {
    const get = creation(size, options);
    const advice = createAdvice(size, options);
    const { removeOnDispose } = options;
    const segment = retryIfGone(() => {
      const origin = openOrCreateObject(SEGMENT, key, get, opening, advice);
      return new Segment({ ...origin, removeOnDispose }, origin.created ? size : undefined);
    });
    if (size !== segment.size) throw segment.#sizeError(`not the ${size} asked for`);
    return segment;
  }

  /**
   * Opens the segment with this id: one that another process named, or a private one.
   *
   * @throws {Deno.errors.NotFound} If no segment has this id.
   * @throws {Deno.errors.PermissionDenied} If its mode doesn't let this user read it.
   */
  static fromId(id: number): Segment {
    return new Segment(objectFromId(SEGMENT, id));
  }

  /**
   * The id of the segment with this key. It opens nothing, so it works on one that this user may
   * not read.
   *
   * @throws {Deno.errors.NotFound} If no segment has this key.
   */
  static findId(key: number): number {
    return findObject(SEGMENT, key, opening);
  }

  /**
   * Removes the segment with this id (`IPC_RMID`), for everybody. It opens nothing, so its owner
   * can remove one that its mode doesn't let anybody read.
   *
   * @throws {Deno.errors.NotFound} If no segment has this id.
   * @throws {Deno.errors.PermissionDenied} If this user is neither owner, creator nor root.
   */
  static remove(id: number): void {
    removeObject(SEGMENT, id);
  }

  /**
   * Every segment that the system lets this user see, as `ipcs -m` shows them (Linux).
   *
   * @throws {Deno.errors.NotSupported} On macOS.
   */
  static list(): SegmentStatus[] {
    const { constants, layouts } = platform();
    return listObjects(SEGMENT, {
      info: constants.SHM_INFO,
      infoSize: layouts.shm_info?.size ?? 0,
      stat: constants.SHM_STAT,
      statAny: constants.SHM_STAT_ANY,
    }, decodeSegment);
  }

  /**
   * The system's limits (`IPC_INFO`; Linux).
   *
   * @throws {Deno.errors.NotSupported} On macOS.
   */
  static limits(): SegmentLimits {
    return segmentLimits();
  }

  /**
   * What all segments use together (`SHM_INFO`; Linux).
   *
   * @throws {Deno.errors.NotSupported} On macOS.
   */
  static usage(): SegmentUsage {
    return segmentUsage();
  }

  /**
   * Attaches the segment: maps it into this process.
   *
   * Every attachment is a mapping of its own on the same memory. A Worker
   * attaches for itself, from the id.
   *
   * @throws {TypeError} If an option is of the wrong type.
   * @throws {RangeError} If `address` is misaligned and `round` isn't set.
   * @throws {Error} With code `EINVAL` if something is mapped at `address`.
   * @throws {Deno.errors.PermissionDenied} If the segment's mode doesn't allow this access.
   * @throws {Deno.errors.BadResource} If the segment was removed meanwhile.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man2/shmat.2.html shmat(2)}
   */
  attach(options: AttachOptions & { readonly access: "read" }): ReadonlyAttachment;
  /** Attaches the segment for reading and writing. */
  attach(options?: AttachOptions & { readonly access?: "readwrite" }): Attachment;
  /** Attaches the segment with an access known at run time only. */
  attach(options: AttachOptions): Attachment | ReadonlyAttachment;
  attach(options: AttachOptions = {}): Attachment | ReadonlyAttachment {
    const settings = { ...checkOptions(options) }; // read once: an option may not change between two looks
    const region = attachSegment({
      id: this.id,
      size: this.size,
      name: this.describe(),
      currentSize: () => this.#currentSize("attach"),
      fail: (errno, advice) => this.failure({ errno, syscall: "shmat", verb: "attach", advice }),
    }, settings);
    return settings.access === "read" ? new ReadonlyAttachment(region) : new Attachment(region);
  }

  /**
   * What the kernel knows of the segment now (`IPC_STAT`).
   *
   * @throws {Deno.errors.PermissionDenied} If its mode doesn't let this user read it.
   * @throws {Deno.errors.BadResource} If the segment was removed meanwhile.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man2/shmctl.2.html shmctl(2)}
   */
  status(): SegmentStatus {
    return decodeSegment(this.id, this.readRecord());
  }

  /**
   * Keeps the segment's pages from the swap (`SHM_LOCK`; Linux), once they were touched. It keeps
   * nobody out: for that there are semaphores.
   *
   * @throws {Deno.errors.PermissionDenied} If this user may not lock memory.
   * @throws {Error} With code `ENOMEM` if it is more than `RLIMIT_MEMLOCK` allows.
   */
  lock(): void {
    this.#setLocked(platform().constants.SHM_LOCK, "lock");
  }

  /** Lets the segment's pages go to the swap again (`SHM_UNLOCK`; Linux). */
  unlock(): void {
    this.#setLocked(platform().constants.SHM_UNLOCK, "unlock");
  }

  #currentSize(verb: string): number {
    return getNumber(this.readRecord(verb), platform().layouts.shmid_ds.fields.shm_segsz);
  }

  #setLocked(cmd: number | null, verb: string): void {
    if (cmd === null) {
      throw new Deno.errors.NotSupported(
        `Cannot ${verb} ${this.describe()}: this platform has no SHM_LOCK`,
      );
    }
    this.control(cmd, verb, null, {
      ENOMEM: ["it is larger than this user may lock", "Raise RLIMIT_MEMLOCK (`ulimit -l`)."],
    });
  }

  #sizeError(mismatch: string): Error {
    return systemError({
      errno: platform().errno.EINVAL,
      syscall: "shmget",
      action: `open ${this.describe()}`,
      advice: {
        EINVAL: [
          `it has ${this.size} bytes, ${mismatch}`,
          "Use its own size (Segment.open() without size), or remove it first.",
        ],
      },
    });
  }
}
