import { checkBoolean, checkMode, checkOptions } from "../ffi/check.ts";
import type { Advice } from "../ffi/errors.ts";
import { msgget } from "../ffi/sysv_msg.ts";
import type { Get } from "../sysv/get.ts";

/** Options of `MessageQueue.create()` and `MessageQueue.openOrCreate()`. */
export interface CreateMessageQueueOptions {
  /**
   * Permission bits: who may read may receive, who may write may send. Default: `0o600`, this user
   * alone.
   */
  readonly mode?: number;
  /**
   * Removes the queue, and what is in it, when the `MessageQueue` leaves scope, if this call
   * created it. A signal that ends the process (Ctrl-C) ends no scope. Default: `false`.
   */
  readonly removeOnDispose?: boolean;
}

/** How a queue is made. */
export interface Creation {
  /** The msgget that creates. */
  readonly create: Get;
  readonly removeOnDispose: boolean;
}

/** Copies the options, each checked. */
export function creation(options: CreateMessageQueueOptions): Creation {
  const { mode = 0o600, removeOnDispose } = checkOptions(options);
  const flags = checkMode(mode);
  return {
    create: (key, exclusive) => msgget(key, flags | exclusive),
    removeOnDispose: checkBoolean("removeOnDispose", removeOnDispose),
  };
}

/** The msgget that opens. */
export const opening: Get = (key, flags) => msgget(key, flags);

/** What errors of the msgget that creates mean. */
export const CREATE_ADVICE: Advice = {
  ENOSPC: [
    "the system has as many message queues as it may (msgmni)",
    "Remove those that nobody uses (`ipcs -q`, `ipcrm -q <id>`), or raise the limit kernel.msgmni.",
  ],
};
