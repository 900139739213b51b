import { getNumber } from "../ffi/layouts/field.ts";
import type { Field } from "../ffi/layouts/types.ts";
import { platform } from "../ffi/platform.ts";

/**
 * What the kernel knows of every System V object: its id and its `struct
 * ipc_perm`.
 */
export interface ObjectStatus {
  /** The id, by which any process may find the object. */
  readonly id: number;
  /** The key, 0 if it is private or already marked for destruction. */
  readonly key: number;
  /** The owner's user id. */
  readonly uid: number;
  /** The owner's group id. */
  readonly gid: number;
  /** The creator's user id. */
  readonly creatorUid: number;
  /** The creator's group id. */
  readonly creatorGid: number;
  /** The permission bits, such as `0o600`. */
  readonly mode: number;
  /** The sequence number that the id was made with. */
  readonly sequence: number;
}

/** What {@linkcode SystemVObject.set} changes; what is left out stays. */
export interface OwnershipOptions {
  /** The new owner's user id. */
  readonly uid?: number;
  /** The new owner's group id. */
  readonly gid?: number;
  /** The new permission bits, such as `0o660`. */
  readonly mode?: number;
}

/** Reads the `struct ipc_perm` at the start of an object's record. */
export function decodePermissions(id: number, record: DataView): ObjectStatus {
  const { fields } = platform().layouts.ipc_perm;
  return {
    id,
    key: getNumber(record, fields.key),
    uid: getNumber(record, fields.uid),
    gid: getNumber(record, fields.gid),
    creatorUid: getNumber(record, fields.cuid),
    creatorGid: getNumber(record, fields.cgid),
    mode: modeBits(record) & 0o777,
    sequence: getNumber(record, fields.seq),
  };
}

/** The whole mode word: above the permission bits stand the kernel's flags. */
export function modeBits(record: DataView): number {
  return getNumber(record, platform().layouts.ipc_perm.fields.mode);
}

/** A time in seconds, of which 0 means never. */
export function decodeTime(record: DataView, field: Field): Date | null {
  const seconds = getNumber(record, field);
  return seconds === 0 ? null : new Date(seconds * 1000);
}
