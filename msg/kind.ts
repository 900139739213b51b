import { platform } from "../ffi/platform.ts";
import { msgctl } from "../ffi/sysv_msg.ts";
import type { Kind } from "../sysv/kind.ts";

/** System V message queues, among the System V kinds. */
export const MESSAGE_QUEUE: Kind = {
  noun: "message queue",
  className: "MessageQueue",
  get: "msgget",
  control: "msgctl",
  flag: "-q",
  recordSize: () => platform().layouts.msqid_ds.size,
  ctl: msgctl,
};
