import { checkInteger } from "../ffi/check.ts";
import { ALL, futexWake } from "../ffi/futex.ts";
import {
  createObject,
  HEADER_BYTES,
  type Kind,
  objectLength,
  openObject,
  openOrCreateObject,
  parameter,
} from "../sync/header.ts";
import { makeMutex } from "../sync/mutex_bytes.ts";
import { placeOf, type SharedPlace, type SyncMemory } from "../sync/place.ts";
import {
  dataOffset,
  ENDED,
  FLAGS,
  NOTE_WORDS,
  NOTES,
  PARAMETER_COOKIE,
  PARAMETER_LENGTH,
  PARAMETER_PARTICIPANTS,
  SEAT,
  SLEEPERS,
  TAIL,
} from "./broadcast_layout.ts";

/** How many receivers there is room for by default. */
export const DEFAULT_PARTICIPANTS = 64;

/** The most receivers that there can be room for. */
const MAX_PARTICIPANTS = 65536;

/** How often a note is read again that the sender was writing: it would have to be very fast. */
const TRIES = 100_000;

/** What a Broadcast or a Latest is made of. */
export interface Blueprint {
  readonly kind: Kind & ("broadcast" | "latest");
  /** How long the ring or a value can be, in bytes. */
  readonly length: number;
  readonly participants: number;
}

/** A kind of object: how many bytes the data take, and what lengths are right. */
export interface Species {
  readonly kind: Blueprint["kind"];
  /** What the length is called. */
  readonly option: string;
  dataBytes(length: number): number;
  isLength(length: number): boolean;
}

/** Where in a memory an object is, and how long to wait for its creator. */
export interface Where {
  readonly memory: SyncMemory;
  readonly offset: number;
}

/** Checks how many receivers there shall be room for. */
export function checkParticipants(value: unknown): number {
  return checkInteger("participants", value ?? DEFAULT_PARTICIPANTS, 1, MAX_PARTICIPANTS);
}

/** The bytes that an object takes. */
export function stationBytes(species: Species, length: number, participants: number): number {
  return dataOffset(participants) + species.dataBytes(length);
}

/**
 * A Broadcast or a Latest in memory, as all handles of one thread have it: where it is, and what
 * its header says, which was checked.
 */
export class Station {
  readonly kind: Blueprint["kind"];
  readonly place: SharedPlace;
  /** How long the ring or a value can be, in bytes. */
  readonly length: number;
  readonly participants: number;
  /** The first byte of the data. */
  readonly data: number;
  /** The object's own number: what is mixed with sequences. */
  readonly cookieLow: number;
  /** Its other half. */
  readonly cookieHigh: number;

  private constructor(kind: Blueprint["kind"], place: SharedPlace) {
    const { words } = place;
    this.kind = kind;
    this.place = place;
    this.length = parameter(words, PARAMETER_LENGTH);
    this.participants = parameter(words, PARAMETER_PARTICIPANTS);
    this.data = dataOffset(this.participants);
    this.cookieLow = parameter(words, PARAMETER_COOKIE) | 0;
    this.cookieHigh = parameter(words, PARAMETER_COOKIE + 1) | 0;
  }

  static #plan(species: Species, where: Where, length: number, participants: number) {
    const { kind } = species;
    const byteLength = stationBytes(species, length, participants);
    const place = placeOf({ name: kind, ...where, byteLength });
    const cookie = crypto.getRandomValues(new Uint32Array(2));
    return {
      kind,
      place,
      parameters: [length, participants, ...cookie],
      zeroBytes: dataOffset(participants),
      initialise: () => void makeMutex(place, SEAT),
    };
  }

  static create(
    species: Species,
    where: Where,
    length: number,
    participants: number,
  ): Station {
    const plan = Station.#plan(species, where, length, participants);
    createObject(plan);
    return new Station(plan.kind, plan.place);
  }

  static open(species: Species, where: Where, timeout?: number): Station {
    const { kind } = species;
    placeOf({ name: kind, ...where, byteLength: HEADER_BYTES }); // or there is no room for any
    const whole = placeOf({ name: kind, ...where });
    openObject({ kind, place: whole }, timeout);
    const { words } = whole;
    const length = parameter(words, PARAMETER_LENGTH);
    const participants = parameter(words, PARAMETER_PARTICIPANTS);
    const byteLength = objectLength(words);
    if (
      !species.isLength(length) || participants < 1 || participants > MAX_PARTICIPANTS ||
      stationBytes(species, length, participants) !== byteLength
    ) {
      throw new Deno.errors.InvalidData(
        `Cannot open ${whole.name}: its header contradicts itself (${species.option} ${length}, participants ${participants}, ${byteLength} bytes). Create it anew, in memory filled with zeros`,
      );
    }
    return new Station(kind, placeOf({ name: kind, ...where, byteLength }));
  }

  static openOrCreate(
    species: Species,
    where: Where,
    length: number,
    participants: number,
    timeout?: number,
  ): { station: Station; created: boolean } {
    const plan = Station.#plan(species, where, length, participants);
    const created = openOrCreateObject(plan, timeout);
    const station = created
      ? new Station(plan.kind, plan.place)
      : Station.open(species, where, timeout);
    if (station.length !== length || station.participants !== participants) {
      throw new Deno.errors.InvalidData(
        `Cannot open ${plan.place.name}: it has ${species.option} ${station.length} and participants ${station.participants}, not ${length} and ${participants}. Ask for the same, or use open()`,
      );
    }
    return { station, created };
  }

  /** Whether the sender said that there will be no more. */
  get ended(): boolean {
    return (Atomics.load(this.place.words, TAIL) & ENDED) !== 0;
  }

  /** Wakes all receivers that sleep, if there may be some. */
  wake(words: Int32Array<ArrayBufferLike>): void {
    // Cleared first: who sets it from now on sees the new tail, and doesn't sleep.
    Atomics.store(words, SLEEPERS, 0);
    futexWake(this.place.address + BigInt(4 * TAIL), ALL);
  }
}

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

/** A word that nobody else has, for the store of a fence: a reader's may not go to the memory. */
const own = new Int32Array(new SharedArrayBuffer(4));

/**
 * Loads a word after everything before is done, and before anything behind begins: as
 * struct/sequence.ts explains, where JavaScript has no fences.
 */
export function fence(words: Int32Array<ArrayBufferLike>, index: number): number {
  Atomics.store(own, 0, 0);
  return Atomics.load(words, index);
}
