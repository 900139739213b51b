import type { Liveness } from "../ffi/process.ts";
import { claimIdentity, clearIdentity, holderAt } from "./identity.ts";
import { addKeeper } from "../ffi/region.ts";
import type { SharedPlace } from "./place.ts";

// A table of who takes part in something, in shared memory: of each its identity, by which others
// see whether it lives, a role, and two words of its own.

/** How many words an entry has. */
export const PARTICIPANT_WORDS = 8;

const ROLE = 5;
/** The first of an entry's two words that belong to the participant. */
export const OWN_WORD = 6;

/**
 * What this thread takes part in, in memory that can't be pinned: as long as it does, that can't be
 * closed, or nobody could empty the entries.
 */
const unpinned = new Set<Entry>();

addKeeper(({ address, byteLength }) => {
  const end = address + BigInt(byteLength);
  let count = 0;
  for (const { address: entry } of unpinned) if (entry >= address && entry < end) count++;
  return count;
});

/** Somebody in the table. */
export interface ParticipantStatus {
  /** The process id. */
  readonly pid: number;
  /** Whether it lives; in another pid namespace (container), nobody knows. */
  readonly liveness: Liveness;
  /** What it takes part as. */
  readonly role: number;
  /** Which entry it has. */
  readonly slot: number;
}

/** The table that begins at a word of a place. Zeros are an empty one. */
export class Participants {
  readonly #place: SharedPlace;
  readonly #index: number;
  /** How many there may be. */
  readonly size: number;

  constructor(place: SharedPlace, index: number, size: number) {
    this.#place = place;
    this.#index = index;
    this.size = size;
  }

  /** The place's word at which an entry begins. */
  wordOf(slot: number): number {
    return this.#index + slot * PARTICIPANT_WORDS;
  }

  /**
   * Enters this thread, in an empty entry or that of somebody who died; `undefined` if the living
   * have all of them. One thread may have several. As long as there are empty ones, others can see
   * who died.
   */
  join(role = 0): Entry | undefined {
    for (const evenDead of [false, true]) {
      for (let slot = 0; slot < this.size; slot++) {
        const index = this.wordOf(slot);
        if (!evenDead && this.isTaken(slot)) continue;
        const { words } = this.#place;
        if (!claimIdentity(words, index, () => Atomics.store(words, index + ROLE, role))) continue;
        return new Entry(this.#place, index, slot);
      }
    }
  }

  /** Whether somebody has an entry, dead or alive. */
  isTaken(slot: number): boolean {
    return Atomics.load(this.#place.words, this.wordOf(slot)) !== 0;
  }

  /** Who has an entry; `undefined` if nobody has, or one who has another role than is asked for. */
  status(slot: number, wanted?: number): ParticipantStatus | undefined {
    const { words } = this.#place;
    const index = this.wordOf(slot);
    const holder = holderAt(words, index);
    if (holder === undefined) return undefined;
    const role = Atomics.load(words, index + ROLE);
    return wanted === undefined || role === wanted ? { ...holder, role, slot } : undefined;
  }

  /** All who have an entry, or those with a role. */
  list(role?: number): ParticipantStatus[] {
    return Array.from({ length: this.size }, (_, slot) => this.status(slot, role))
      .filter((status) => status !== undefined);
  }

  /** Empties the entries of those who died; returns how many those were. */
  removeDead(): number {
    const dead = this.list().filter(({ liveness }) => liveness === "dead");
    for (const { slot } of dead) {
      // Taken for a moment, so that nobody who joins just now loses the entry.
      const { words } = this.#place;
      const index = this.wordOf(slot);
      if (claimIdentity(words, index)) clearIdentity(words, index);
    }
    return dead.length;
  }
}

/** This thread in a table. */
export class Entry {
  readonly #place: SharedPlace;
  /** The place's word at which the entry begins. */
  readonly index: number;
  /** Which entry it is. */
  readonly slot: number;
  #left = false;

  constructor(place: SharedPlace, index: number, slot: number) {
    this.#place = place;
    this.index = index;
    this.slot = slot;
    if (place.inSharedMemory) unpinned.add(this);
  }

  /** The address of the entry. */
  get address(): bigint {
    return this.#place.address + BigInt(4 * this.index);
  }

  /** Whether {@linkcode leave} was called. */
  get left(): boolean {
    return this.#left;
  }

  /**
   * Empties the entry; does nothing the second time, or when the memory is gone, unless it is
   * pinned.
   */
  leave(): void {
    if (this.#left) return;
    this.#left = true;
    unpinned.delete(this);
    const place = this.#place;
    place.revive(() => clearIdentity(place.words, this.index));
  }
}
