import { checkInteger, checkOptions, describe } from "../ffi/check.ts";
import { makeMutex } from "../sync/mutex_bytes.ts";
import { type OffsetOptions, type OpenObjectOptions, readOffset } from "../sync/options.ts";
import { Participants, type ParticipantStatus } from "../sync/participants.ts";
import { placeOf, type SharedPlace, type SyncMemory } from "../sync/place.ts";
import {
  createSized,
  type Located,
  type ObjectShape,
  openOrCreateSized,
  openSized,
} from "../sync/sized_object.ts";
import {
  dataOffset,
  HEAD,
  isCapacity,
  LEAST_CAPACITY,
  MANY_RECEIVERS,
  MANY_SENDERS,
  MOST_CAPACITY,
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

/** How many there may be at each end. */
export interface ChannelRoles {
  /**
   * Whether one sender is attached at a time, which pays for no lock, or many, each of which takes
   * a robust mutex for each operation. Default: `"one"`.
   */
  readonly senders?: ChannelRole;
  /** The same for receivers. Default: `"one"`. */
  readonly receivers?: ChannelRole;
}

/** Where a channel is created, and how. */
export interface CreateChannelOptions extends ChannelSize, ChannelRoles, OffsetOptions {}

function checkRole(name: string, value: unknown): ChannelRole | undefined {
  if (value === undefined || value === "one" || value === "many") return value;
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

/** What is asked for, checked; `undefined` means any. */
function wishes({ capacity, maxParticipants, senders, receivers }: CreateChannelOptions) {
  return {
    capacity: capacity === undefined ? undefined : checkCapacity(capacity),
    maxParticipants: maxParticipants === undefined ? undefined : checkParticipants(maxParticipants),
    senders: checkRole("senders", senders),
    receivers: checkRole("receivers", receivers),
  };
}

/** The longest ring for which there is room. */
function longest(memory: SyncMemory, offset: number, data: number): number {
  const rest = placeOf({ name: "channel", memory, offset }).byteLength - data;
  // Where there is too little, the error is that of the shortest.
  return Math.min(MOST_CAPACITY, 2 ** Math.floor(Math.log2(Math.max(LEAST_CAPACITY, rest))));
}

/** The parameters of the header of a new one. */
function parametersOf(
  memory: SyncMemory,
  offset: number,
  { capacity, maxParticipants = DEFAULT_PARTICIPANTS, senders, receivers }:
    & ChannelSize
    & ChannelRoles,
): number[] {
  const roles = (senders === "many" ? MANY_SENDERS : 0) |
    (receivers === "many" ? MANY_RECEIVERS : 0);
  const length = capacity ?? longest(memory, offset, dataOffset(maxParticipants));
  return [length, maxParticipants, roles];
}

const SHAPE: ObjectShape = {
  kind: "channel",
  least: dataOffset(1) + LEAST_CAPACITY,
  lengthOf: ([capacity, participants, roles]) =>
    isCapacity(capacity) && participants >= 1 && participants <= MOST_PARTICIPANTS &&
      (roles & ~(MANY_SENDERS | MANY_RECEIVERS)) === 0
      ? dataOffset(participants) + capacity
      : undefined,
  featuresOf: ([capacity, maxParticipants, roles]) => ({
    capacity,
    maxParticipants,
    senders: (roles & MANY_SENDERS) !== 0 ? "many" : "one",
    receivers: (roles & MANY_RECEIVERS) !== 0 ? "many" : "one",
  }),
  zerosOf: ([, participants]) => dataOffset(participants),
  initialise(place) {
    for (const index of [TAIL, SENT, SEEN_TAIL, HEAD, RECEIVED, SEEN_HEAD]) {
      place.words[index] = points.start | 0;
    }
    makeMutex(place, SENDERS_MUTEX);
    makeMutex(place, RECEIVERS_MUTEX);
  },
};

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

  private constructor({ place, created, parameters }: Located) {
    const [capacity, participants, roles] = parameters;
    this.place = place;
    this.created = created;
    this.capacity = capacity;
    this.manySenders = (roles & MANY_SENDERS) !== 0;
    this.manyReceivers = (roles & MANY_RECEIVERS) !== 0;
    this.data = dataOffset(participants);
    this.participants = new Participants(place, PARTICIPANTS, participants);
  }

  static create(memory: SyncMemory, options: CreateChannelOptions): ChannelFrame {
    const parameters = parametersOf(memory, readOffset(options), wishes(checkOptions(options)));
    return new ChannelFrame(createSized(SHAPE, memory, parameters, options));
  }

  static open(memory: SyncMemory, options: OpenObjectOptions): ChannelFrame {
    return new ChannelFrame(openSized(SHAPE, memory, options));
  }

  static openOrCreate(
    memory: SyncMemory,
    options: CreateChannelOptions & OpenObjectOptions,
  ): ChannelFrame {
    const wanted = wishes(checkOptions(options));
    const parameters = parametersOf(memory, readOffset(options), wanted);
    return new ChannelFrame(openOrCreateSized(SHAPE, memory, parameters, options, wanted));
  }

  /** Who has a role, dead or alive. */
  having(role: number): ParticipantStatus[] {
    return this.participants.list(role);
  }
}
