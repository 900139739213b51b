import { checkInteger } from "../ffi/check.ts";
import { checkBytes } from "./bytes.ts";

/** A message that was received. */
export interface QueueMessage {
  /**
   * Its type, 1 or more. C programs may use types above `Number.MAX_SAFE_INTEGER`, which come
   * rounded.
   */
  readonly type: number;
  /** What it holds: a copy of its own, or what was asked for as `into`. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A message to be sent. */
export interface Outgoing {
  readonly type: number;
  readonly bytes: Uint8Array;
  readonly length: number;
}

/** Returns `type` if a message may have it. */
export function checkType(name: string, type: unknown): number {
  return checkInteger(name, type, 1);
}

/** Returns a message to send, each part checked; the bytes are still the user's. */
export function checkedMessage(type: number, bytes: Uint8Array): Outgoing {
  return { type: checkType("type", type), bytes, length: checkBytes("bytes", bytes) };
}

/** The same message with bytes that nobody changes. */
export function copied({ type, bytes, length }: Outgoing): Outgoing {
  return { type, bytes: new Uint8Array(bytes), length };
}
