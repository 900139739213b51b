import { getNumber } from "../ffi/layouts/field.ts";
import { platform } from "../ffi/platform.ts";
import { decodePermissions, decodeTime, modeBits, type ObjectStatus } from "../sysv/status.ts";

/** What the kernel knows of a segment: its `struct shmid_ds`. */
export interface SegmentStatus extends ObjectStatus {
  /** The size in bytes, as it was asked for. */
  readonly size: number;
  /** When it was last attached; `null` if never. */
  readonly attachTime: Date | null;
  /** When it was last detached; `null` if never. */
  readonly detachTime: Date | null;
  /** When it was created, or its owner or mode last changed. */
  readonly changeTime: Date | null;
  /** The process that created it. */
  readonly creatorPid: number;
  /** The process that attached or detached it last; 0 if none did. */
  readonly lastPid: number;
  /** How many attachments there are, in all processes. */
  readonly nattch: number;
  /** Whether it was removed and lives on until its last attachment ends (`SHM_DEST`; Linux). */
  readonly destroyed: boolean;
  /** Whether its pages are kept from the swap (`SHM_LOCKED`; Linux). */
  readonly locked: boolean;
}

/** Reads a `struct shmid_ds`. */
export function decodeSegment(id: number, record: DataView): SegmentStatus {
  const { constants: { SHM_DEST, SHM_LOCKED }, layouts: { shmid_ds: { fields } } } = platform();
  const flags = modeBits(record);
  return {
    ...decodePermissions(id, record),
    size: getNumber(record, fields.shm_segsz),
    attachTime: decodeTime(record, fields.shm_atime),
    detachTime: decodeTime(record, fields.shm_dtime),
    changeTime: decodeTime(record, fields.shm_ctime),
    creatorPid: getNumber(record, fields.shm_cpid),
    lastPid: getNumber(record, fields.shm_lpid),
    nattch: getNumber(record, fields.shm_nattch),
    destroyed: SHM_DEST !== null && (flags & SHM_DEST) !== 0,
    locked: SHM_LOCKED !== null && (flags & SHM_LOCKED) !== 0,
  };
}
