import { getNumber } from "../ffi/layouts/field.ts";
import { platform } from "../ffi/platform.ts";
import { readSystemRecord } from "../sysv/system_record.ts";
import { MESSAGE_QUEUE } from "./kind.ts";

/**
 * The system's limits on message queues: those of its `struct msginfo` that Linux heeds, by C's
 * names.
 */
export interface MessageQueueLimits {
  /** How many bytes a message may have. */
  readonly msgmax: number;
  /** How many bytes a new queue holds at most. */
  readonly msgmnb: number;
  /** How many queues there may be. */
  readonly msgmni: number;
}

/** What all message queues use together. */
export interface MessageQueueUsage {
  /** How many queues there are. */
  readonly queues: number;
  /** How many messages are in them. */
  readonly messages: number;
  /** How many bytes these have. */
  readonly bytes: number;
}

/** `msgctl(IPC_INFO)` */
export function messageQueueLimits(): MessageQueueLimits {
  const { constants: { IPC_INFO }, layouts: { msginfo } } = platform();
  const { record, fields } = readSystemRecord(MESSAGE_QUEUE, IPC_INFO, msginfo);
  return {
    msgmax: getNumber(record, fields.msgmax),
    msgmnb: getNumber(record, fields.msgmnb),
    msgmni: getNumber(record, fields.msgmni),
  };
}

/** `msgctl(MSG_INFO)`, which reuses three fields of the limits. */
export function messageQueueUsage(): MessageQueueUsage {
  const { constants: { MSG_INFO }, layouts: { msginfo } } = platform();
  const { record, fields } = readSystemRecord(MESSAGE_QUEUE, MSG_INFO, msginfo);
  return {
    queues: getNumber(record, fields.msgpool),
    messages: getNumber(record, fields.msgmap),
    bytes: getNumber(record, fields.msgtql),
  };
}
