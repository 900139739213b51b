/**
 * System V message queues: messages with a type, in the kernel, which processes send, and receive
 * by their types.
 *
 * @example
 * ```ts
 * import { ftok, MessageQueue } from "@isthmus/isthmus/msg";
 *
 * const queue = MessageQueue.openOrCreate(ftok(".", 0x66));
 * queue.sendSync(1, new Uint8Array([1, 2, 3]));
 * console.log(queue.receiveSync({ type: 1 }).bytes); // Uint8Array(3) [ 1, 2, 3 ]
 * queue.remove(); // when nobody needs it any more
 * ```
 *
 * @module
 */

export { isSystemError, type SystemError } from "../ffi/errors.ts";
export type { WaitOptions, WaitSyncOptions } from "../ffi/wait.ts";
export * from "../sysv/mod.ts";
export type { CreateMessageQueueOptions } from "./create.ts";
export type { MessageQueueLimits, MessageQueueUsage } from "./limits.ts";
export type { QueueMessage } from "./message.ts";
export { MessageQueue } from "./message_queue.ts";
export type { MessageSelector, ReceiveOptions } from "./selection.ts";
export type { MessageQueueSettings, MessageQueueStatus } from "./status.ts";
