import { platform } from "../ffi/platform.ts";
import { semctl } from "../ffi/sysv_sem.ts";
import type { Kind } from "../sysv/kind.ts";

/** System V semaphore sets, among the System V kinds. */
export const SEMAPHORE_SET: Kind = {
  noun: "semaphore set",
  className: "SemaphoreSet",
  get: "semget",
  control: "semctl",
  flag: "-s",
  recordSize: () => platform().layouts.semid_ds.size,
  ctl: (id, cmd, record) => semctl(id, 0, cmd, record),
};
