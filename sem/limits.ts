import { getNumber } from "../ffi/layouts/field.ts";
import { platform } from "../ffi/platform.ts";
import { readSystemRecord } from "../sysv/system_record.ts";
import { SEMAPHORE_SET } from "./kind.ts";

/**
 * The system's limits on semaphores: those of its `struct seminfo` that Linux heeds, by C's names.
 */
export interface SemaphoreLimits {
  /** How many semaphore sets there may be. */
  readonly semmni: number;
  /** How many semaphores there may be in all sets together. */
  readonly semmns: number;
  /** How many semaphores a set may have. */
  readonly semmsl: number;
  /** How many operations one `op` may have. */
  readonly semopm: number;
  /** The largest value of a semaphore. */
  readonly semvmx: number;
}

/** What all semaphore sets use together. */
export interface SemaphoreUsage {
  /** How many semaphore sets there are. */
  readonly sets: number;
  /** How many semaphores they have. */
  readonly semaphores: number;
}

/** `semctl(IPC_INFO)` */
export function semaphoreLimits(): SemaphoreLimits {
  const { constants: { IPC_INFO }, layouts: { seminfo } } = platform();
  const { record, fields } = readSystemRecord(SEMAPHORE_SET, IPC_INFO, seminfo);
  return {
    semmni: getNumber(record, fields.semmni),
    semmns: getNumber(record, fields.semmns),
    semmsl: getNumber(record, fields.semmsl),
    semopm: getNumber(record, fields.semopm),
    semvmx: getNumber(record, fields.semvmx),
  };
}

/** `semctl(SEM_INFO)`, which reuses two fields of the limits. */
export function semaphoreUsage(): SemaphoreUsage {
  const { constants: { SEM_INFO }, layouts: { seminfo } } = platform();
  const { record, fields } = readSystemRecord(SEMAPHORE_SET, SEM_INFO, seminfo);
  return {
    sets: getNumber(record, fields.semusz),
    semaphores: getNumber(record, fields.semaem),
  };
}
