import {
  createObject,
  type Kind,
  type NewObject,
  objectLength,
  openObject,
  openOrCreateObject,
  parametersOf,
} from "./header.ts";
import { checkedOpen, type OffsetOptions, type OpenObjectOptions, readOffset } from "./options.ts";
import { placeOf, type SharedPlace, type SyncMemory } from "./place.ts";

// Objects that have a header, and a length that follows from the parameters there: those may be
// any numbers, since anybody could write them, and nothing is believed before it was compared.

/** Whatever an object was made with, by the names that errors call it. */
type Features = Readonly<Record<string, unknown>>;

/** What objects of a kind have in common. */
export interface ObjectShape {
  readonly kind: Kind;
  /** The bytes of the shortest one: in less memory there is none. */
  readonly least: number;
  /** How many bytes one with these parameters has; `undefined` if there is none with them. */
  lengthOf(parameters: readonly number[]): number | undefined;
  /** What its creator asked for, by the names of the options. By default nothing can be chosen. */
  featuresOf?(parameters: readonly number[]): Features;
  /**
   * How many of its bytes must be zeros before; all by default. What is behind them is for data,
   * and may be anything.
   */
  zerosOf?(parameters: readonly number[]): number;
  /** Writes what isn't zero behind the header. */
  initialise?(place: SharedPlace, parameters: readonly number[]): void;
}

/** An object that was found or made. */
export interface Located {
  readonly place: SharedPlace;
  /** Whether it was made just now. */
  readonly created: boolean;
  /** As they were when they were checked: use these, and not what stands in the memory now. */
  readonly parameters: readonly number[];
}

function newObject(
  shape: ObjectShape,
  memory: SyncMemory,
  offset: number,
  parameters: readonly number[],
): NewObject {
  const { kind } = shape;
  const byteLength = shape.lengthOf(parameters);
  const place = placeOf({ name: kind, memory, offset, byteLength });
  const zeroBytes = shape.zerosOf?.(parameters);
  const initialise = () => shape.initialise?.(place, parameters);
  return { kind, place, parameters, zeroBytes, initialise };
}

/** All of the memory that an object could have. */
function wholePlace({ kind, least }: ObjectShape, memory: SyncMemory, offset: number): SharedPlace {
  placeOf({ name: kind, memory, offset, byteLength: least }); // or there is no room for any
  return placeOf({ name: kind, memory, offset });
}

/** Makes an object where none may be. */
export function createSized(
  shape: ObjectShape,
  memory: SyncMemory,
  parameters: readonly number[],
  options: OffsetOptions,
): Located {
  const object = newObject(shape, memory, readOffset(options), parameters);
  createObject(object);
  return { place: object.place, created: true, parameters };
}

/** Finds an object. */
export function openSized(
  shape: ObjectShape,
  memory: SyncMemory,
  options: OpenObjectOptions,
): Located {
  const { offset, timeout } = checkedOpen(options);
  const whole = wholePlace(shape, memory, offset);
  openObject({ kind: shape.kind, place: whole }, timeout);
  return found(shape, whole, memory, offset);
}

/**
 * Finds an object, or makes it with these parameters. One that is there must have the features that
 * are wanted; those that are `undefined` may be any.
 */
export function openOrCreateSized(
  shape: ObjectShape,
  memory: SyncMemory,
  parameters: readonly number[],
  options: OpenObjectOptions,
  wanted: Features = {},
): Located {
  const { offset, timeout } = checkedOpen(options);
  let object: NewObject;
  try {
    object = newObject(shape, memory, offset, parameters);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return checkFeatures(shape, openSmaller(shape, memory, options, error), wanted);
  }
  const whole = wholePlace(shape, memory, offset);
  if (openOrCreateObject(object, timeout, whole)) {
    return { place: object.place, created: true, parameters };
  }
  return checkFeatures(shape, found(shape, whole, memory, offset), wanted);
}

/** Finds an object where there is no room for the one that would be made: or throws that error. */
function openSmaller(
  shape: ObjectShape,
  memory: SyncMemory,
  options: OpenObjectOptions,
  noRoom: RangeError,
): Located {
  try {
    return openSized(shape, memory, options);
  } catch (error) {
    throw error instanceof Deno.errors.NotFound || error instanceof RangeError ? noRoom : error;
  }
}

/** The object whose header stands at a place, and was checked; what follows from it is here. */
function found(
  shape: ObjectShape,
  whole: SharedPlace,
  memory: SyncMemory,
  offset: number,
): Located {
  const parameters = parametersOf(whole.words);
  const byteLength = objectLength(whole.words);
  if (shape.lengthOf(parameters) !== byteLength) {
    const features = shape.featuresOf?.(parameters) ?? {};
    const told = Object.entries({ ...features, bytes: byteLength })
      .map(([name, value]) => `${name}: ${show(value)}`);
    throw new Deno.errors.InvalidData(
      `Cannot open ${whole.name}: its header contradicts itself (${
        told.join(", ")
      }), so something else wrote over it. Create it anew, in memory filled with zeros`,
    );
  }
  const place = placeOf({ name: shape.kind, memory, offset, byteLength });
  return { place, created: false, parameters };
}

function checkFeatures(shape: ObjectShape, located: Located, wanted: Features): Located {
  const features = shape.featuresOf?.(located.parameters) ?? {};
  for (const [name, value] of Object.entries(wanted)) {
    if (value === undefined || value === features[name]) continue;
    throw new Deno.errors.InvalidData(
      `Cannot open ${located.place.name}: it was made with ${name}: ${show(features[name])}, not ${
        show(value)
      }. Ask for the same, or use open(), which takes it as it is`,
    );
  }
  return located;
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? "unknown";
}
