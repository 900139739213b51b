import { FLAGS, NOTE_WORDS } from "./channel_layout.ts";
import { point } from "./test_points.ts";

// How many messages were sent, or received, up to a position. It is noted before the position is
// published, and a process may be killed in between: so there are two notes, written in turn, and
// the one counts that belongs to the position that is published.

type Words = Int32Array<ArrayBufferLike>;

/** Where the note is that belongs to a position; -1 if there is none. */
function noteOf(words: Words, at: number, position: number): number {
  if (words[at] === position) return at;
  return words[at + NOTE_WORDS] === position ? at + NOTE_WORDS : -1;
}

/** The count at a position; -1 if there is none, since the position is not the newest any more. */
function countAt(words: Words, at: number, position: number): number {
  const note = noteOf(words, at, position);
  return note < 0 ? -1 : (words[note + 2] >>> 0) * 2 ** 32 + (words[note + 1] >>> 0);
}

/** The count of one who adds to it. */
export class Count {
  readonly #at: number;
  /** Where the next note goes. */
  #next: number;
  #low = 0;
  #high = 0;

  /** The notes begin at that word. */
  constructor(at: number) {
    this.#at = this.#next = at;
  }

  /** Goes on from what is noted for a position. */
  resume(words: Words, position: number): void {
    const note = noteOf(words, this.#at, position);
    const found = note < 0 ? this.#at : note; // who wrote over it has spoilt a number, no more
    this.#low = words[found + 1];
    this.#high = words[found + 2];
    this.#next = 2 * this.#at + NOTE_WORDS - found;
  }

  /** Notes that so many more were there at a position. */
  add(words: Words, position: number, more: number): void {
    const low = (this.#low + more) | 0;
    if (low >>> 0 < this.#low >>> 0) this.#high = (this.#high + 1) | 0;
    const note = this.#next;
    this.#low = low;
    this.#next = 2 * this.#at + NOTE_WORDS - note;
    words[note] = position;
    words[note + 1] = low;
    words[note + 2] = this.#high;
    point(6);
  }
}

/** How often a count is looked up whose position moves meanwhile. */
const TRIES = 100;

/** A count as it is now, from the word with the position. */
export function readCount(words: Words, at: number, positionAt: number): number {
  for (let i = 0; i < TRIES; i++) {
    const position = Atomics.load(words, positionAt) & ~FLAGS;
    const count = countAt(words, at, position);
    if (count >= 0 && (Atomics.load(words, positionAt) & ~FLAGS) === position) return count;
  }
  return 0; // who wrote over it has spoilt a number, no more
}
