import { checkInteger, checkOptions, checkTimeout, describe } from "../ffi/check.ts";
import {
  createObject,
  HEADER_BYTES,
  HEADER_WORDS,
  objectLength,
  openObject,
  openOrCreateObject,
  parameter,
} from "../sync/header.ts";
import { makeMutex } from "../sync/mutex_bytes.ts";
import type { OpenObjectOptions } from "../sync/object.ts";
import { type OffsetOptions, readOffset } from "../sync/options.ts";
import { Participants, type ParticipantStatus } from "../sync/participants.ts";
import { placeOf, type SharedPlace, type SyncMemory } from "../sync/place.ts";
import {
  dataOffset,
  HEAD,
  isCapacity,
  LEAST_CAPACITY,
  MANY_RECEIVERS,
  MANY_SENDERS,
  MOST_CAPACITY,
  PARAMETER_CAPACITY,
  PARAMETER_PARTICIPANTS,
  PARAMETER_ROLES,
  PARTICIPANTS,
  RECEIVED,
  RECEIVERS_MUTEX,
  SEEN_HEAD,
  SEEN_TAIL,
  SENDERS_MUTEX,
  SENT,
  TAIL,
} from "./channel_layout.ts";
import { points } from "./test_points.ts";

/** How many may be attached by default. */
const DEFAULT_PARTICIPANTS = 64;
const MOST_PARTICIPANTS = 65536;

/** How many there may be of a role. */
export type ChannelRole = "one" | "many";

/** How big a channel is. */
export interface ChannelSize {
  /**
   * The length of the ring in bytes, a power of two from 8 to 2 ** 30. Each message takes its
   * length, rounded up to a multiple of 8, and 8 bytes more. Default: the longest for which there
   * is room.
   */
  readonly capacity?: number;
  /**
   * How many senders and receivers may be attached at the same time, 1 to 65536; each takes 32
   * bytes. Default: 64.
   */
  readonly maxParticipants?: number;
}

/** Where a channel is created, and how. */
export interface CreateChannelOptions extends ChannelSize, OffsetOptions {
  /**
   * Whether one sender is attached at a time, which pays for no lock, or many, each of which takes
   * a robust mutex for each operation. Default: `"one"`.
   */
  readonly senders?: ChannelRole;
  /** The same for receivers. Default: `"one"`. */
  readonly receivers?: ChannelRole;
}

/** What is asked for, checked; `undefined` means any. */
interface Wishes {
  readonly memory: SyncMemory;
  readonly offset: number;
  readonly capacity: number | undefined;
  readonly participants: number | undefined;
  readonly roles: number;
  readonly mask: number;
}

function checkRole(name: string, value: unknown): boolean | undefined {
  if (value === undefined) return undefined;
  if (value === "one" || value === "many") return value === "many";
  throw new TypeError(`${name} must be "one" or "many": received ${describe(value)}`);
}

function checkCapacity(value: unknown): number {
  const capacity = checkInteger("capacity", value, LEAST_CAPACITY, MOST_CAPACITY);
  if (isCapacity(capacity)) return capacity;
  throw new RangeError(`capacity must be a power of two: received ${capacity}`);
}

function checkParticipants(value: unknown): number {
  return checkInteger("maxParticipants", value, 1, MOST_PARTICIPANTS);
}

/** The bytes that a channel takes. */
export function channelBytes({ capacity, maxParticipants }: ChannelSize): number {
  const count = checkParticipants(maxParticipants ?? DEFAULT_PARTICIPANTS);
  return dataOffset(count) + checkCapacity(capacity);
}

function wishes(memory: SyncMemory, options: CreateChannelOptions): Wishes {
  const offset = readOffset(options);
  const { capacity, maxParticipants: participants, senders, receivers } = options;
  const [manySenders, manyReceivers] = [
    checkRole("senders", senders),
    checkRole("receivers", receivers),
  ];
  return {
    memory,
    offset,
    capacity: capacity === undefined ? undefined : checkCapacity(capacity),
    participants: participants === undefined ? undefined : checkParticipants(participants),
    roles: (manySenders ? MANY_SENDERS : 0) | (manyReceivers ? MANY_RECEIVERS : 0),
    mask: (manySenders === undefined ? 0 : MANY_SENDERS) |
      (manyReceivers === undefined ? 0 : MANY_RECEIVERS),
  };
}

/** What is to be created. */
function plan({ memory, offset, capacity, participants = DEFAULT_PARTICIPANTS, roles }: Wishes) {
  const data = dataOffset(participants);
  let length = capacity;
  if (length === undefined) {
    const rest = placeOf({ name: "channel", memory, offset }).byteLength - data;
    // Too little: the error of placeOf() says how much the shortest takes.
    length = Math.min(MOST_CAPACITY, 2 ** Math.floor(Math.log2(Math.max(LEAST_CAPACITY, rest))));
  }
  const place = placeOf({ name: "channel", memory, offset, byteLength: data + length });
  const start = points.start | 0;
  const initialise = (words: Int32Array<ArrayBufferLike>) => {
    words.fill(0, HEADER_WORDS, data / 4); // also over what a creator who died left
    for (const index of [TAIL, SENT, SEEN_TAIL, HEAD, RECEIVED, SEEN_HEAD]) words[index] = start;
    makeMutex(place, SENDERS_MUTEX);
    makeMutex(place, RECEIVERS_MUTEX);
  };
  const parameters = [length, participants, roles];
  return { kind: "channel" as const, place, parameters, initialise };
}

/** A channel in memory: where it is, and what its header says, which was checked. */
export class ChannelFrame {
  readonly place: SharedPlace;
  /** Whether this handle made it. */
  readonly created: boolean;
  /** The length of the ring in bytes. */
  readonly capacity: number;
  readonly manySenders: boolean;
  readonly manyReceivers: boolean;
  /** The first byte of the ring. */
  readonly data: number;
  /** Who is attached. */
  readonly participants: Participants;

  private constructor(place: SharedPlace, created: boolean) {
    const { words } = place;
    this.place = place;
    this.created = created;
    this.capacity = parameter(words, PARAMETER_CAPACITY);
    const roles = parameter(words, PARAMETER_ROLES);
    this.manySenders = (roles & MANY_SENDERS) !== 0;
    this.manyReceivers = (roles & MANY_RECEIVERS) !== 0;
    const participants = parameter(words, PARAMETER_PARTICIPANTS);
    this.data = dataOffset(participants);
    this.participants = new Participants(place, PARTICIPANTS, participants);
  }

  static create(memory: SyncMemory, options: CreateChannelOptions): ChannelFrame {
    const object = plan(wishes(memory, checkOptions(options)));
    createObject(object);
    return new ChannelFrame(object.place, true);
  }

  static open(memory: SyncMemory, options: OpenObjectOptions): ChannelFrame {
    const offset = readOffset(checkOptions(options));
    return ChannelFrame.#open(memory, offset, checkTimeout(options.timeout));
  }

  static #open(memory: SyncMemory, offset: number, timeout: number | undefined): ChannelFrame {
    placeOf({ name: "channel", memory, offset, byteLength: HEADER_BYTES }); // or there is no room
    const whole = placeOf({ name: "channel", memory, offset });
    openObject({ kind: "channel", place: whole }, timeout);
    const { words } = whole;
    const capacity = parameter(words, PARAMETER_CAPACITY);
    const participants = parameter(words, PARAMETER_PARTICIPANTS);
    const byteLength = objectLength(words);
    if (
      !isCapacity(capacity) || participants < 1 || participants > MOST_PARTICIPANTS ||
      dataOffset(participants) + capacity !== byteLength
    ) {
      throw new Deno.errors.InvalidData(
        `Cannot open ${whole.name}: its header contradicts itself (capacity ${capacity}, maxParticipants ${participants}, ${byteLength} bytes). Create it anew, in memory filled with zeros`,
      );
    }
    return new ChannelFrame(placeOf({ name: "channel", memory, offset, byteLength }), false);
  }

  static openOrCreate(
    memory: SyncMemory,
    options: CreateChannelOptions & OpenObjectOptions,
  ): ChannelFrame {
    const wanted = wishes(memory, checkOptions(options));
    const timeout = checkTimeout(options.timeout);
    let object: ReturnType<typeof plan>;
    try {
      object = plan(wanted);
    } catch (error) {
      // There is no room for a new one, but there may be a smaller one.
      try {
        return ChannelFrame.#openAs(wanted, timeout);
      } catch {
        throw error;
      }
    }
    // One that is longer than this would create is found by open().
    if (openOrCreateObject(object, timeout)) return new ChannelFrame(object.place, true);
    return ChannelFrame.#openAs(wanted, timeout);
  }

  /** Opens one that is as it is wanted. */
  static #openAs(wanted: Wishes, timeout: number | undefined): ChannelFrame {
    const frame = ChannelFrame.#open(wanted.memory, wanted.offset, timeout);
    const roles = (frame.manySenders ? MANY_SENDERS : 0) |
      (frame.manyReceivers ? MANY_RECEIVERS : 0);
    const differs = (wanted.capacity ?? frame.capacity) !== frame.capacity ||
      (wanted.participants ?? frame.participants.size) !== frame.participants.size ||
      (roles & wanted.mask) !== (wanted.roles & wanted.mask);
    if (!differs) return frame;
    throw new Deno.errors.InvalidData(
      `Cannot open ${frame.place.name}: it has capacity ${frame.capacity}, maxParticipants ${frame.participants.size}, ` +
        `senders "${frame.manySenders ? "many" : "one"}" and receivers "${
          frame.manyReceivers ? "many" : "one"
        }", which isn't what was asked for. Ask for the same, or use open()`,
    );
  }

  /** Who has a role, dead or alive. */
  having(role: number): ParticipantStatus[] {
    return this.participants.list(role);
  }
}
