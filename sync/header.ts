import { ALL, futexWake } from "../ffi/futex.ts";
import { Patience } from "./patience.ts";
import { claimIdentity, clearIdentity, IDENTITY_WORDS, isDeadAt, pidAt } from "./identity.ts";
import type { SharedPlace } from "./place.ts";
import type { Waitable } from "./waitable.ts";
import { waitSync } from "./wait_sync.ts";

// What every object of sync/ and ring/ but the mutex starts with, in 64 bytes, little-endian:
//   0 magic      "ISTH"
//   4 version    u16, and the kind, u16
//   8 byteLength u64 of the whole object
//  16 state      EMPTY, CREATING or READY, written last: what is before it is read only then
//  20 creator    identity of the thread that creates it: 5 words
//  40 six 32-bit words of the object's own: its parameters, which never change

/** Bytes of a header. */
export const HEADER_BYTES = 64;

/** Words of a header: the first one of what follows it. */
export const HEADER_WORDS = HEADER_BYTES / 4;

/** How many parameters an object may have. */
const PARAMETERS = 6;

const MAGIC = 0x48545349; // "ISTH"
const VERSION = 1;

const AT_MAGIC = 0;
const AT_KIND = 1;
const AT_LENGTH = 2;
const AT_STATE = 4;
const AT_CREATOR = 5;
const AT_PARAMETERS = AT_CREATOR + IDENTITY_WORDS;

const EMPTY = 0;
const CREATING = 1;
const READY = 2;

/** The kinds of objects, by the number that a header has. */
const KINDS = {
  1: "rwlock",
  2: "semaphore",
  3: "event",
  4: "condition",
  5: "barrier",
  6: "latch",
  7: "once",
  16: "channel",
  17: "broadcast",
  18: "latest",
} as const;

/** What an object is. */
export type Kind = typeof KINDS[keyof typeof KINDS];

/** A new object. */
export interface NewObject {
  readonly kind: Kind;
  readonly place: SharedPlace;
  /** At most {@linkcode PARAMETERS} unsigned 32-bit numbers. */
  readonly parameters?: readonly number[];
  /**
   * How many bytes of it must be zeros before: what follows is for data, and may be anything.
   * Default: all.
   */
  readonly zeroBytes?: number;
  /** Writes what follows the header, over zeros. */
  initialise?(words: Int32Array<ArrayBufferLike>): void;
}

/** How long to wait, in milliseconds, for somebody who is creating an object. */
const READY_TIMEOUT = 1000;

function numberOf(kind: Kind): number {
  return Number(
    Object.keys(KINDS).find((key) => KINDS[Number(key) as keyof typeof KINDS] === kind),
  );
}

function kindOf(number: number): string {
  return KINDS[number as keyof typeof KINDS] ?? `object of the unknown kind ${number}`;
}

/**
 * Makes an object.
 *
 * @throws {Deno.errors.AlreadyExists} If there is one, or somebody is making one.
 * @throws {Deno.errors.InvalidData} If the memory holds something else: it must be zeros.
 */
export function createObject(object: NewObject): void {
  const { place } = object;
  if (tryCreate(object)) return;
  const { words } = place;
  const what = Atomics.load(words, AT_STATE) === READY
    ? `a ${kindOf(words[AT_KIND] >>> 16)} is already there`
    : `process ${pidAt(words, AT_CREATOR)} is creating something there`;
  throw new Deno.errors.AlreadyExists(
    `Cannot create ${place.name}: ${what}. Open it, or choose another offset`,
  );
}

/**
 * Makes an object unless there is one; tells whether it did. Waits while somebody else does. One
 * that is there may be longer, as long as all of the memory is.
 */
export function openOrCreateObject(
  object: NewObject,
  timeout: number = READY_TIMEOUT,
  whole: SharedPlace = object.place,
): boolean {
  const created = waitSync(readiness(object.place, () => tryCreate(object)), timeout);
  if (created === undefined) throw stillCreating(object.place);
  if (!created) check(whole, object.kind);
  return created;
}

/**
 * Checks that an object is there, and waits while it is being created.
 *
 * @throws {Deno.errors.NotFound} If there is none.
 * @throws {Deno.errors.InvalidData} If there is something else: another kind or version, a length
 * beyond the memory.
 * @throws {Deno.errors.TimedOut} If somebody is still creating it after the time.
 */
export function openObject(
  { kind, place }: Pick<NewObject, "kind" | "place">,
  timeout: number = READY_TIMEOUT,
): void {
  const { words } = place;
  if (Atomics.load(words, AT_STATE) === EMPTY && words[AT_MAGIC] === 0) {
    throw new Deno.errors.NotFound(
      `Cannot open ${place.name}: nothing is there. Start the program that creates it first, or use openOrCreate()`,
    );
  }
  const ready = waitSync(readiness(place, () => undefined), timeout);
  if (ready === undefined) throw stillCreating(place);
  check(place, kind);
}

/** An object's parameter, from the memory; one that never changes, but anybody could write. */
export function parameter(words: Int32Array<ArrayBufferLike>, index: number): number {
  return Atomics.load(words, AT_PARAMETERS + index) >>> 0;
}

/** All parameters of an object. */
export function parametersOf(words: Int32Array<ArrayBufferLike>): number[] {
  return Array.from({ length: PARAMETERS }, (_, index) => parameter(words, index));
}

/** The length in bytes of the object that stands at a place, which has been checked. */
export function objectLength(words: Int32Array<ArrayBufferLike>): number {
  return Atomics.load(words, AT_LENGTH) >>> 0;
}

/** Waits until an object is ready, or something can be done about that it isn't. */
function readiness(place: SharedPlace, act: () => boolean | undefined): Waitable<boolean> {
  return {
    place,
    index: AT_STATE,
    patience: new Patience(),
    attempt() {
      const { words } = place;
      const state = Atomics.load(words, AT_STATE);
      if (state === READY) return false;
      if (state !== CREATING || isDeadAt(words, AT_CREATOR)) {
        const done = act();
        if (done) return true;
        // It may have become ready before its creator died.
        if (done === undefined && Atomics.load(words, AT_STATE) === state) {
          throw unfinished(place, state);
        }
      }
      return undefined;
    },
  };
}

function unfinished(place: SharedPlace, state: number): Error {
  return state === CREATING
    ? new Deno.errors.NotFound(
      `Cannot open ${place.name}: the process that was creating it died. Create it anew with create() or openOrCreate()`,
    )
    : garbage("open", place);
}

/** Makes the object if nobody did or does; garbage is an error. */
function tryCreate(object: NewObject): boolean {
  const { kind, place, parameters = [], initialise } = object;
  const { words } = place;
  const state = Atomics.load(words, AT_STATE);
  if (state === READY) return false;
  if (!isFree(words, state)) throw garbage("create", place);
  // Who has the creator's place creates: it is taken over from one who died.
  if (!claimIdentity(words, AT_CREATOR)) return false;
  if (Atomics.load(words, AT_STATE) === READY) { // by somebody who was faster
    clearIdentity(words, AT_CREATOR);
    return false;
  }
  if (!vacate(object)) {
    words.fill(0, 0, AT_CREATOR);
    words.fill(0, AT_CREATOR + 1, HEADER_WORDS);
    clearIdentity(words, AT_CREATOR);
    throw garbage("create", place);
  }
  Atomics.store(words, AT_STATE, CREATING);
  words[AT_MAGIC] = MAGIC;
  words[AT_KIND] = VERSION | numberOf(kind) << 16;
  words[AT_LENGTH + 1] = 0;
  // Before anything is written behind the header: see vacate().
  Atomics.store(words, AT_LENGTH, place.byteLength);
  for (let i = 0; i < PARAMETERS; i++) words[AT_PARAMETERS + i] = parameters[i] ?? 0;
  initialise?.(words);
  // Publishes all of the above to those who load READY, in readiness().
  Atomics.store(words, AT_STATE, READY);
  clearIdentity(words, AT_CREATOR);
  futexWake(place.address + BigInt(4 * AT_STATE), ALL);
  return true;
}

/** Whether a header may be written there: over zeros, or where somebody has begun to. */
function isFree(words: Int32Array<ArrayBufferLike>, state: number): boolean {
  if (state === CREATING) return words[AT_MAGIC] === MAGIC || words[AT_MAGIC] === 0;
  const header = words.slice(0, HEADER_WORDS);
  const isCreator = (index: number) => index >= AT_CREATOR && index < AT_PARAMETERS;
  const hasCreator = Atomics.load(words, AT_CREATOR) !== 0;
  return header.every((word, index) => word === 0 || (hasCreator && isCreator(index))) ||
    Atomics.load(words, AT_STATE) !== state; // somebody began meanwhile
}

/**
 * Takes away what a creator left who died: its header tells how far it may have written. Whether
 * there are zeros then. Only for the creator.
 */
function vacate({ place, zeroBytes = place.byteLength }: NewObject): boolean {
  const { words, bytes } = place;
  if (Atomics.load(words, AT_STATE) === CREATING) {
    bytes.fill(0, HEADER_BYTES, Math.min(zeroBytes, objectLength(words)));
  }
  for (let i = HEADER_BYTES; i < zeroBytes; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** Throws unless an object that is ready is what was asked for. */
function check(place: SharedPlace, kind: Kind): void {
  const { words } = place;
  if (words[AT_MAGIC] !== MAGIC) throw garbage("open", place);
  const [version, found] = [words[AT_KIND] & 0xffff, words[AT_KIND] >>> 16];
  if (version !== VERSION) {
    throw new Deno.errors.InvalidData(
      `Cannot open ${place.name}: it is of version ${version}, and this is version ${VERSION}. Use the same version of Isthmus on both sides`,
    );
  }
  if (found !== numberOf(kind)) {
    throw new Deno.errors.InvalidData(
      `Cannot open ${place.name}: a ${
        kindOf(found)
      } is there. Open it as that, or give another offset`,
    );
  }
  const length = objectLength(words);
  if (length > place.byteLength || words[AT_LENGTH + 1] !== 0) {
    throw new Deno.errors.InvalidData(
      `Cannot open ${place.name}: it says that it has ${length} bytes, and there the memory has ${place.byteLength}. Map all of it`,
    );
  }
}

function garbage(verb: string, place: SharedPlace): Error {
  return new Deno.errors.InvalidData(
    `Cannot ${verb} ${place.name}: something else is there. Give another offset, or fill the memory with zeros first`,
  );
}

function stillCreating(place: SharedPlace): Error {
  const pid = pidAt(place.words, AT_CREATOR);
  return new Deno.errors.TimedOut(
    `Cannot open ${place.name}: process ${pid} is still creating it. Try again, or end that process`,
  );
}
