import { checkInteger, checkMode, checkOptions } from "../ffi/check.ts";
import {
  type Advice,
  errnoName,
  type SystemError,
  systemError,
  type SystemErrorInit,
} from "../ffi/errors.ts";
import { setNumber } from "../ffi/layouts/field.ts";
import { platform } from "../ffi/platform.ts";
import { formatKey, IPC_PRIVATE } from "./key.ts";
import type { Kind } from "./kind.ts";
import { modeBits, type OwnershipOptions } from "./status.ts";

/** A call that failed on an object; `verb` completes "Cannot ... segment 5". */
export type Failure = Omit<SystemErrorInit, "action"> & { readonly verb: string };

/** What an `IPC_SET` is called in errors, and what a kind has to set beside owner and mode. */
export interface Change {
  /** Completes "Cannot ... segment 5". */
  readonly verb: string;
  /** Names all that can be set. */
  readonly all: string;
  /** Whether all that the kind has of its own is given, too. Default: it has nothing. */
  readonly complete?: boolean;
  /** Puts what is given of that into the record. */
  readonly write?: (record: DataView) => void;
  /** What errors mean. */
  readonly advice?: Advice;
}

/** How a System V object was come by. */
export interface ObjectOrigin {
  /** The kernel's id. */
  readonly id: number;
  /** The key, `IPC_PRIVATE` if it has none. */
  readonly key: number;
  /** Whether this call created the object. */
  readonly created: boolean;
  /** Whether leaving scope removes the object, if this call created it. */
  readonly removeOnDispose?: boolean;
}

/** -1 means "leave it" to some calls, so it is nobody's. */
const MAX_USER_ID = 2 ** 32 - 2;

// Ids are shown and passed to C as int, of which the kernels use the non-negative half.
const MAX_ID = 2 ** 31 - 1;

/** Returns `id` if it may be the id of a System V object. */
export function checkId(id: number): number {
  return checkInteger("id", id, 0, MAX_ID);
}

/** Makes the name that errors and people know an object by. */
export function describeObject(kind: Kind, id: number, key: number): string {
  return key === IPC_PRIVATE
    ? `${kind.noun} ${id}`
    : `${kind.noun} ${id} with key ${formatKey(key)}`;
}

/** Reads an object's record; a negated error number if that fails. */
export function readRecord(kind: Kind, id: number, cmd: number): DataView<ArrayBuffer> | number {
  const record = new Uint8Array(kind.recordSize());
  const result = kind.ctl(id, cmd, record);
  return result < 0 ? result : new DataView(record.buffer);
}

/**
 * What all System V objects share, as the kernel's records do: an id, a key, an owner
 * and permissions. It holds nothing of this process; the object lives until somebody
 * removes it.
 */
export abstract class SystemVObject implements Disposable {
  /** The kernel's id, by which any process may find the object. */
  readonly id: number;
  /** The key, `IPC_PRIVATE` if it has none. */
  readonly key: number;
  /** Whether this handle's `create` or `openOrCreate` made the object. */
  readonly created: boolean;
  readonly #kind: Kind;
  readonly #removeOnDispose: boolean;
  #removed = false;

  /** Wraps an object that exists. */
  protected constructor(kind: Kind, origin: ObjectOrigin) {
    this.#kind = kind;
    this.id = origin.id;
    this.key = origin.key;
    this.created = origin.created;
    this.#removeOnDispose = origin.created && (origin.removeOnDispose ?? false);
  }

  /**
   * Changes the owner or the permission bits (`IPC_SET`). What isn't given stays; with all three
   * given, it works on an object whose mode doesn't let this user read it.
   *
   * @throws {RangeError} If a value is out of range.
   * @throws {Deno.errors.PermissionDenied} If this user is neither owner, creator nor root.
   * @throws {Deno.errors.BadResource} If the object was removed meanwhile.
   */
  set(options: OwnershipOptions): void {
    this.change(checkOptions(options), {
      verb: "change the owner or mode of",
      all: "uid, gid and mode, all three",
    });
  }

  /**
   * Removes the object from the system (`IPC_RMID`), for everybody. On Linux a segment that is
   * attached somewhere loses its key at once, and lives on until its last attachment ends.
   *
   * @throws {Deno.errors.PermissionDenied} If this user is neither owner, creator nor root.
   * @throws {Deno.errors.BadResource} If it is gone already.
   */
  remove(): void {
    this.control(platform().constants.IPC_RMID, "remove", null);
    this.#removed = true;
  }

  /**
   * Leaves scope: removes the object if this handle made it, `removeOnDispose` was asked for then,
   * and nobody removed it before.
   */
  [Symbol.dispose](): void {
    if (!this.#removeOnDispose || this.#removed) return;
    const { IPC_RMID } = platform().constants;
    const result = this.#kind.ctl(this.id, IPC_RMID, null);
    this.#removed = true;
    if (result < 0 && !isGone(-result)) {
      throw this.failure({ errno: -result, syscall: this.#kind.control, verb: "remove" });
    }
  }

  /** Changes what isn't `undefined` (`IPC_SET`). */
  protected change({ uid, gid, mode }: OwnershipOptions, change: Change): void {
    if (uid !== undefined) checkInteger("uid", uid, 0, MAX_USER_ID);
    if (gid !== undefined) checkInteger("gid", gid, 0, MAX_USER_ID);
    if (mode !== undefined) checkMode(mode);

    const { verb, all, complete = true, write, advice } = change;
    // IPC_SET takes all at once. Given all, nothing has to be read, which the mode may not allow.
    const record = complete && uid !== undefined && gid !== undefined && mode !== undefined
      ? new DataView(new ArrayBuffer(this.#kind.recordSize()))
      : this.readRecord(verb, {
        EACCES: [
          "its mode does not let this user read what is to stay as it is",
          `Give ${all}.`,
        ],
      });
    const { fields } = platform().layouts.ipc_perm;
    if (uid !== undefined) setNumber(record, fields.uid, uid);
    if (gid !== undefined) setNumber(record, fields.gid, gid);
    if (mode !== undefined) setNumber(record, fields.mode, (modeBits(record) & ~0o777) | mode);
    write?.(record);
    const { IPC_SET } = platform().constants;
    this.control(IPC_SET, verb, new Uint8Array(record.buffer), advice);
  }

  /** The object as errors name it. */
  protected describe(): string {
    return describeObject(this.#kind, this.id, this.key);
  }

  /** Reads the kernel's record of the object. */
  protected readRecord(verb = "read the status of", advice?: Advice): DataView<ArrayBuffer> {
    const record = readRecord(this.#kind, this.id, platform().constants.IPC_STAT);
    if (typeof record !== "number") return record;
    throw this.failure({ errno: -record, syscall: this.#kind.control, verb, advice });
  }

  /** Calls shmctl or its like; `verb` completes "Cannot ... segment 5". */
  protected control(
    cmd: number,
    verb: string,
    record: Uint8Array<ArrayBuffer> | null,
    advice?: Advice,
  ): void {
    const result = this.#kind.ctl(this.id, cmd, record);
    if (result < 0) {
      throw this.failure({ errno: -result, syscall: this.#kind.control, verb, advice });
    }
  }

  /** The error for a call that failed on this object. */
  protected failure(init: Failure): SystemError {
    const { verb, ...rest } = init;
    const error = { ...rest, action: `${verb} ${this.describe()}` };
    const { EIDRM } = platform().errno;
    if (init.errno !== EIDRM && !(isGone(init.errno) && this.#isRemoved())) {
      return systemError(error);
    }
    const gone = [
      "it was removed meanwhile",
      "Whoever did may have made another: open it again.",
    ] as const;
    return systemError({
      ...error,
      advice: { EINVAL: gone, EIDRM: gone },
      class: Deno.errors.BadResource,
    });
  }

  /** Whether the id is dead: EINVAL alone may also mean a bad argument. */
  #isRemoved(): boolean {
    const record = readRecord(this.#kind, this.id, platform().constants.IPC_STAT);
    return typeof record === "number" && isGone(-record);
  }
}

/** Whether an error number says that the id doesn't exist, or no longer. */
export function isGone(errno: number): boolean {
  return ["EINVAL", "EIDRM"].includes(errnoName(errno));
}
