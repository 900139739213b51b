import { checkInteger, checkOptions } from "../ffi/check.ts";
import { isSystemError } from "../ffi/errors.ts";
import { setNumber } from "../ffi/layouts/field.ts";
import { platform } from "../ffi/platform.ts";
import type { WaitOptions, WaitSyncOptions } from "../ffi/wait.ts";
import {
  createObject,
  findObject,
  objectFromId,
  openObject,
  openOrCreateObject,
  removeObject,
} from "../sysv/get.ts";
import { IPC_PRIVATE } from "../sysv/key.ts";
import { listObjects } from "../sysv/list.ts";
import { checkId, type ObjectOrigin, SystemVObject } from "../sysv/object.ts";
import { CREATE_ADVICE, type CreateMessageQueueOptions, creation, opening } from "./create.ts";
import { MESSAGE_QUEUE } from "./kind.ts";
import {
  type MessageQueueLimits,
  messageQueueLimits,
  type MessageQueueUsage,
  messageQueueUsage,
} from "./limits.ts";
import type { QueueMessage } from "./message.ts";
import { Receiver } from "./receiver.ts";
import type { ReceiveOptions } from "./selection.ts";
import { type Fail, Sender } from "./sender.ts";
import {
  decodeMessageQueue,
  type MessageQueueSettings,
  type MessageQueueStatus,
} from "./status.ts";

/**
 * A System V message queue: messages with a type, which lie in the kernel in the order in which
 * they were sent, until somebody receives them or removes the queue.
 *
 * A message is received once, by one process, whole. Its type is a number, 1 or more, by which
 * receivers choose: replies, say, have the process id of the one that they are for.
 *
 * @example
 * ```ts
 * import { IPC_PRIVATE, MessageQueue } from "@isthmus/isthmus";
 *
 * using queue = MessageQueue.create(IPC_PRIVATE, { removeOnDispose: true });
 * queue.sendSync(1, new TextEncoder().encode("hello"));
 * const { type, bytes } = await queue.receive({ timeout: 1000 });
 * console.log(type, new TextDecoder().decode(bytes)); // 1 hello
 * ```
 *
 * @see {@linkcode https://man7.org/linux/man-pages/man7/sysvipc.7.html sysvipc(7)}
 */
export class MessageQueue extends SystemVObject {
  readonly #sender: Sender;
  readonly #receiver: Receiver;

  private constructor(origin: ObjectOrigin) {
    super(MESSAGE_QUEUE, origin);
    const fail: Fail = (failure) => this.failure(failure);
    this.#sender = new Sender(this.id, fail);
    this.#receiver = new Receiver(this.id, fail);
  }

  /**
   * Creates an empty queue that must not exist yet (`msgget` with `IPC_CREAT | IPC_EXCL`).
   *
   * @param key A number that both sides know, from `ftok()` say, or `IPC_PRIVATE`.
   *
   * @throws {RangeError} If an argument is out of range.
   * @throws {Deno.errors.AlreadyExists} If a queue has this key.
   * @throws {Error} With code `ENOSPC` if the system has as many queues as it may.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man2/msgget.2.html msgget(2)}
   */
  static create(key: number, options: CreateMessageQueueOptions = {}): MessageQueue {
    const { create, removeOnDispose } = creation(options);
    const origin = createObject(MESSAGE_QUEUE, key, create, CREATE_ADVICE);
    return new MessageQueue({ ...origin, removeOnDispose });
  }

  /**
   * Opens the queue with this key, which must exist. Nothing is read of it, so it works on one that
   * this user may only send to.
   *
   * @throws {Deno.errors.NotFound} If no queue has this key.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man2/msgget.2.html msgget(2)}
   */
  static open(key: number): MessageQueue {
    return new MessageQueue(openObject(MESSAGE_QUEUE, key, opening));
  }

  /**
   * Opens the queue with this key, or creates it; `created` says which. An existing one is taken as
   * it is, with what is in it.
   *
   * @throws {RangeError} If an argument is out of range.
   * @throws {Error} With code `ENOSPC` as {@linkcode MessageQueue.create}.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man2/msgget.2.html msgget(2)}
   */
  static openOrCreate(key: number, options: CreateMessageQueueOptions = {}): MessageQueue {
    const { create, removeOnDispose } = creation(options);
    const origin = openOrCreateObject(MESSAGE_QUEUE, key, create, opening, CREATE_ADVICE);
    return new MessageQueue({ ...origin, removeOnDispose });
  }

  /**
   * Opens the queue with this id: one that another process named, or a private one. Of a queue that
   * this user may not read, `key` stays `IPC_PRIVATE`.
   *
   * @throws {Deno.errors.NotFound} If no queue has this id.
   */
  static fromId(id: number): MessageQueue {
    const checked = checkId(id);
    try {
      return new MessageQueue(objectFromId(MESSAGE_QUEUE, checked));
    } catch (error) {
      // It exists, and may be there to be sent to.
      if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
      return new MessageQueue({ id: checked, key: IPC_PRIVATE, created: false });
    }
  }

  /**
   * The id of the queue with this key.
   *
   * @throws {Deno.errors.NotFound} If no queue has this key.
   */
  static findId(key: number): number {
    return findObject(MESSAGE_QUEUE, key, opening);
  }

  /**
   * Removes the queue with this id (`IPC_RMID`), for everybody, and what is in it.
   *
   * @throws {Deno.errors.NotFound} If no queue has this id.
   * @throws {Deno.errors.PermissionDenied} If this user is neither owner, creator nor root.
   */
  static remove(id: number): void {
    removeObject(MESSAGE_QUEUE, id);
  }

  /**
   * Every queue that the system lets this user see, as `ipcs -q` shows them (Linux).
   *
   * @throws {Deno.errors.NotSupported} On macOS.
   */
  static list(): MessageQueueStatus[] {
    const { constants, layouts } = platform();
    return listObjects(MESSAGE_QUEUE, {
      info: constants.MSG_INFO,
      infoSize: layouts.msginfo?.size ?? 0,
      stat: constants.MSG_STAT,
      statAny: constants.MSG_STAT_ANY,
    }, decodeMessageQueue);
  }

  /**
   * The system's limits (`IPC_INFO`; Linux).
   *
   * @throws {Deno.errors.NotSupported} On macOS.
   */
  static limits(): MessageQueueLimits {
    return messageQueueLimits();
  }

  /**
   * What all queues use together (`MSG_INFO`; Linux).
   *
   * @throws {Deno.errors.NotSupported} On macOS.
   */
  static usage(): MessageQueueUsage {
    return messageQueueUsage();
  }

  /**
   * Sends a message, and blocks the thread until there is room for it. A Worker that is terminated
   * meanwhile goes on blocking, and the process can't end by itself before it is done.
   *
   * @param type A number by which receivers choose, 1 to `Number.MAX_SAFE_INTEGER`.
   * @param bytes What it holds, at most `MessageQueue.limits().msgmax` bytes, or none.
   *
   * @throws {TypeError} If an argument is of the wrong type, or the bytes' memory is gone.
   * @throws {RangeError} If an argument is out of range.
   * @throws {Deno.errors.TimedOut} If there was no room in time; nothing was sent.
   * @throws {Deno.errors.PermissionDenied} If the queue's mode doesn't let this user write.
   * @throws {Deno.errors.BadResource} If the queue was removed, also while waiting.
   * @throws {Error} With code `EINVAL` if it is longer than the system or the queue allows.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man2/msgsnd.2.html msgsnd(2)}
   */
  sendSync(type: number, bytes: Uint8Array, options: WaitSyncOptions = {}): void {
    this.#sender.sync(type, bytes, options);
  }

  /**
   * Sends a message like {@linkcode sendSync}, without blocking the thread. The bytes are copied at
   * once. A wait that was aborted or timed out has sent nothing.
   *
   * Waits of one thread get their turns in order. The system can't tell when there is room without
   * blocking a thread, so it is asked again and again, up to 16 ms apart.
   */
  async send(type: number, bytes: Uint8Array, options: WaitOptions = {}): Promise<void> {
    await this.#sender.async(type, bytes, options);
  }

  /** Sends a message like {@linkcode sendSync} if there is room; `false` if there is none. */
  trySend(type: number, bytes: Uint8Array): boolean {
    return this.#sender.try(type, bytes);
  }

  /**
   * Receives a message, and blocks the thread until there is one. Of those that are chosen, it is
   * the one that was sent first; with `upTo`, the first of the lowest type.
   *
   * A Worker that is terminated meanwhile goes on blocking, and the process can't end by itself
   * before it is done.
   *
   * @throws {TypeError} If an option is of the wrong type.
   * @throws {RangeError} If an option is out of range.
   * @throws {Deno.errors.TimedOut} If none came in time.
   * @throws {Deno.errors.PermissionDenied} If the queue's mode doesn't let this user read.
   * @throws {Deno.errors.BadResource} If the queue was removed, also while waiting.
   * @throws {Deno.errors.NotSupported} With `except` on macOS.
   * @throws {Error} With code `E2BIG` if the message is longer than `maxLength` and not to be
   * truncated; it stays in the queue.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man2/msgrcv.2.html msgrcv(2)}
   */
  receiveSync(options: ReceiveOptions & WaitSyncOptions = {}): QueueMessage {
    return this.#receiver.sync(options);
  }

  /**
   * Receives a message like {@linkcode receiveSync}, without blocking the thread. A wait that was
   * aborted or timed out has received nothing: the message stays in the queue.
   *
   * Thousands may wait at once, and take no threads; waits of one thread get their turns in order.
   * The system can't tell when a message comes without blocking a thread, so it is asked again and
   * again: at first on every turn of the event loop, then up to 16 ms apart.
   */
  async receive(options: ReceiveOptions & WaitOptions = {}): Promise<QueueMessage> {
    return await this.#receiver.async(options)();
  }

  /** Receives a message like {@linkcode receiveSync} if there is one. */
  tryReceive(options: ReceiveOptions = {}): QueueMessage | undefined {
    return this.#receiver.try(options);
  }

  /**
   * Receives messages like {@linkcode receive}, one after the other, until the queue is removed.
   * Each is taken from the queue when the loop asks for it, so a loop that ends early leaves the
   * others there. The `timeout` is for each.
   *
   * @example
   * ```ts
   * import { IPC_PRIVATE, MessageQueue } from "@isthmus/isthmus";
   *
   * using queue = MessageQueue.create(IPC_PRIVATE, { removeOnDispose: true });
   * queue.sendSync(1, new Uint8Array([42]));
   * const signal = AbortSignal.timeout(1000); // rejects with its reason
   * for await (const { bytes } of queue.messages({ type: 1, signal })) {
   *   console.log(bytes[0]); // 42
   *   queue.remove();
   * }
   * ```
   */
  messages(
    options: ReceiveOptions & WaitOptions = {},
  ): AsyncGenerator<QueueMessage, void, void> {
    return untilRemoved(this.#receiver.async(options));
  }

  /** Receives all messages, until the queue is removed, like {@linkcode messages}. */
  [Symbol.asyncIterator](): AsyncGenerator<QueueMessage, void, void> {
    return this.messages();
  }

  /**
   * Copies the message in a place of the queue, which stays there (`MSG_COPY`; Linux); `undefined`
   * if there are fewer.
   *
   * @param index The place, 0 for the message that was sent first.
   *
   * @throws {RangeError} If `index` isn't a place.
   * @throws {Deno.errors.NotSupported} On macOS, and on a Linux kernel without
   * `CONFIG_CHECKPOINT_RESTORE`.
   * @throws {Deno.errors.PermissionDenied} If the queue's mode doesn't let this user read.
   * @throws {Deno.errors.BadResource} If the queue was removed meanwhile.
   */
  peek(index: number = 0): QueueMessage | undefined {
    return this.#receiver.peek(index);
  }

  /**
   * What the kernel knows of the queue now (`IPC_STAT`).
   *
   * @throws {Deno.errors.PermissionDenied} If its mode doesn't let this user read it.
   * @throws {Deno.errors.BadResource} If the queue was removed meanwhile.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man2/msgctl.2.html msgctl(2)}
   */
  status(): MessageQueueStatus {
    return decodeMessageQueue(this.id, this.readRecord());
  }

  /**
   * Changes the owner, the permission bits or the size (`IPC_SET`). What isn't given stays; with
   * all four given, it works on a queue whose mode doesn't let this user read it.
   *
   * @throws {RangeError} If a value is out of range.
   * @throws {Deno.errors.PermissionDenied} If this user is neither owner, creator nor root, or
   * isn't root and the size is more than `MessageQueue.limits().msgmnb`.
   * @throws {Deno.errors.BadResource} If the queue was removed meanwhile.
   */
  override set(options: MessageQueueSettings): void {
    const { uid, gid, mode, maxBytes } = checkOptions(options);
    if (maxBytes !== undefined) checkInteger("maxBytes", maxBytes, 0);
    this.change({ uid, gid, mode }, {
      verb: "change the owner, mode or size of",
      all: "uid, gid, mode and maxBytes, all four",
      complete: maxBytes !== undefined,
      write(record) {
        const { msg_qbytes } = platform().layouts.msqid_ds.fields;
        if (maxBytes !== undefined) setNumber(record, msg_qbytes, maxBytes);
      },
      advice: {
        EPERM: [
          "not permitted",
          "Only its owner, its creator or root may do that, and only root where the queue is to " +
          "hold more than the system's kernel.msgmnb.",
        ],
      },
    });
  }
}

async function* untilRemoved(
  receive: () => Promise<QueueMessage>,
): AsyncGenerator<QueueMessage, void, void> {
  for (;;) {
    let message;
    try {
      message = await receive();
    } catch (error) {
      if (error instanceof Deno.errors.BadResource && isSystemError(error)) return;
      throw error;
    }
    yield message;
  }
}
