import { platform } from "../ffi/platform.ts";
import { shmctl } from "../ffi/sysv_shm.ts";
import type { Kind } from "../sysv/kind.ts";

/** System V shared memory, among the System V kinds. */
export const SEGMENT: Kind = {
  noun: "segment",
  className: "Segment",
  get: "shmget",
  control: "shmctl",
  flag: "-m",
  recordSize: () => platform().layouts.shmid_ds.size,
  ctl: shmctl,
};
