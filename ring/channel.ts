import { checkOptions } from "../ffi/check.ts";
import type { OpenObjectOptions } from "../sync/options.ts";
import type { SyncMemory } from "../sync/place.ts";
import { readCount } from "./channel_count.ts";
import { roleName } from "./channel_deaths.ts";
import { readNumber } from "./channel_end.ts";
import {
  channelBytes,
  ChannelFrame,
  type ChannelRole,
  type ChannelSize,
  type CreateChannelOptions,
} from "./channel_frame.ts";
import {
  ENDED,
  FLAGS,
  HEAD,
  RECEIVED,
  RECEIVERS_WAITED,
  SENDERS_WAITED,
  SENT,
  TAIL,
} from "./channel_layout.ts";
import { ChannelReceiver } from "./channel_receiver.ts";
import { ChannelSender } from "./channel_sender.ts";
import type { Decoder, Encoder } from "./codec.ts";
import { checkedCodec } from "./options.ts";
import { checkPeerDeath, type Participant, type PeerDeathPolicy } from "./peer_target.ts";

/** Options of an end of a channel. */
export interface ChannelEndOptions {
  /**
   * What to do when a process at the other end dies without closing its end: to go on waiting for
   * the next one (`"ignore"`), or to throw `Deno.errors.BrokenPipe`, once for each death, from the
   * next call or the one that is waiting (`"throw"`). A receiver gets what was sent before. It is
   * noticed within about 100 ms. Default: `"ignore"`.
   */
  readonly peerDeath?: PeerDeathPolicy;
  /** None: messages are bytes. With a codec see {@linkcode ChannelCodecOptions}. */
  readonly codec?: undefined;
}

/** Options of an end of a channel whose messages aren't bytes. */
export interface ChannelCodecOptions<C> extends Omit<ChannelEndOptions, "codec"> {
  /**
   * How values become messages, and messages values: an {@linkcode Encoder} for a sender, a
   * {@linkcode Decoder} for a receiver.
   */
  readonly codec: C;
}

/** How a channel is doing. */
export interface ChannelStat {
  /** The length of the ring in bytes. */
  readonly capacity: number;
  /**
   * How many bytes of it are in use: of each message its length, rounded up to a multiple of 8, and
   * 8 more.
   */
  readonly bytes: number;
  /** How many messages are in it. */
  readonly messages: number;
  /** How many messages were sent, ever. */
  readonly sent: number;
  /** How many messages were received, ever. */
  readonly received: number;
  /** Whether a sender has ended it. */
  readonly ended: boolean;
  /** How many may be attached at the same time. */
  readonly maxParticipants: number;
  /** Who is attached, those included who died without closing and whose places nobody took yet. */
  readonly participants: readonly Participant[];
  /**
   * For how many milliseconds senders have waited for room so far, all together. What they spun for
   * before they slept isn't counted.
   */
  readonly sendersWaited: number;
  /** For how many milliseconds receivers have waited for messages so far, all together. */
  readonly receiversWaited: number;
}

/**
 * A channel of messages in shared memory: bounded, first in first out, between any number of
 * processes and Workers. Messages have any length up to the capacity, less 8 bytes.
 *
 * Those who use it attach as senders or receivers. Where there is one of a role (the default) it
 * pays for no lock; a second one is refused, until the first closes or dies. Many of a role take
 * turns at a robust mutex.
 *
 * **If a process is killed**, everything that it has sent is there, and everything that it hasn't
 * received; what it was just writing is lost, and nobody waits for it. What is read in place by
 * `peek()` and wasn't released is received by the next one.
 *
 * **The end of the stream**, by `sender.end()`, stays in the memory, also in a file, until another
 * sender attaches: a receiver that comes before that finds it at once.
 *
 * Where the ring is full and receivers are at full speed, senders sleep until a quarter of it is
 * free: to wake them for each message would take both sides longer than the messages do.
 *
 * What other processes write there is checked: they can break the channel, which is
 * `Deno.errors.InvalidData` then, and send nonsense, but nothing else. Those who use it must be of
 * one pid namespace, or a death isn't noticed. A channel in a file whose users a power failure
 * ended goes on: locks of those who are no more are freed within a second.
 *
 * C programs take part with `c/isthmus_channel.h`. Linux with glibc.
 *
 * @example
 * ```ts
 * import { Channel, mapAnonymous } from "@isthmus/isthmus";
 *
 * using memory = mapAnonymous(65536, { shared: true }); // or a file, a segment ...
 * const channel = Channel.create(memory);
 * using sender = channel.sender();
 * using receiver = channel.receiver(); // most often in another process, after Channel.open()
 * await sender.send(new Uint8Array([1, 2, 3]));
 * sender.end();
 * for await (const message of receiver) console.log(message); // Uint8Array(3) [ 1, 2, 3 ]
 * ```
 *
 * @example Many at both ends
 * ```ts
 * import { Channel, jsonCodec, mapAnonymous } from "@isthmus/isthmus";
 *
 * const codec = jsonCodec<{ job: number }>();
 * using memory = mapAnonymous(65536, { shared: true });
 * const jobs = Channel.create(memory, { senders: "many", receivers: "many" });
 * using one = jobs.sender({ codec });
 * using other = jobs.sender({ codec });
 * using worker = jobs.receiver({ codec, peerDeath: "throw" });
 * await Promise.all([one.send({ job: 1 }), other.send({ job: 2 })]);
 * console.log(await worker.receiveBatch()); // [ { job: 1 }, { job: 2 } ]
 * ```
 */
export class Channel {
  readonly #frame: ChannelFrame;

  private constructor(frame: ChannelFrame) {
    this.#frame = frame;
  }

  /**
   * How many bytes of memory a channel with that capacity takes: some 800, 32 for each who can be
   * attached, and the ring.
   *
   * @throws {TypeError} If the capacity isn't given.
   * @throws {RangeError} If the capacity isn't a power of two from 8 to 2 ** 30, or
   * `maxParticipants` out of range.
   */
  static byteLength(size: ChannelSize & { readonly capacity: number }): number {
    return channelBytes(checkOptions(size));
  }

  /**
   * Makes a channel, in memory that is zero there; the ring itself may hold anything.
   *
   * @throws {TypeError} If it isn't memory that may be written, or an option is none.
   * @throws {RangeError} If the memory is too small, or an option out of range.
   * @throws {Deno.errors.AlreadyExists} If something is there, or somebody is creating it.
   * @throws {Deno.errors.InvalidData} If the memory isn't zeros.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static create(memory: SyncMemory, options: CreateChannelOptions = {}): Channel {
    return new Channel(ChannelFrame.create(memory, options));
  }

  /**
   * The channel that somebody made there; waits while that is under way.
   *
   * @throws {TypeError} If it isn't memory that may be written.
   * @throws {RangeError} If it would reach beyond the memory.
   * @throws {Deno.errors.NotFound} If nothing is there, or its creator died half way.
   * @throws {Deno.errors.InvalidData} If something else is there: another kind, or version.
   * @throws {Deno.errors.TimedOut} If somebody is still creating it after the time.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static open(memory: SyncMemory, options: OpenObjectOptions = {}): Channel {
    return new Channel(ChannelFrame.open(memory, options));
  }

  /**
   * Opens the channel that is there, or makes one; {@linkcode created} says which. One that is
   * there is taken as it is, but for the options that are given: those must be the same.
   *
   * @throws {TypeError} If it isn't memory that may be written, or an option is none.
   * @throws {RangeError} If the memory is too small, or an option out of range.
   * @throws {Deno.errors.InvalidData} If something else is there, or a channel with other options
   * than are asked for.
   * @throws {Deno.errors.TimedOut} If somebody is still creating it after the time.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
   */
  static openOrCreate(
    memory: SyncMemory,
    options: CreateChannelOptions & OpenObjectOptions = {},
  ): Channel {
    return new Channel(ChannelFrame.openOrCreate(memory, options));
  }

  /** Whether this handle's `create` or `openOrCreate` made the channel. */
  get created(): boolean {
    return this.#frame.created;
  }

  /** How many bytes of the memory it takes, from its offset on. */
  get byteLength(): number {
    return this.#frame.place.byteLength;
  }

  /** The length of the ring in bytes. */
  get capacity(): number {
    return this.#frame.capacity;
  }

  /** Whether one or many may send. */
  get senders(): ChannelRole {
    return this.#frame.manySenders ? "many" : "one";
  }

  /** Whether one or many may receive. */
  get receivers(): ChannelRole {
    return this.#frame.manyReceivers ? "many" : "one";
  }

  /**
   * Attaches as a sender of bytes. If the channel had been ended it begins anew. Until the sender
   * is closed the memory stays mapped, and can't be resized.
   *
   * @throws {TypeError} If an option is of the wrong type.
   * @throws {Deno.errors.Busy} If another one is attached and there may be only one; or there is no
   * room for more participants.
   * @throws {Deno.errors.InvalidData} If something else has written to the channel.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  sender(options?: ChannelEndOptions): ChannelSender<Uint8Array>;
  /** Attaches as a sender of values. */
  sender<In>(options: ChannelCodecOptions<Encoder<In>>): ChannelSender<In>;
  sender<In>(options: { codec?: unknown; peerDeath?: PeerDeathPolicy } = {}): ChannelSender<In> {
    const { codec, peerDeath } = checkOptions(options);
    return new ChannelSender(
      this.#frame,
      checkedCodec<In>(codec, "encode"),
      checkPeerDeath(peerDeath),
    );
  }

  /**
   * Attaches as a receiver of bytes. Until it is closed the memory stays mapped, and can't be
   * resized.
   *
   * @throws {TypeError} If an option is of the wrong type.
   * @throws {Deno.errors.Busy} If another one is attached and there may be only one; or there is no
   * room for more participants.
   * @throws {Deno.errors.InvalidData} If something else has written to the channel.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  receiver(options?: ChannelEndOptions): ChannelReceiver<Uint8Array<ArrayBuffer>>;
  /** Attaches as a receiver of values. */
  receiver<Out>(
    options: ChannelCodecOptions<Decoder<Out>>,
  ): ChannelReceiver<Out>;
  receiver<Out>(
    options: { codec?: unknown; peerDeath?: PeerDeathPolicy } = {},
  ): ChannelReceiver<Out> {
    const { codec, peerDeath } = checkOptions(options);
    return new ChannelReceiver(
      this.#frame,
      checkedCodec<Out>(codec, "decode"),
      checkPeerDeath(peerDeath),
    );
  }

  /**
   * How the channel is doing, as far as one can tell while others use it. Nobody has to be attached
   * for that.
   *
   * @throws {Deno.errors.BadResource} If the memory is gone.
   *
   * @example
   * ```ts
   * import { Channel, mapAnonymous } from "@isthmus/isthmus";
   *
   * using memory = mapAnonymous(65536, { shared: true });
   * const channel = Channel.create(memory, { capacity: 1024 });
   * using sender = channel.sender();
   * sender.sendSync(new Uint8Array(100));
   * const { bytes, capacity, messages, participants } = channel.stat();
   * console.log(messages, `in ${bytes} of ${capacity} bytes`); // 1 in 112 of 1024 bytes
   * for (const { role, pid, liveness } of participants) console.log(role, pid, liveness);
   * ```
   */
  stat(): ChannelStat {
    const { place: { words }, capacity, participants } = this.#frame;
    const head = Atomics.load(words, HEAD);
    const tail = Atomics.load(words, TAIL);
    const received = readCount(words, RECEIVED, HEAD);
    const sent = readCount(words, SENT, TAIL);
    return {
      capacity,
      bytes: Math.min(capacity, Math.max(0, ((tail & ~FLAGS) - (head & ~FLAGS)) | 0)),
      messages: Math.max(0, sent - received),
      sent,
      received,
      ended: (tail & ENDED) !== 0,
      maxParticipants: participants.size,
      participants: participants.list().map(({ pid, liveness, role }) => ({
        pid,
        liveness,
        role: roleName(role),
      })),
      sendersWaited: readNumber(words, SENDERS_WAITED) / 1000,
      receiversWaited: readNumber(words, RECEIVERS_WAITED) / 1000,
    };
  }
}
