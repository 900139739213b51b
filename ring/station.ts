import { ALL, futexWake } from "../ffi/futex.ts";
import { HEADER_BYTES, type Kind } from "../sync/header.ts";
import { makeMutex } from "../sync/mutex_bytes.ts";
import type { OffsetOptions, OpenObjectOptions } from "../sync/options.ts";
import type { SharedPlace, SyncMemory } from "../sync/place.ts";
import {
  createSized,
  type Located,
  type ObjectShape,
  openOrCreateSized,
  openSized,
} from "../sync/sized_object.ts";
import { isMaxReceivers } from "./options.ts";
import { dataOffset, ENDED, SEAT, TAIL } from "./station_layout.ts";

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

/** The parameters of a new object: its size, and its own number, which tells it from all others. */
function newParameters({ defaultLength = 0 }: Species, size: Size): number[] {
  const { length = defaultLength, maxReceivers = DEFAULT_RECEIVERS } = size;
  return [length, maxReceivers, ...crypto.getRandomValues(new Uint32Array(2))];
}

function shapeOf(species: Species): ObjectShape {
  return {
    kind: species.kind,
    least: HEADER_BYTES,
    lengthOf: ([length, maxReceivers]) =>
      species.isLength(length) && isMaxReceivers(maxReceivers)
        ? stationBytes(species, { length, maxReceivers })
        : undefined,
    featuresOf: ([length, maxReceivers]) => ({ [species.option]: length, maxReceivers }),
    zerosOf: ([, maxReceivers]) => dataOffset(maxReceivers),
    initialise: (place) => makeMutex(place, SEAT),
  };
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

  private constructor({ kind }: Species, { place, parameters }: Located) {
    const [length, maxReceivers, low, high] = parameters;
    this.kind = kind;
    this.place = place;
    this.length = length;
    this.maxReceivers = maxReceivers;
    this.data = dataOffset(maxReceivers);
    this.cookieLow = low | 0;
    this.cookieHigh = high | 0;
  }

  static create(
    species: Species,
    memory: SyncMemory,
    size: Size,
    options: OffsetOptions,
  ): Station {
    const parameters = newParameters(species, size);
    return new Station(species, createSized(shapeOf(species), memory, parameters, options));
  }

  static open(species: Species, memory: SyncMemory, options: OpenObjectOptions): Station {
    return new Station(species, openSized(shapeOf(species), memory, options));
  }

  static openOrCreate(
    species: Species,
    memory: SyncMemory,
    size: Size,
    options: OpenObjectOptions,
  ): { station: Station; created: boolean } {
    const { length, maxReceivers } = size;
    const located = openOrCreateSized(
      shapeOf(species),
      memory,
      newParameters(species, size),
      options,
      { [species.option]: length, maxReceivers },
    );
    return { station: new Station(species, located), created: located.created };
  }

  /** Whether the sender said that there will be no more. */
  get ended(): boolean {
    return (Atomics.load(this.place.words, TAIL) & ENDED) !== 0;
  }

  /** Wakes all receivers that sleep. */
  wake(): void {
    futexWake(this.place.address + BigInt(4 * TAIL), ALL);
  }
}
