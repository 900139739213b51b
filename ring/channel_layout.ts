import { HEADER_BYTES, HEADER_WORDS } from "../sync/header.ts";
import { PARTICIPANT_WORDS } from "../sync/participants.ts";

// Where things are in a Channel, in 32-bit words from its first byte. What the senders write and
// what the receivers write is two cache lines apart, since processors fetch them in pairs.

const APART = 32;

/**
 * The position behind the newest record, in bytes, modulo 2 ** 32: what receivers wait for. It is
 * stored last, and so publishes all that was written before. Positions are multiples of 8, so it
 * has room for {@linkcode ENDED} and {@linkcode ASLEEP}.
 */
export const TAIL: number = HEADER_WORDS + 16;
/** How many messages were sent: two notes, each a position and what was sent up to it (64 bits). */
export const SENT: number = TAIL + 1;
/** The words of such a note. */
export const NOTE_WORDS = 3;
/** What many senders know of {@linkcode HEAD}. */
export const SEEN_HEAD: number = SENT + 2 * NOTE_WORDS;

/**
 * The position of the oldest record: what senders wait for. Its store gives the room back. It has
 * room for {@linkcode ASLEEP}.
 */
export const HEAD: number = TAIL + APART;
/** How many messages were received: two notes. */
export const RECEIVED: number = HEAD + 1;
/** What many receivers know of {@linkcode TAIL}. */
export const SEEN_TAIL: number = RECEIVED + 2 * NOTE_WORDS;

/** How long senders waited, in microseconds, in two words. */
export const SENDERS_WAITED: number = HEAD + APART;
/** How long receivers waited. */
export const RECEIVERS_WAITED: number = SENDERS_WAITED + 2;

/** The robust mutex of the senders' side. */
export const SENDERS_MUTEX: number = SENDERS_WAITED + APART;
/** The robust mutex of the receivers' side. */
export const RECEIVERS_MUTEX: number = SENDERS_MUTEX + APART;

/** The table of who is attached. */
export const PARTICIPANTS: number = RECEIVERS_MUTEX + APART;

/** In {@linkcode TAIL}: there will be no more, unless another sender attaches. */
export const ENDED = 1;
/**
 * In {@linkcode TAIL} and {@linkcode HEAD}: somebody sleeps on the word. In the word itself, so
 * that who moves it learns of all who sleep on what it was, and of nobody else.
 */
export const ASLEEP = 2;
/** The bits of {@linkcode TAIL} and {@linkcode HEAD} that no position has. */
export const FLAGS = 7;

/** Bytes before each message: its length, and four bytes without a meaning. */
export const RECORD_BYTES = 8;
/** In a length: these bytes, with the record's own, are no message but fill the end of the ring. */
export const SKIP = 0x80000000 | 0;

/** The shortest ring, in bytes. */
export const LEAST_CAPACITY = 8;
/** The longest ring, in bytes. */
export const MOST_CAPACITY: number = 2 ** 30;

// The parameters of the header: the length of the ring, how many may be attached, and the roles,
// which are these two bits.

/** Several may send. */
export const MANY_SENDERS = 1;
/** Several may receive. */
export const MANY_RECEIVERS = 2;

/** The first byte of the ring. */
export function dataOffset(participants: number): number {
  return Math.ceil((PARTICIPANTS + participants * PARTICIPANT_WORDS) * 4 / HEADER_BYTES) *
    HEADER_BYTES;
}

/** How many bytes a message takes in the ring. */
export function recordBytes(length: number): number {
  return (length + RECORD_BYTES + 7) & -8;
}

/** Whether a number can be that of a ring's bytes. */
export function isCapacity(value: number): boolean {
  return value >= LEAST_CAPACITY && value <= MOST_CAPACITY && (value & (value - 1)) === 0;
}

/** How often to look at a position, without a pause, before more patient ways of waiting. */
export const QUICK_TRIES = 200;
