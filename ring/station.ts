import { ALL, futexWake } from "../ffi/futex.ts";
import {
  createObject,
  HEADER_BYTES,
  type Kind,
  type NewObject,
  objectLength,
  openObject,
  openOrCreateObject,
  parameter,
} from "../sync/header.ts";
import { makeMutex } from "../sync/mutex_bytes.ts";
import { placeOf, type SharedPlace, type SyncMemory } from "../sync/place.ts";
import { isMaxReceivers } from "./options.ts";
import {
  dataOffset,
  ENDED,
  PARAMETER_COOKIE,
  PARAMETER_LENGTH,
  PARAMETER_MAX_RECEIVERS,
  SEAT,
  SLEEPERS,
  TAIL,
} from "./station_layout.ts";

// What Broadcast and Latest have in common is that of a station, which one sends from and many
// receive: the files station_*.ts are about both of them.

/** How many receivers there is room for by default. */
const DEFAULT_RECEIVERS = 64;

/** A kind of object: how many bytes the data take, and what lengths are right. */
export interface Species {
  readonly kind: Kind & ("broadcast" | "latest");
  /** What the length is called. */
  readonly option: string;
  /** The length that an object has unless told. */
  readonly defaultLength?: number;
  dataBytes(length: number): number;
  isLength(length: number): boolean;
}

/** Where in a memory an object is, and how long to wait for its creator. */
export interface Where {
  readonly memory: SyncMemory;
  readonly offset: number;
}

/** How large an object is to be, checked; what is `undefined` is as it is, or the default. */
export interface Size {
  /** How long the ring or a value can be, in bytes. */
  readonly length: number | undefined;
  readonly maxReceivers: number | undefined;
}

/** The bytes that an object takes. */
export function stationBytes(
  { dataBytes, defaultLength = 0 }: Species,
  { length = defaultLength, maxReceivers = DEFAULT_RECEIVERS }: Size,
): number {
  return dataOffset(maxReceivers) + dataBytes(length);
}

/**
 * A Broadcast or a Latest in memory, as all handles of one thread have it: where it is, and what
 * its header says, which was checked.
 */
export class Station {
  readonly kind: Species["kind"];
  readonly place: SharedPlace;
  /** How long the ring or a value can be, in bytes. */
  readonly length: number;
  readonly maxReceivers: number;
  /** The first byte of the data. */
  readonly data: number;
  /** The object's own number: what is mixed with sequences. */
  readonly cookieLow: number;
  /** Its other half. */
  readonly cookieHigh: number;

  private constructor(kind: Species["kind"], place: SharedPlace) {
    const { words } = place;
    this.kind = kind;
    this.place = place;
    this.length = parameter(words, PARAMETER_LENGTH);
    this.maxReceivers = parameter(words, PARAMETER_MAX_RECEIVERS);
    this.data = dataOffset(this.maxReceivers);
    this.cookieLow = parameter(words, PARAMETER_COOKIE) | 0;
    this.cookieHigh = parameter(words, PARAMETER_COOKIE + 1) | 0;
  }

  static #plan(species: Species, where: Where, size: Size): NewObject {
    const { kind, defaultLength = 0 } = species;
    const { length = defaultLength, maxReceivers = DEFAULT_RECEIVERS } = size;
    const place = placeOf({ name: kind, ...where, byteLength: stationBytes(species, size) });
    const cookie = crypto.getRandomValues(new Uint32Array(2));
    const initialise = (words: Int32Array<ArrayBufferLike>) => {
      words.fill(0, HEADER_BYTES / 4, dataOffset(maxReceivers) / 4);
      makeMutex(place, SEAT);
    };
    return { kind, place, parameters: [length, maxReceivers, ...cookie], initialise };
  }

  static create(species: Species, where: Where, size: Size): Station {
    const plan = Station.#plan(species, where, size);
    createObject(plan);
    return new Station(species.kind, plan.place);
  }

  static open(species: Species, where: Where, timeout?: number): Station {
    const { kind } = species;
    placeOf({ name: kind, ...where, byteLength: HEADER_BYTES }); // or there is no room for any
    const whole = placeOf({ name: kind, ...where });
    openObject({ kind, place: whole }, timeout);
    const { words } = whole;
    const length = parameter(words, PARAMETER_LENGTH);
    const maxReceivers = parameter(words, PARAMETER_MAX_RECEIVERS);
    const byteLength = objectLength(words);
    if (
      !species.isLength(length) || !isMaxReceivers(maxReceivers) ||
      stationBytes(species, { length, maxReceivers }) !== byteLength
    ) {
      throw new Deno.errors.InvalidData(
        `Cannot open ${whole.name}: its header contradicts itself (${species.option} ${length}, maxReceivers ${maxReceivers}, ${byteLength} bytes). Create it anew, in memory filled with zeros`,
      );
    }
    return new Station(kind, placeOf({ name: kind, ...where, byteLength }));
  }

  static openOrCreate(
    species: Species,
    where: Where,
    size: Size,
    timeout?: number,
  ): { station: Station; created: boolean } {
    try {
      const plan = Station.#plan(species, where, size);
      if (openOrCreateObject(plan, timeout)) {
        return { station: new Station(species.kind, plan.place), created: true };
      }
    } catch (error) {
      // There is no room for a new one, or one that is longer; but it may be what is wanted.
      if (!(error instanceof RangeError) && !(error instanceof Deno.errors.InvalidData)) {
        throw error;
      }
      try {
        return { station: Station.#openAs(species, where, size, timeout), created: false };
      } catch (found) {
        const nothing = found instanceof Deno.errors.NotFound || found instanceof RangeError;
        throw nothing ? error : found;
      }
    }
    return { station: Station.#openAs(species, where, size, timeout), created: false };
  }

  /** Opens one that is as large as is wanted. */
  static #openAs(species: Species, where: Where, size: Size, timeout?: number): Station {
    const station = Station.open(species, where, timeout);
    const { length = station.length, maxReceivers = station.maxReceivers } = size;
    if (station.length === length && station.maxReceivers === maxReceivers) return station;
    throw new Deno.errors.InvalidData(
      `Cannot open ${station.place.name}: it has ${species.option} ${station.length} and maxReceivers ${station.maxReceivers}, not ${length} and ${maxReceivers}. Ask for the same, or leave that open`,
    );
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
