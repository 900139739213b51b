import { ALL, futexWake } from "../ffi/futex.ts";
import { HEADER_BYTES } from "./header.ts";
import { type Entry, OWN_WORD, PARTICIPANT_WORDS, Participants } from "./participants.ts";
import type { SharedPlace } from "./place.ts";
import { RECHECK } from "./waitable.ts";

// Behind the header: a line with the generation, which counts how often all arrived, and how often
// somebody joined or left; and the table of participants. Each notes in its entry at which
// generation it arrived last (the one that this was to make), and whoever finds that all have makes
// that generation: the one who came last, or, if it died before it could, anybody who looks. There
// is no count that a death could make wrong.

/** How many may take part at most. */
export const MOST_PARTIES = 1024;

/** The word that those who wait sleep on. */
export const GENERATION = HEADER_BYTES / 4;

/** Counts who joined and left: what was seen of others before is worth nothing then. */
const CHANGES = GENERATION + 1;

const LINE = 64;
const TABLE = (HEADER_BYTES + LINE) / 4;

/** How many bytes a barrier has. */
export function barrierBytes(parties: number): number {
  return HEADER_BYTES + LINE + 4 * PARTICIPANT_WORDS * parties;
}

/** A look at those who haven't arrived: what was found holds as long as the same are there. */
interface Look {
  readonly generation: number;
  readonly changes: number;
  /** The process id of one who died before it arrived. */
  readonly died: number | undefined;
  /** When to look again. */
  readonly next: number;
}

/** The least time between two looks, in milliseconds. */
const PAUSE = RECHECK / 2;

/** Between two looks there is so much more time than one takes. */
const PAUSE_SHARE = 20;

/** A barrier without its participants. */
export class BarrierCore {
  readonly place: SharedPlace;
  readonly participants: Participants;
  #last: Look | undefined;

  constructor(place: SharedPlace, parties: number) {
    this.place = place;
    this.participants = new Participants(place, TABLE, parties);
  }

  /** How often all arrived so far, modulo 2^32. */
  get generation(): number {
    return Atomics.load(this.place.words, GENERATION);
  }

  /** Takes a place. */
  join(): Entry {
    const participant = this.participants.join();
    if (participant === undefined) {
      throw new Deno.errors.Busy(
        `Cannot join ${this.place.name}: all ${this.participants.size} places are taken. Make it for more, or let somebody leave`,
      );
    }
    // What one who died noted here doesn't count.
    this.#note(participant, this.generation);
    this.#changed();
    return participant;
  }

  /** Gives a place back. Who joins there next hasn't arrived, not even for a moment. */
  leave(participant: Entry): void {
    const { place } = this;
    place.revive(() => this.#note(participant, this.generation));
    participant.leave();
    place.revive(() => this.#changed());
  }

  /** Empties the places of those who died; returns how many those were. */
  removeDead(): number {
    const count = this.participants.removeDead();
    this.#changed();
    return count;
  }

  /** Notes that somebody arrived, to make the generation after this one. */
  arrive(participant: Entry, generation: number): void {
    this.#note(participant, generation + 1 | 0);
    this.advance(generation);
  }

  /** Makes the next generation if all have arrived. */
  advance(generation: number): void {
    const { words } = this.place;
    const next = generation + 1 | 0;
    const changes = Atomics.load(words, CHANGES);
    for (let slot = 0; slot < this.participants.size; slot++) {
      const arrived = this.participants.isTaken(slot) && this.#arrived(slot) === next;
      if (!arrived) return;
    }
    // Those who were there at the beginning are there still: who took a place meanwhile calls this
    // when it arrives, and so do those who wait.
    if (Atomics.load(words, CHANGES) !== changes) return;
    if (Atomics.compareExchange(words, GENERATION, generation, next) !== generation) return;
    futexWake(this.place.address + BigInt(4 * GENERATION), ALL);
  }

  /**
   * Throws if somebody died who hasn't arrived. One look now and then is for all who wait: for each
   * participant it asks the system.
   */
  check(generation: number): void {
    const changes = Atomics.load(this.place.words, CHANGES);
    const now = performance.now();
    let last = this.#last;
    if (last?.generation !== generation) { // most barriers are passed before anybody has to look
      last = { generation, changes, died: undefined, next: now + PAUSE };
    } else if (now >= last.next) {
      this.advance(generation); // the one who came last may have died before it could
      const died = this.#findDead(generation);
      const end = performance.now();
      const next = end + Math.max(PAUSE, PAUSE_SHARE * (end - now));
      last = { generation, changes, died, next };
    }
    this.#last = last;
    if (last.died === undefined || last.changes !== changes) return;
    if (this.generation !== generation) return; // passed, and died at the next one
    throw new Deno.errors.BrokenPipe(
      `Cannot pass ${this.place.name}: process ${last.died} died before it arrived. ` +
        "Let another one join() in its place, or reset() the barrier",
    );
  }

  /** The process id of somebody who died and hasn't arrived. */
  #findDead(generation: number): number | undefined {
    const next = generation + 1 | 0;
    for (let slot = 0; slot < this.participants.size; slot++) {
      if (this.#arrived(slot) === next) continue;
      const status = this.participants.status(slot);
      if (status?.liveness !== "dead") continue;
      if (this.#arrived(slot) !== next) return status.pid; // or it died since
    }
  }

  #arrived(slot: number): number {
    return Atomics.load(this.place.words, this.participants.wordOf(slot) + OWN_WORD);
  }

  #changed(): void {
    Atomics.add(this.place.words, CHANGES, 1);
  }

  #note({ index }: Entry, generation: number): void {
    Atomics.store(this.place.words, index + OWN_WORD, generation);
  }
}
