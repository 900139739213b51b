import { checkInteger, checkOptions } from "../ffi/check.ts";
import type { OffsetOptions, OpenObjectOptions } from "../sync/options.ts";
import type { SyncMemory } from "../sync/place.ts";
import { LatestReceiver } from "./latest_receiver.ts";
import { LatestSender } from "./latest_sender.ts";
import {
  checkedCodec,
  checkedMaxReceivers,
  type DecoderOption,
  type EncoderOption,
  type MaxReceiversOption,
} from "./options.ts";
import { checkPeerDeath, type Participant, type PeerDeathPolicy } from "./peer_target.ts";
import { type Size, type Species, Station, stationBytes } from "./station.ts";
import { recordSize, SLOTS } from "./station_layout.ts";
import { Note } from "./station_note.ts";
import { participantsOf } from "./station_participants.ts";

/** How to create a `Latest`. */
export interface CreateLatestOptions extends MaxReceiversOption, OffsetOptions {}

/** Options of a sender. */
export interface LatestSenderOptions<In> extends EncoderOption<In> {}

/** What a receiver does when the sender dies. */
export interface LatestPeerDeath {
  /**
   * What to do once the newest value was received and the sender has died: to go on waiting for the
   * next one (`"ignore"`), or to throw `Deno.errors.BrokenPipe` once, from the next call or the one
   * that is waiting, and wait for the next one then (`"throw"`). Default: `"ignore"`.
   */
  readonly peerDeath?: PeerDeathPolicy;
}

/** Options of a receiver. */
export interface LatestReceiverOptions<Out> extends DecoderOption<Out>, LatestPeerDeath {}

/** What is known of a `Latest`. */
export interface LatestStat {
  /** The most bytes that a value has. */
  readonly size: number;
  /** How many values were sent since it was created, by all senders it had. */
  readonly sent: number;
  /** Whether the sender has ended it. */
  readonly ended: boolean;
  /** Who is attached, those included who died without closing and whose places nobody took yet. */
  readonly participants: readonly Participant[];
  /** How many receivers there is room for. */
  readonly maxReceivers: number;
}

const MAX_SIZE = 2 ** 28;

const SPECIES: Species = {
  kind: "latest",
  option: "size",
  dataBytes: (size) => SLOTS * recordSize(size),
  isLength: (size) => size >= 1 && size <= MAX_SIZE,
};

function checkedSize(size: unknown, { maxReceivers }: MaxReceiversOption): Size {
  return {
    length: checkInteger("size", size, 1, MAX_SIZE),
    maxReceivers: checkedMaxReceivers(maxReceivers),
  };
}

/**
 * A value that one sender replaces as often as it likes, and any number of receivers read: always
 * the newest, and always whole. Nobody waits for anybody, and values that nobody read in time are
 * gone.
 *
 * It lies in any shared memory. There is one sender at a time: the next one can come when that was
 * closed or has died. A sender that is killed in the middle of a value leaves the one before.
 *
 * What other processes write there is checked: they can break it, which is
 * `Deno.errors.InvalidData` then, and send nonsense, but nothing else. Linux with glibc.
 *
 * @example
 * ```ts
 * import { mapAnonymous } from "@isthmus/isthmus";
 * import { jsonCodec, Latest } from "@isthmus/isthmus/ring";
 *
 * const codec = jsonCodec<{ x: number; y: number }>();
 * using memory = mapAnonymous(Latest.byteLength(200), { shared: true });
 * const position = Latest.create(memory, 200); // others: Latest.open(memory)
 * using sender = position.sender({ codec });
 * using receiver = position.receiver({ codec });
 *
 * sender.send({ x: 1, y: 2 });
 * sender.send({ x: 3, y: 4 });
 * console.log(receiver.tryReceive()); // { x: 3, y: 4 }
 * console.log(receiver.tryReceive()); // undefined: it was received
 * console.log(receiver.newest()); // { x: 3, y: 4 }
 * ```
 */
export class Latest {
  /** Whether this handle's `create` or `openOrCreate` made it. */
  readonly created: boolean;
  readonly #station: Station;

  private constructor(station: Station, created: boolean) {
    this.#station = station;
    this.created = created;
  }

  /**
   * How many bytes of memory one takes for values of `size` bytes at most: four times that and a
   * little more, and 32 for each receiver.
   *
   * @throws {RangeError} If the size or an option is out of range.
   */
  static byteLength(size: number, options: MaxReceiversOption = {}): number {
    return stationBytes(SPECIES, checkedSize(size, checkOptions(options)));
  }

  /**
   * Makes one in memory that is zeros there.
   *
   * @param size The most bytes that a value has, 1 to 2 ** 28. It takes four times that, and a
   * little more.
   *
   * @throws {Deno.errors.AlreadyExists} If there is one, or something else of Isthmus.
   * @throws {Deno.errors.InvalidData} If something else is there.
   * @throws {RangeError} If the memory is too small or the place misaligned, or an option out of
   * range.
   * @throws {TypeError} If it is no memory that may be written.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static create(memory: SyncMemory, size: number, options: CreateLatestOptions = {}): Latest {
    const wanted = checkedSize(size, checkOptions(options));
    return new Latest(Station.create(SPECIES, memory, wanted, options), true);
  }

  /**
   * Opens one that another process made. If that is doing so right now, it waits a little.
   *
   * @throws {Deno.errors.NotFound} If there is none.
   * @throws {Deno.errors.InvalidData} If something else is there.
   * @throws {Deno.errors.TimedOut} If it isn't ready in time.
   * @throws {RangeError} If the memory is too small or the place misaligned.
   * @throws {TypeError} If it is no memory that may be written.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static open(memory: SyncMemory, options: OpenObjectOptions = {}): Latest {
    return new Latest(Station.open(SPECIES, memory, options), false);
  }

  /**
   * Opens one, or makes it if there is none; `created` says which. One that is there is taken with
   * the room for receivers that it has, unless that is given.
   *
   * @param size The most bytes that a value has, 1 to 2 ** 28, also of the one that is there.
   *
   * @throws {Deno.errors.InvalidData} If there is one with another size, or another room for
   * receivers than is given, or something else.
   * @throws {Deno.errors.TimedOut} If somebody is still creating it after the time.
   * @throws {RangeError} If the memory is too small or the place misaligned, or an option out of
   * range.
   * @throws {TypeError} If it is no memory that may be written.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static openOrCreate(
    memory: SyncMemory,
    size: number,
    options: CreateLatestOptions & OpenObjectOptions = {},
  ): Latest {
    const wanted = checkedSize(size, checkOptions(options));
    const { station, created } = Station.openOrCreate(SPECIES, memory, wanted, options);
    return new Latest(station, created);
  }

  /** How many bytes of memory it takes. */
  get byteLength(): number {
    return this.#station.place.byteLength;
  }

  /** The most bytes that a value has. */
  get size(): number {
    return this.#station.length;
  }

  /**
   * Becomes its only sender, of bytes. If it had been ended it goes on with the first value that is
   * sent.
   *
   * @throws {TypeError} If an option is of the wrong type.
   * @throws {Deno.errors.Busy} If there is another one, in whichever process or Worker.
   * @throws {Deno.errors.InvalidData} If the memory holds nonsense.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  sender(): LatestSender<Uint8Array>;
  /** Becomes its only sender, of what a codec makes bytes of. */
  sender<In>(options: LatestSenderOptions<In>): LatestSender<In>;
  sender<In>(options: LatestSenderOptions<In> = {}): LatestSender<In> {
    const { codec } = checkOptions(options);
    return new LatestSender(this.#station, checkedCodec<In>(codec, "encode"));
  }

  /**
   * Becomes one of its receivers, of bytes. A value that is there when it comes is new to it.
   *
   * @throws {TypeError} If an option is of the wrong type.
   * @throws {Deno.errors.Busy} If there are as many receivers as there is room for.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  receiver(
    options?: LatestPeerDeath & { readonly codec?: undefined },
  ): LatestReceiver<Uint8Array<ArrayBuffer>>;
  /** Becomes one of its receivers, of what a codec makes of bytes. */
  receiver<Out>(options: LatestReceiverOptions<Out>): LatestReceiver<Out>;
  receiver<Out>(options: LatestReceiverOptions<Out> = {}): LatestReceiver<Out> {
    const { codec, peerDeath } = checkOptions(options);
    return new LatestReceiver(
      this.#station,
      checkedCodec<Out>(codec, "decode"),
      checkPeerDeath(peerDeath),
    );
  }

  /**
   * What is known of it now. Nobody has to be attached for that.
   *
   * @throws {Deno.errors.InvalidData} If the memory holds nonsense.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  stat(): LatestStat {
    const station = this.#station;
    const note = new Note();
    note.read(station);
    return {
      size: station.length,
      sent: note.next,
      ended: station.ended,
      participants: participantsOf(station),
      maxReceivers: station.maxReceivers,
    };
  }
}
