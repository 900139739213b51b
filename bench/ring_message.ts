// What the ways of bench/ring.ts send: a number in the first and in the last four bytes.

import type { ChannelReceiver, ChannelSender } from "../ring/mod.ts";

/** Of bytes. */
export type Sender = ChannelSender<Uint8Array>;
/** Of bytes. */
export type Receiver = ChannelReceiver<Uint8Array<ArrayBuffer>>;

/** A message, and its words. */
export class Message {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly words: Int32Array<ArrayBuffer>;
  readonly last: number;

  constructor(length: number) {
    this.bytes = new Uint8Array(new ArrayBuffer(length));
    this.words = new Int32Array(this.bytes.buffer);
    this.last = this.words.length - 1;
  }
}

/** Throws unless these are the first and the last word of message `expected`. */
export function check(first: number, last: number, expected: number): void {
  if (first !== expected || last !== expected) {
    throw new Error(`message ${expected} is lost, or torn: it says ${first} and ${last}`);
  }
}

/** Four bytes as a number. */
export function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24;
}
