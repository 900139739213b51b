// What the tests of Broadcast and Latest, and their processes, have in common: messages that show
// by themselves whether they are whole.

import { INTENT, NOTE_WORDS, NOTES, TAIL } from "../../ring/station_layout.ts";

/** The longest message that {@linkcode makeMessage} makes. */
export const MAX_LENGTH = 470;

function mix(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ x >>> 16, 0x7feb352d);
  x = Math.imul(x ^ x >>> 15, 0x846ca68b);
  return x ^ x >>> 16;
}

/** The message with a sequence: its length, odd ones and 0 too, and all bytes follow from that. */
export function makeMessage(sequence: number): Uint8Array<ArrayBuffer> {
  const hash = mix(sequence) >>> 0;
  const length = hash % 8 === 0 ? hash % (MAX_LENGTH + 1) : hash % 67;
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = hash >>> 8 * (i & 3) ^ i;
  return bytes;
}

/** Whether a message is the one with that sequence. */
export function isWhole(message: Uint8Array, sequence: number): boolean {
  const expected = makeMessage(sequence);
  return message.length === expected.length && expected.every((byte, i) => byte === message[i]);
}

/** A generator of numbers from 0 to below `n`, the same for the same seed. */
export function random(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = state + 0x9e3779b9 | 0;
    return (mix(state) >>> 0) % n;
  };
}

/** Has a new, unused object go on as if so much had been sent. */
export function startAt(words: Int32Array<ArrayBufferLike>, tail: number, sequence: number): void {
  words[INTENT] = tail;
  for (const at of [NOTES, NOTES + NOTE_WORDS]) {
    words[at] = tail;
    words[at + 1] = tail;
    words[at + 2] = sequence % 2 ** 32 | 0;
    words[at + 3] = sequence / 2 ** 32 | 0;
  }
  Atomics.store(words, TAIL, tail | 0);
}
