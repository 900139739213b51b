import { getBigInt, getNumber } from "../ffi/layouts/field.ts";
import { platform } from "../ffi/platform.ts";
import { readSystemRecord } from "../sysv/system_record.ts";
import { SEGMENT } from "./kind.ts";

/** The system's limits on segments: its `struct shminfo`, by C's names. */
export interface SegmentLimits {
  /** The largest segment in bytes; by default about 2^64 on Linux. */
  readonly shmmax: bigint;
  /** The smallest segment in bytes. */
  readonly shmmin: number;
  /** How many segments there may be. */
  readonly shmmni: number;
  /** How many segments a process may attach; Linux sets no limit of its own and says `shmmni`. */
  readonly shmseg: number;
  /** How many pages all segments may have together. */
  readonly shmall: bigint;
}

/** What all segments use together: the kernel's `struct shm_info`. */
export interface SegmentUsage {
  /** How many segments there are. */
  readonly segments: number;
  /** How many pages they have. */
  readonly pages: number;
  /** How many of these are in memory. */
  readonly residentPages: number;
  /** How many of these are in the swap. */
  readonly swappedPages: number;
}

/** `shmctl(IPC_INFO)` */
export function segmentLimits(): SegmentLimits {
  const { constants: { IPC_INFO }, layouts: { shminfo } } = platform();
  const { record, fields } = readSystemRecord(SEGMENT, IPC_INFO, shminfo);
  return {
    shmmax: getBigInt(record, fields.shmmax),
    shmmin: getNumber(record, fields.shmmin),
    shmmni: getNumber(record, fields.shmmni),
    shmseg: getNumber(record, fields.shmseg),
    shmall: getBigInt(record, fields.shmall),
  };
}

/** `shmctl(SHM_INFO)` */
export function segmentUsage(): SegmentUsage {
  const { constants: { SHM_INFO }, layouts: { shm_info } } = platform();
  const { record, fields } = readSystemRecord(SEGMENT, SHM_INFO, shm_info);
  return {
    segments: getNumber(record, fields.used_ids),
    pages: getNumber(record, fields.shm_tot),
    residentPages: getNumber(record, fields.shm_rss),
    swappedPages: getNumber(record, fields.shm_swp),
  };
}
