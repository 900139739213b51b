import type { Advice, SystemError } from "../ffi/errors.ts";
import { getNumber } from "../ffi/layouts/field.ts";
import { platform } from "../ffi/platform.ts";
import { checkedWait, type WaitOptions, type WaitSyncOptions } from "../ffi/wait.ts";
import { type Failure, readRecord } from "../sysv/object.ts";
import { pollSync, spin } from "../wait/pause.ts";
import { MESSAGE_QUEUE } from "./kind.ts";
import { messageQueueLimits } from "./limits.ts";
import { checkedMessage, copied, type Outgoing } from "./message.ts";
import { sendFrom } from "./msgbuf.ts";
import { receiveWaits, sendWaits } from "./waits.ts";

/** Makes the error for a call that failed on a queue. */
export type Fail = (failure: Failure) => SystemError;

/** Sends messages to one queue, in the three ways there are. */
export class Sender {
  readonly #id: number;
  readonly #fail: Fail;

  /** Works on the queue `id`. */
  constructor(id: number, fail: Fail) {
    this.#id = id;
    this.#fail = fail;
  }

  /** Sends a message now, or not at all: `false` if there is no room. */
  try(type: number, bytes: Uint8Array): boolean {
    return this.#attempt(checkedMessage(type, bytes)) ?? false;
  }

  /** Sends a message, and blocks the thread until there is room or the time is over. */
  sync(type: number, bytes: Uint8Array, options: WaitSyncOptions): void {
    const { timeout } = checkedWait(options);
    const message = checkedMessage(type, bytes);
    if (!this.#attempt(message)) this.#waitSync(message, timeout);
  }

  /** Sends a message without blocking the thread. */
  async async(type: number, bytes: Uint8Array, options: WaitOptions): Promise<void> {
    const limits = checkedWait(options);
    const message = copied(checkedMessage(type, bytes));
    await sendWaits.wait(
      this.#id,
      { key: "", attempt: () => this.#attempt(message) },
      limits,
      () => this.#timedOut(limits.timeout),
    );
  }

  #waitSync(message: Outgoing, timeout: number | undefined): void {
    const attempt = () => this.#attempt(message);
    const sent = timeout === undefined
      ? spin(attempt) ?? this.#send(message, 0)
      : pollSync(attempt, timeout);
    if (!sent) throw this.#timedOut(timeout);
  }

  /** Sends a message if there is room: `true`, or `undefined`. */
  #attempt(message: Outgoing): true | undefined {
    if (this.#send(message, platform().constants.IPC_NOWAIT)) return true;
    this.#checkFits(message);
  }

  /** Sends a message; `false` if there is no room, and it wasn't to wait. */
  #send(message: Outgoing, msgflg: number): boolean {
    const result = sendFrom(this.#id, message, msgflg, this.#checkLength);
    if (result === -platform().errno.EAGAIN) return false;
    if (result !== 0) throw this.#error(-result, message.length);
    // Somebody else may have it by now, but those of this thread who wait needn't pause.
    receiveWaits.wake(this.#id);
    return true;
  }

  /** For what finds no room: it would wait for ever if the queue is smaller than the message. */
  #checkFits({ length }: Outgoing): void {
    const { constants: { IPC_STAT }, errno: { EINVAL }, layouts: { msqid_ds } } = platform();
    const record = readRecord(MESSAGE_QUEUE, this.#id, IPC_STAT);
    if (typeof record === "number") return; // to who may only write; other errors come again
    const maxBytes = getNumber(record, msqid_ds.fields.msg_qbytes);
    if (length <= maxBytes && maxBytes > 0) return;
    throw this.#fail({
      errno: EINVAL,
      syscall: "msgsnd",
      verb: "send to",
      advice: {
        EINVAL: [
          `the message's ${length} bytes never fit into the ${maxBytes} that the queue holds`,
          "Send less, or raise that: set({ maxBytes }).",
        ],
      },
    });
  }

  readonly #checkLength = (length: number): void => {
    if (length > longest()) throw this.#error(platform().errno.EINVAL, length);
  };

  #timedOut(timeout?: number): Error {
    return this.#fail({
      errno: platform().errno.EAGAIN,
      syscall: "msgsnd",
      verb: "send to",
      class: Deno.errors.TimedOut,
      advice: { EAGAIN: [`there was no room within ${timeout} ms`] },
    });
  }

  #error(errno: number, length: number): Error {
    return this.#fail({ errno, syscall: "msgsnd", verb: "send to", advice: sendAdvice(length) });
  }
}

/** C's INT_MAX, which no system allows more bytes than. */
const INT_MAX = 2 ** 31 - 1;

/** How many bytes a message may have, as far as the system tells. */
function longest(): number {
  return platform().layouts.msginfo === null ? INT_MAX : messageQueueLimits().msgmax;
}

function sendAdvice(length: number): Advice {
  return {
    EACCES: ["its mode does not let this user send", "Its owner or root may change its mode."],
    EINVAL: [
      `the system does not allow a message of ${length} bytes`,
      "MessageQueue.limits().msgmax tells how many it allows; the limit is kernel.msgmax.",
    ],
  };
}
