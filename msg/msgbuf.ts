import { platform } from "../ffi/platform.ts";
import { msgrcv, msgsnd, MTEXT } from "../ffi/sysv_msg.ts";
import { copyInto } from "./bytes.ts";
import type { Outgoing, QueueMessage } from "./message.ts";
import type { Selection } from "./selection.ts";

// The thread's one `struct msgbuf`. Nothing waits with it: what is to be sent is copied in right
// before the call, and what came is copied out right after it. So a message is taken from its queue
// by the very thread that hands it on, and no abort can come in between.

/** How many bytes a message may have at first: Linux' msgmax, unless it was raised. */
const FIRST_CAPACITY = 8192;

/** More than any message has: both kernels keep its length in an int. */
const MAX_CAPACITY = 2 ** 31 - 1 - MTEXT;

/** A `struct msgbuf` with room for so many bytes behind the type. */
class Msgbuf {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly capacity: number;
  /** The same, kept: a number makes the call slow. */
  readonly msgsz: bigint;
  /** The type, as two words: a bigint would have to be allocated. */
  readonly #mtype: Uint32Array<ArrayBuffer>;

  constructor(capacity: number) {
    this.bytes = new Uint8Array(MTEXT + capacity);
    this.capacity = capacity;
    this.msgsz = BigInt(capacity);
    this.#mtype = new Uint32Array(this.bytes.buffer, 0, 2);
  }

  get type(): number {
    return this.#mtype[1] * 2 ** 32 + this.#mtype[0];
  }

  set type(type: number) {
    this.#mtype[0] = type;
    this.#mtype[1] = type / 2 ** 32;
  }

  /** The bytes of a message that came, in memory that the user has. */
  text(length: number, into: Uint8Array<ArrayBuffer> | undefined): Uint8Array<ArrayBuffer> {
    return into === undefined
      ? this.bytes.slice(MTEXT, MTEXT + length)
      : copyInto(into, this.bytes, MTEXT, length);
  }

  /** The next larger one, with room for a message of `length` bytes. */
  grown(length = 0): Msgbuf {
    return new Msgbuf(Math.min(Math.max(length, 2 * this.capacity), MAX_CAPACITY));
  }
}

let msgbuf: Msgbuf | undefined;

/** The length of the message that was sent last, and the same as C takes it. */
let lastLength = 0;
let lastMsgsz = 0n;

/** A length as C takes it. A number would make the call slow, and most are the same as before. */
function toMsgsz(length: number): bigint {
  if (length !== lastLength) {
    lastLength = length;
    lastMsgsz = BigInt(length);
  }
  return lastMsgsz;
}

/**
 * `msgsnd`, again after a signal. Returns 0 or a negated error number.
 *
 * @param checkLength Called before room is made for a message that is longer than all before;
 * throws if it is longer than any may be.
 */
export function sendFrom(
  id: number,
  { type, bytes, length }: Outgoing,
  msgflg: number,
  checkLength: (length: number) => void,
): number {
  let room = msgbuf ??= new Msgbuf(FIRST_CAPACITY);
  if (length > room.capacity) {
    checkLength(length);
    room = msgbuf = room.grown(length);
  }
  room.type = type;
  room.bytes.set(bytes, MTEXT);
  const msgsz = toMsgsz(length);
  const { EINTR } = platform().errno;
  for (;;) {
    const result = msgsnd(id, room.bytes, msgsz, msgflg);
    if (result !== -EINTR) return result;
  }
}

/** `msgrcv`, again after a signal. Returns a message, or a negated error number. */
export function receiveInto(
  id: number,
  { msgtyp, maxLength, truncate, into, msgflg: which }: Selection,
  msgflg: number,
): QueueMessage | number {
  const { constants: { MSG_NOERROR }, errno: { E2BIG, EINTR } } = platform();
  for (;;) {
    const room = msgbuf ??= new Msgbuf(FIRST_CAPACITY);
    const all = maxLength <= room.capacity;
    const msgsz = maxLength < room.capacity ? BigInt(maxLength) : room.msgsz;
    const flags = which | msgflg | (all && truncate ? MSG_NOERROR : 0);
    const result = msgrcv(id, room.bytes, msgsz, msgtyp, flags);
    if (result >= 0) return { type: room.type, bytes: room.text(result, into) };
    if (result === -E2BIG && !all && room.capacity < MAX_CAPACITY) msgbuf = room.grown();
    else if (result !== -EINTR) return result;
  }
}
