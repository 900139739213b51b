import { HEADER_WORDS } from "../sync/header.ts";
import { PARTICIPANT_WORDS } from "../sync/participants.ts";

// Where things are in a Broadcast and in a Latest, in 32-bit words from the object's first byte;
// hot words of the sender and of the receivers are a cache line apart. Behind the header come:

/**
 * What receivers wait for. It is stored last, and so publishes all that was written before: the
 * position behind the newest record (Latest: how many values there were, times 16), and in its low
 * bits, which positions don't need, {@linkcode ENDED} and {@linkcode ASLEEP}.
 */
export const TAIL: number = HEADER_WORDS;

/**
 * Up to where the sender may be overwriting the ring right now (Latest: how many values it has
 * begun). What is further behind it than the ring is long is lost.
 */
export const INTENT: number = TAIL + 1;

/** How often a sender died, as far as the next one has noticed. */
export const DEATHS: number = TAIL + 2;

/** The process id of the one that died last. */
export const DEAD_PID: number = TAIL + 3;

/**
 * Two notes in turn, of four words each: a tail, where the newest record before it starts, and the
 * 64-bit sequence of the next. The one that has the tail which is published is valid; the other may
 * be half written.
 */
export const NOTES: number = TAIL + 4;

/** Words of a note. */
export const NOTE_WORDS = 4;

/** For each eighth of the ring, where the first record starts that starts in it. */
export const MARKS: number = TAIL + 16;

/** How many marks there are, a power of two. */
export const MARK_COUNT = 8;

/** In place of a mark: no record starts at such a position. */
export const NO_MARK = -1;

/** The sender's robust mutex, which it holds while it is attached. */
export const SEAT: number = TAIL + 32;

/** The identity of the sender. */
export const SENDER: number = SEAT + 16;

/** The table of the receivers. */
export const RECEIVERS: number = TAIL + 64;

/** The first byte of the ring, for so many receivers. */
export function dataOffset(maxReceivers: number): number {
  return Math.ceil((RECEIVERS + maxReceivers * PARTICIPANT_WORDS) / 16) * 64;
}

/** In {@linkcode TAIL}: there will be no more, unless another sender comes. */
export const ENDED = 1;

/**
 * In {@linkcode TAIL}: a receiver sleeps on it. In the word itself, so that who moves it learns of
 * all who sleep on what it was, and of nobody else.
 */
export const ASLEEP = 2;

/** The bits of {@linkcode TAIL} that are flags. */
export const FLAGS = 15;

/**
 * What precedes the bytes of each message, of which there are as many as fill a multiple of it:
 * length, kind, and the 64-bit sequence, each half of it mixed with the object's own number.
 */
export const RECORD_BYTES = 16;

/** The kind of a record that is a message. */
export const MESSAGE = 0;

/** The kind of a record that fills the end of the ring: a message is never in two parts. */
export const FILLER = 1;

/** How many bytes a record takes. */
export function recordSize(length: number): number {
  return RECORD_BYTES + Math.ceil(length / RECORD_BYTES) * RECORD_BYTES;
}

/**
 * How many slots a Latest has: a power of two. A value lives while three newer ones are written.
 */
export const SLOTS = 4;
