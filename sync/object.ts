import { checkInteger, checkOptions, checkTimeout } from "../ffi/check.ts";
import { createObject, HEADER_WORDS, type Kind, openObject, openOrCreateObject } from "./header.ts";
import type { OffsetOptions } from "./options.ts";
import { placeOf, type SharedPlace, type SyncMemory } from "./place.ts";

// What the objects that have a header share.

/** Options of `open()` and `openOrCreate()`. */
export interface OpenObjectOptions extends OffsetOptions {
  /** How long to wait for somebody who is just creating it, in milliseconds. Default: 1000. */
  readonly timeout?: number;
}

/** What an object is made of. */
export interface ObjectShape {
  readonly kind: Kind;
  /** The length in bytes. */
  readonly byteLength: number;
  readonly parameters?: readonly number[];
  /** The value of its first word behind the header; all others are zero. */
  readonly value?: number;
}

/** Where an object is, and whether it was made just now. */
export interface Located {
  readonly place: SharedPlace;
  readonly created: boolean;
}

function locate(
  { kind, byteLength }: ObjectShape,
  memory: SyncMemory,
  options: OpenObjectOptions,
): { place: SharedPlace; timeout: number | undefined } {
  const { offset, timeout } = checkOptions(options);
  const at = checkInteger("offset", offset ?? 0, 0);
  const limit = checkTimeout(timeout);
  return { place: placeOf({ name: kind, memory, offset: at, byteLength }), timeout: limit };
}

function newObject(place: SharedPlace, { kind, parameters, value = 0 }: ObjectShape) {
  const initialise = (words: Int32Array<ArrayBufferLike>) => {
    words.fill(0, HEADER_WORDS); // a creator who died may have left something
    words[HEADER_WORDS] = value;
  };
  return { kind, place, parameters, initialise };
}

/** Makes an object where none may be. */
export function create(shape: ObjectShape, memory: SyncMemory, options: OffsetOptions): Located {
  const { place } = locate(shape, memory, options);
  createObject(newObject(place, shape));
  return { place, created: true };
}

/** Finds an object. */
export function open(shape: ObjectShape, memory: SyncMemory, options: OpenObjectOptions): Located {
  const { place, timeout } = locate(shape, memory, options);
  openObject({ kind: shape.kind, place }, timeout);
  return { place, created: false };
}

/** Finds an object, or makes it. */
export function openOrCreate(
  shape: ObjectShape,
  memory: SyncMemory,
  options: OpenObjectOptions,
): Located {
  const { place, timeout } = locate(shape, memory, options);
  return { place, created: openOrCreateObject(newObject(place, shape), timeout) };
}

/** The error for whoever waited in vain: `verb` completes "Cannot ... the semaphore". */
export function timedOut(verb: string, place: SharedPlace, timeout: number | undefined): Error {
  return new Deno.errors.TimedOut(
    `Cannot ${verb} the ${place.name}: it could not be done within ${timeout} ms. Wait longer, or see what the others do`,
  );
}

/** The error for what no object writes. */
export function garbled(verb: string, place: SharedPlace, what: string): Error {
  return new Deno.errors.InvalidData(
    `Cannot ${verb} the ${place.name}: ${what}. Something else wrote over it`,
  );
}
