import { getNumber } from "../ffi/layouts/field.ts";
import { platform } from "../ffi/platform.ts";
import { decodePermissions, decodeTime, type ObjectStatus } from "../sysv/status.ts";

/** What the kernel knows of a semaphore set: its `struct semid_ds`. */
export interface SemaphoreSetStatus extends ObjectStatus {
  /** When an operation was last done; `null` if never. */
  readonly operationTime: Date | null;
  /** When it was created, or its owner, mode or values were last set. */
  readonly changeTime: Date | null;
  /** How many semaphores it has. */
  readonly nsems: number;
}

/** Reads a `struct semid_ds`. */
export function decodeSemaphoreSet(id: number, record: DataView): SemaphoreSetStatus {
  const { fields } = platform().layouts.semid_ds;
  return {
    ...decodePermissions(id, record),
    operationTime: decodeTime(record, fields.sem_otime),
    changeTime: decodeTime(record, fields.sem_ctime),
    nsems: getNumber(record, fields.sem_nsems),
  };
}
