import { HEADER_WORDS, type Kind } from "./header.ts";
import type { OffsetOptions, OpenObjectOptions } from "./options.ts";
import type { SharedPlace, SyncMemory } from "./place.ts";
import {
  createSized,
  type Located,
  type ObjectShape,
  openOrCreateSized,
  openSized,
} from "./sized_object.ts";

// Objects that all have the same length, and errors of those that have a header.

export type { OpenObjectOptions } from "./options.ts";
export type { Located } from "./sized_object.ts";

/** What an object is made of. */
interface FixedShape {
  readonly kind: Kind;
  /** The length in bytes. */
  readonly byteLength: number;
  /** The value of its first word behind the header; all others are zero. */
  readonly value?: number;
}

function shapeOf({ kind, byteLength, value = 0 }: FixedShape): ObjectShape {
  return {
    kind,
    least: byteLength,
    lengthOf: () => byteLength,
    initialise: ({ words }) => void (words[HEADER_WORDS] = value),
  };
}

/** Makes an object where none may be. */
export function create(shape: FixedShape, memory: SyncMemory, options: OffsetOptions): Located {
  return createSized(shapeOf(shape), memory, [], options);
}

/** Finds an object. */
export function open(shape: FixedShape, memory: SyncMemory, options: OpenObjectOptions): Located {
  return openSized(shapeOf(shape), memory, options);
}

/** Finds an object, or makes it. */
export function openOrCreate(
  shape: FixedShape,
  memory: SyncMemory,
  options: OpenObjectOptions,
): Located {
  return openOrCreateSized(shapeOf(shape), memory, [], options);
}

/** The error for whoever waited in vain: `verb` completes "Cannot ... the semaphore". */
export function timedOut(verb: string, place: SharedPlace, timeout: number | undefined): Error {
  return new Deno.errors.TimedOut(
    `Cannot ${verb} ${place.name}: it could not be done within ${timeout} ms. Wait longer, or see what the others do`,
  );
}

/** The error for what no object writes. */
export function garbled(verb: string, place: SharedPlace, what: string): Error {
  return new Deno.errors.InvalidData(
    `Cannot ${verb} ${place.name}: ${what}. Something else wrote over it`,
  );
}
