import { checkInteger } from "../ffi/check.ts";
import type { Advice } from "../ffi/errors.ts";
import { platform } from "../ffi/platform.ts";
import { checkedWait, type WaitOptions, type WaitSyncOptions } from "../ffi/wait.ts";
import { pollSync, spin } from "../wait/pause.ts";
import type { QueueMessage } from "./message.ts";
import { receiveInto } from "./msgbuf.ts";
import { checkedSelection, checkRoom, type ReceiveOptions, type Selection } from "./selection.ts";
import type { Fail } from "./sender.ts";
import { receiveWaits, sendWaits } from "./waits.ts";

/** Receives messages from one queue, in the three ways there are. */
export class Receiver {
  readonly #id: number;
  readonly #fail: Fail;

  /** Works on the queue `id`. */
  constructor(id: number, fail: Fail) {
    this.#id = id;
    this.#fail = fail;
  }

  /** Receives a message now, or none. */
  try(options: ReceiveOptions): QueueMessage | undefined {
    return this.#attempt(checkedSelection(options));
  }

  /** Receives a message, and blocks the thread until there is one or the time is over. */
  sync(options: ReceiveOptions & WaitSyncOptions): QueueMessage {
    const { timeout } = checkedWait(options);
    const selection = checkedSelection(options);
    return this.#attempt(selection) ?? this.#waitSync(selection, timeout);
  }

  /**
   * Reads the options, and returns what receives a message by them without blocking the thread, any
   * number of times.
   */
  async(options: ReceiveOptions & WaitOptions): () => Promise<QueueMessage> {
    const limits = checkedWait(options);
    const selection = checkedSelection(options);
    const key = `${selection.msgtyp} ${selection.msgflg}`;
    const attempt = () => {
      checkRoom(selection);
      return this.#attempt(selection);
    };
    const timedOut = () => this.#timedOut(limits.timeout);
    return () => receiveWaits.wait(this.#id, { key, attempt }, limits, timedOut);
  }

  /** Copies the message in a place of the queue, if there is one. */
  peek(index: number): QueueMessage | undefined {
    const { constants: { IPC_NOWAIT, MSG_COPY }, errno: { ENOMSG } } = platform();
    const msgtyp = BigInt(checkInteger("index", index, 0));
    if (MSG_COPY === null) {
      throw new Deno.errors.NotSupported(
        "Cannot look at a message without receiving it: this platform has no MSG_COPY",
      );
    }
    // Cutting off is no help: MSG_COPY refuses what doesn't fit, whatever MSG_NOERROR says.
    const selection = {
      msgtyp,
      msgflg: MSG_COPY,
      maxLength: Infinity,
      truncate: false,
      into: undefined,
    };
    const result = receiveInto(this.#id, selection, IPC_NOWAIT);
    if (typeof result !== "number") return result;
    if (result === -ENOMSG) return undefined;
    throw this.#error(-result, "look into", PEEK_ADVICE);
  }

  #waitSync(selection: Selection, timeout: number | undefined): QueueMessage {
    const attempt = () => this.#attempt(selection);
    const message = timeout === undefined
      ? spin(attempt) ?? this.#receive(selection, 0)
      : pollSync(attempt, timeout);
    if (message === undefined) throw this.#timedOut(timeout);
    return message;
  }

  #attempt(selection: Selection): QueueMessage | undefined {
    return this.#receive(selection, platform().constants.IPC_NOWAIT);
  }

  /** Receives a message; `undefined` if there is none, and it wasn't to wait. */
  #receive(selection: Selection, msgflg: number): QueueMessage | undefined {
    const result = receiveInto(this.#id, selection, msgflg);
    if (typeof result !== "number") {
      sendWaits.wake(this.#id); // there is room now
      return result;
    }
    if (result === -platform().errno.ENOMSG) return undefined;
    throw this.#error(-result, "receive from", receiveAdvice(selection));
  }

  #timedOut(timeout?: number): Error {
    return this.#fail({
      errno: platform().errno.ENOMSG,
      syscall: "msgrcv",
      verb: "receive from",
      class: Deno.errors.TimedOut,
      advice: { ENOMSG: [`no such message came within ${timeout} ms`] },
    });
  }

  #error(errno: number, verb: string, advice: Advice): Error {
    return this.#fail({ errno, syscall: "msgrcv", verb, advice });
  }
}

const EACCES = [
  "its mode does not let this user receive",
  "Its owner or root may change its mode.",
] as const;

const PEEK_ADVICE: Advice = {
  EACCES,
  EINVAL: ["the message is longer than the system allows by now (kernel.msgmax)", "Receive it."],
  ENOSYS: [
    "this kernel does not have MSG_COPY: it was built without CONFIG_CHECKPOINT_RESTORE",
    "Receive the message, or look at status().messages.",
  ],
};

function receiveAdvice({ maxLength }: Selection): Advice {
  return {
    EACCES,
    E2BIG: [
      `the next message has more than ${maxLength} bytes`,
      "It stays in the queue: allow more (maxLength, into), or ask for its front (truncate: true).",
    ],
  };
}
