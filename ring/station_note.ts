import type { SharedPlace } from "../sync/place.ts";
import { fence } from "./fence.ts";
import type { Station } from "./station.ts";
import { FLAGS, NOTE_WORDS, NOTES, TAIL } from "./station_layout.ts";

/** How often a note is read again that the sender was writing: it would have to be very fast. */
const TRIES = 100_000;

/** A tail that was published, and what belongs to it. */
export class Note {
  /** Without its flags. */
  tail = 0;
  /** Where the newest record starts; it may be overwritten already. */
  last = 0;
  /** The sequence of the next message: how many were sent. */
  next = 0;
  /** Which of the two notes it was: 0 or 1. */
  turn = 0;

  /** Reads what is published now. */
  read({ place }: Station): void {
    const { words } = place;
    for (let i = 0; i < TRIES; i++) {
      // SYNC POINT: pairs with the store of TAIL in publish().
      const seen = Atomics.load(words, TAIL);
      const tail = seen & ~FLAGS;
      const turn = words[NOTES] === tail ? 0 : 1;
      const at = NOTES + turn * NOTE_WORDS;
      const matches = words[at] === tail;
      this.tail = tail >>> 0;
      this.turn = turn;
      this.last = words[at + 1] >>> 0;
      this.next = (words[at + 3] >>> 0) * 2 ** 32 + (words[at + 2] >>> 0);
      // A note is written again two tails later at the earliest.
      if (fence(words, TAIL) !== seen) continue;
      if (matches && this.next <= Number.MAX_SAFE_INTEGER) return;
      break;
    }
    throw nonsense(place, "no note belongs to its tail");
  }
}

/** The error for bytes that no sender writes. */
export function nonsense(place: SharedPlace, what: string): Error {
  return new Deno.errors.InvalidData(
    `Cannot use ${place.name}: ${what}, so something else has written there. Create it anew, in memory filled with zeros`,
  );
}
