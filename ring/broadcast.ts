import { checkInteger, checkOptions, describe } from "../ffi/check.ts";
import type { OffsetOptions, OpenObjectOptions } from "../sync/options.ts";
import type { SyncMemory } from "../sync/place.ts";
import { BroadcastReceiver, type ReceiveFrom } from "./broadcast_receiver.ts";
import { BroadcastSender } from "./broadcast_sender.ts";
import { maxMessageLength } from "./broadcast_writer.ts";
import {
  checkedCodec,
  checkedMaxReceivers,
  type DecoderOption,
  type EncoderOption,
  type MaxReceiversOption,
} from "./options.ts";
import { checkPeerDeath, type Participant } from "./peer_target.ts";
import { type Size, type Species, Station, stationBytes } from "./station.ts";
import { Note } from "./station_note.ts";
import { participantsOf } from "./station_participants.ts";

/** How large a broadcast is. */
export interface BroadcastSize extends MaxReceiversOption {
  /**
   * The bytes of its ring: a power of two from 1024 to 2 ** 30. A message takes 16 bytes more than
   * it has, in multiples of 16, and at most half of the ring. Default: 65536.
   */
  readonly capacity?: number;
}

/** How to create a broadcast. */
export interface CreateBroadcastOptions extends BroadcastSize, OffsetOptions {}

/** Options of a sender. */
export interface BroadcastSenderOptions<In> extends EncoderOption<In> {}

/** Options of a receiver. */
export interface BroadcastReceiverOptions<Out> extends DecoderOption<Out>, ReceiveFrom {}

/** What is known of a broadcast. */
export interface BroadcastStat {
  /** The bytes of its ring. */
  readonly capacity: number;
  /** The longest message, in bytes. */
  readonly maxMessageLength: number;
  /** How many messages were sent since it was created, by all senders it had. */
  readonly sent: number;
  /** Whether the sender has ended it. */
  readonly ended: boolean;
  /** Who is attached, those included who died without closing and whose places nobody took yet. */
  readonly participants: readonly Participant[];
  /** How many receivers there is room for. */
  readonly maxReceivers: number;
}

const MIN_CAPACITY = 1024;
const MAX_CAPACITY = 2 ** 30;

const SPECIES: Species = {
  kind: "broadcast",
  option: "capacity",
  defaultLength: 65536,
  dataBytes: (capacity) => capacity,
  isLength: (capacity) =>
    capacity >= MIN_CAPACITY && capacity <= MAX_CAPACITY && Number.isInteger(Math.log2(capacity)),
};

function checkedSize({ capacity, maxReceivers }: BroadcastSize): Size {
  return { length: checkedCapacity(capacity), maxReceivers: checkedMaxReceivers(maxReceivers) };
}

function checkedCapacity(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const capacity = checkInteger("capacity", value, MIN_CAPACITY, MAX_CAPACITY);
  if (SPECIES.isLength(capacity)) return capacity;
  throw new RangeError(`capacity must be a power of two: received ${capacity}`);
}

/**
 * One sender tells any number of receivers, which join and leave as they like. Each receiver sees
 * every message, or is told exactly how many it missed. A slow, stopped or dead receiver never
 * holds up the sender, which overwrites the oldest messages.
 *
 * It lies in any shared memory. There is one sender at a time: the next one can come when that was
 * closed or has died, and goes on with the sequence. A sender that is killed loses at most the
 * message that it was sending, of a batch those that weren't shown yet, up to a quarter of the
 * ring; what was half written is never seen.
 *
 * What other processes write there is checked: they can break the broadcast, which is
 * `Deno.errors.InvalidData` then, and send nonsense, but nothing else. Linux with glibc.
 *
 * @example
 * ```ts
 * import { mapAnonymous } from "@isthmus/isthmus";
 * import { Broadcast, textCodec } from "@isthmus/isthmus/ring";
 *
 * using memory = mapAnonymous(Broadcast.byteLength(), { shared: true });
 * const news = Broadcast.create(memory); // others: Broadcast.open(memory)
 * using receiver = news.receiver({ codec: textCodec });
 * using sender = news.sender({ codec: textCodec });
 *
 * sender.send("hello");
 * sender.end();
 * for await (const { value, missed } of receiver) console.log(value, missed); // hello 0
 * ```
 */
export class Broadcast {
  /** Whether this handle's `create` or `openOrCreate` made the broadcast. */
  readonly created: boolean;
  readonly #station: Station;

  private constructor(station: Station, created: boolean) {
    this.#station = station;
    this.created = created;
  }

  /**
   * How many bytes of memory a broadcast takes: its ring, 32 for each receiver, and some 300.
   *
   * @throws {RangeError} If an option is out of range, or the capacity no power of two.
   */
  static byteLength(options: BroadcastSize = {}): number {
    return stationBytes(SPECIES, checkedSize(checkOptions(options)));
  }

  /**
   * Makes a broadcast in memory that is zeros there.
   *
   * @throws {Deno.errors.AlreadyExists} If there is one, or something else of Isthmus.
   * @throws {Deno.errors.InvalidData} If something else is there.
   * @throws {RangeError} If the memory is too small or the place misaligned, or an option out of
   * range.
   * @throws {TypeError} If it is no memory that may be written.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static create(memory: SyncMemory, options: CreateBroadcastOptions = {}): Broadcast {
    const size = checkedSize(checkOptions(options));
    return new Broadcast(Station.create(SPECIES, memory, size, options), true);
  }

  /**
   * Opens a broadcast that another process made. If that is doing so right now, it waits a little.
   *
   * @throws {Deno.errors.NotFound} If there is none.
   * @throws {Deno.errors.InvalidData} If something else is there.
   * @throws {Deno.errors.TimedOut} If it isn't ready in time.
   * @throws {RangeError} If the memory is too small or the place misaligned.
   * @throws {TypeError} If it is no memory that may be written.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static open(memory: SyncMemory, options: OpenObjectOptions = {}): Broadcast {
    return new Broadcast(Station.open(SPECIES, memory, options), false);
  }

  /**
   * Opens a broadcast, or makes it if there is none; `created` says which. One that is there is
   * taken with the capacity and the room for receivers that it has, unless they are given.
   *
   * @throws {Deno.errors.InvalidData} If there is one with another capacity or room for receivers
   * than are given, or something else.
   * @throws {Deno.errors.TimedOut} If somebody is still creating it after the time.
   * @throws {RangeError} If the memory is too small or the place misaligned, or an option out of
   * range.
   * @throws {TypeError} If it is no memory that may be written.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static openOrCreate(
    memory: SyncMemory,
    options: CreateBroadcastOptions & OpenObjectOptions = {},
  ): Broadcast {
    const size = checkedSize(checkOptions(options));
    const { station, created } = Station.openOrCreate(SPECIES, memory, size, options);
    return new Broadcast(station, created);
  }

  /** How many bytes of memory it takes. */
  get byteLength(): number {
    return this.#station.place.byteLength;
  }

  /** The bytes of its ring. */
  get capacity(): number {
    return this.#station.length;
  }

  /**
   * Becomes its only sender, of bytes. If the broadcast had been ended it goes on with the first
   * message that is sent.
   *
   * @throws {TypeError} If an option is of the wrong type.
   * @throws {Deno.errors.Busy} If there is another one, in whichever process or Worker.
   * @throws {Deno.errors.InvalidData} If the memory holds nonsense.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  sender(): BroadcastSender<Uint8Array>;
  /** Becomes its only sender, of what a codec makes bytes of. */
  sender<In>(options: BroadcastSenderOptions<In>): BroadcastSender<In>;
  sender<In>(options: BroadcastSenderOptions<In> = {}): BroadcastSender<In> {
    const { codec } = checkOptions(options);
    return new BroadcastSender(this.#station, checkedCodec<In>(codec, "encode"));
  }

  /**
   * Becomes one of its receivers, of bytes. Arrays of small messages share a buffer of 64 KiB: who
   * keeps one of them for long should copy it.
   *
   * @throws {TypeError} If an option is of the wrong type.
   * @throws {Deno.errors.Busy} If there are as many receivers as there is room for.
   * @throws {Deno.errors.InvalidData} If the memory holds nonsense.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  receiver(
    options?: ReceiveFrom & { readonly codec?: undefined },
  ): BroadcastReceiver<Uint8Array<ArrayBuffer>>;
  /** Becomes one of its receivers, of what a codec makes of bytes. */
  receiver<Out>(options: BroadcastReceiverOptions<Out>): BroadcastReceiver<Out>;
  receiver<Out>(options: BroadcastReceiverOptions<Out> = {}): BroadcastReceiver<Out> {
    const { codec, from = "newest", peerDeath } = checkOptions(options);
    if (from !== "newest" && from !== "oldest") {
      throw new TypeError(`from must be "newest" or "oldest": received ${describe(from)}`);
    }
    return new BroadcastReceiver(
      this.#station,
      checkedCodec<Out>(codec, "decode"),
      { from, peerDeath: checkPeerDeath(peerDeath) },
    );
  }

  /**
   * What is known of it now. Nobody has to be attached for that.
   *
   * @throws {Deno.errors.InvalidData} If the memory holds nonsense.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   *
   * @example
   * ```ts
   * import { Broadcast, mapAnonymous } from "@isthmus/isthmus";
   *
   * using memory = mapAnonymous(Broadcast.byteLength(), { shared: true });
   * const news = Broadcast.create(memory);
   * using sender = news.sender();
   * sender.send(new Uint8Array(100));
   * const { sent, participants, maxMessageLength } = news.stat();
   * console.log(sent, participants.length, maxMessageLength); // 1 1 32752
   * ```
   */
  stat(): BroadcastStat {
    const station = this.#station;
    const note = new Note();
    note.read(station);
    return {
      capacity: station.length,
      maxMessageLength: maxMessageLength(station.length),
      sent: note.next,
      ended: station.ended,
      participants: participantsOf(station),
      maxReceivers: station.maxReceivers,
    };
  }
}
