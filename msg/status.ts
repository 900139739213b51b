import { getNumber } from "../ffi/layouts/field.ts";
import { platform } from "../ffi/platform.ts";
import {
  decodePermissions,
  decodeTime,
  type ObjectStatus,
  type OwnershipOptions,
} from "../sysv/status.ts";

/** What the kernel knows of a message queue: its `struct msqid_ds`. */
export interface MessageQueueStatus extends ObjectStatus {
  /** When a message was last sent; `null` if never. */
  readonly sendTime: Date | null;
  /** When a message was last received; `null` if never. */
  readonly receiveTime: Date | null;
  /** When it was created, or its owner, mode or size last changed. */
  readonly changeTime: Date | null;
  /** How many messages are in it. */
  readonly messages: number;
  /** How many bytes these have. */
  readonly bytes: number;
  /** How many bytes it holds at most, and how many messages (`msg_qbytes`). */
  readonly maxBytes: number;
  /** The process that last sent; 0 if none did. */
  readonly lastSendPid: number;
  /** The process that last received; 0 if none did. */
  readonly lastReceivePid: number;
}

/** What `MessageQueue.set()` changes; what is left out stays. */
export interface MessageQueueSettings extends OwnershipOptions {
  /**
   * How many bytes it holds at most, and how many messages (`msg_qbytes`). Up to
   * `MessageQueue.limits().msgmnb`; root may set more. What is in it stays.
   */
  readonly maxBytes?: number;
}

/** Reads a `struct msqid_ds`. */
export function decodeMessageQueue(id: number, record: DataView): MessageQueueStatus {
  const { fields } = platform().layouts.msqid_ds;
  return {
    ...decodePermissions(id, record),
    sendTime: decodeTime(record, fields.msg_stime),
    receiveTime: decodeTime(record, fields.msg_rtime),
    changeTime: decodeTime(record, fields.msg_ctime),
    messages: getNumber(record, fields.msg_qnum),
    bytes: getNumber(record, fields.msg_cbytes),
    maxBytes: getNumber(record, fields.msg_qbytes),
    lastSendPid: getNumber(record, fields.msg_lspid),
    lastReceivePid: getNumber(record, fields.msg_lrpid),
  };
}
