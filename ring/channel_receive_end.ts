import { land, type Landing } from "./landing.ts";
import { RECEIVER } from "./channel_deaths.ts";
import { Target } from "./channel_copy.ts";
import { ChannelEnd } from "./channel_end.ts";
import type { ChannelFrame } from "./channel_frame.ts";
import {
  ASLEEP,
  ENDED,
  FLAGS,
  HEAD,
  QUICK_TRIES,
  RECEIVED,
  RECORD_BYTES,
  recordBytes,
  SEEN_TAIL,
  SKIP,
  TAIL,
} from "./channel_layout.ts";
import { Count } from "./channel_count.ts";
import { LongSpin } from "./channel_spin.ts";
import { point } from "./test_points.ts";

/** How many pauses let messages gather: about a microsecond. */
const PAUSES = 32;

/**
 * For how many messages in a row senders are kept waiting before the clock is asked, and the time
 * from which on the receiver isn't at full speed then, in milliseconds.
 */
const ASK_EVERY = 16;
const SLOW = 5;

/** How often it is tried whether that pays. */
const PROBE_EVERY = 256;

/** The receivers' end of a channel: how records get out of the ring. */
export class ReceiveEnd extends ChannelEnd {
  /** Where the message starts that {@linkcode step} went to. */
  last = 0;
  /** Where the next record is. */
  #head = 0;
  /** How many published bytes are known to be there; 0 too while nothing may be read. */
  #available = 0;
  readonly #received = new Count(RECEIVED);
  /** Messages read whose room wasn't given back. */
  #count = 0;
  /** Where what isn't given back starts, as it was when the last was. */
  #start = 0;
  #ended = false;
  /** Whether senders sleep who aren't to be woken yet: HEAD says so still. */
  #keepsFlag = false;
  /** For how many messages they weren't. */
  #kept = 0;
  /** When that was asked the last time. */
  #asked = -Infinity;
  /** Whether it pays to let messages gather. */
  #gathers = false;
  #looks = 0;
  /** The length of the message that was received last. */
  #length = 0;
  readonly #longSpin = new LongSpin();
  readonly #target = new Target();

  constructor(frame: ChannelFrame) {
    super(frame, RECEIVER, "receiver");
    if (this.shared) return;
    try {
      this.catchUp();
      this.#available = 0;
      this.distance(this.#head, Atomics.load(this.words, TAIL) & ~FLAGS);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Whether the last look found the end: all was received, and a sender said that it was all. */
  get ended(): boolean {
    return this.#ended;
  }

  /** As for all ends; nobody knows whether it has ended if there is no look at it. */
  override tryEnter(): boolean {
    if (super.tryEnter()) return true;
    this.#ended = false;
    return false;
  }

  /** The length of the next message; -1 if there is none now. */
  next(): number {
    for (;;) {
      if (this.#available === 0 && !this.#look()) return -1;
      const { ring, mask } = this;
      if (ring.length === 0) this.check();
      const length = ring[(this.#head & mask) >>> 2];
      if (length >= 0 && length <= this.#available - RECORD_BYTES) return length;
      this.#skip(length);
    }
  }

  /** Where in the ring the next message's bytes begin. */
  get start(): number {
    return (this.#head + RECORD_BYTES) & this.mask;
  }

  /** Copies the next message. */
  land(landing: Landing, length: number): Uint8Array<ArrayBuffer> {
    point(11);
    const { start, bytes } = this;
    const first = this.capacity - start;
    if (length <= first) land(landing, this.ring, bytes, start, length);
    else {
      landing.reserve(length);
      landing.bytes.set(bytes.subarray(start), landing.offset);
      landing.bytes.set(bytes.subarray(0, length - first), landing.offset + first);
    }
    return landing.take(length);
  }

  /** Copies the next message to the front of an array. */
  copyTo(target: Uint8Array<ArrayBufferLike>, length: number): void {
    point(11);
    this.#target.copy(target, this, this.start, length);
  }

  /** A view of the next message in the ring; a copy if it isn't in one piece there. */
  view(length: number, start: number = this.start): Uint8Array<ArrayBuffer> {
    const { bytes } = this;
    const first = this.capacity - start;
    if (length <= first) return bytes.subarray(start, start + length) as Uint8Array<ArrayBuffer>;
    const copy = new Uint8Array(length);
    copy.set(bytes.subarray(start));
    copy.set(bytes.subarray(0, length - first), first);
    return copy;
  }

  /** Goes on to the message after this one, without giving its room back. */
  advance(length: number): void {
    const size = (length + RECORD_BYTES + 7) & -8;
    this.#head = (this.#head + size) | 0;
    this.#available -= size;
    this.#count++;
    this.#length = length;
    point(12);
  }

  /**
   * Goes to the next message for a batch in place: its length, or -1; {@linkcode last} is where it
   * starts.
   */
  step(): number {
    if (this.#available === 0 && !this.#look()) return -1;
    const { ring, mask } = this;
    const head = this.#head;
    const length = ring[(head & mask) >>> 2];
    const size = (length + RECORD_BYTES + 7) & -8;
    if (length < 0 || length > this.#available - RECORD_BYTES || ring.length === 0) {
      return this.#stepOver();
    }
    this.last = (head + RECORD_BYTES) & mask;
    this.#head = (head + size) | 0;
    this.#available -= size;
    this.#count++;
    return length;
  }

  #stepOver(): number {
    const length = this.next();
    if (length < 0) return -1;
    this.last = this.start;
    this.advance(length);
    return length;
  }

  /** Goes back to the message before, the last one that was read. */
  retreat(length: number): void {
    const size = recordBytes(length);
    this.#head = (this.#head - size) | 0;
    this.#available += size;
    this.#count--;
  }

  /** Gives the room of what was read back to the senders. */
  publish(): void {
    const { words } = this;
    if (words.length === 0) this.check();
    const head = this.#start = this.#head;
    this.#received.add(words, head, this.#count);
    this.#count = 0;
    if (this.shared) words[SEEN_TAIL] = (head + this.#available) | 0;
    // SYNC POINT: pairs with the load of HEAD in SendEnd, which overwrites what is before it.
    const before = Atomics.exchange(words, HEAD, this.#keepsFlag ? head | ASLEEP : head);
    point(13);
    if ((before & ASLEEP) !== 0) this.#considerSenders(words);
  }

  /** Whether something was read whose room wasn't given back. */
  get unpublished(): boolean {
    return this.#count > 0;
  }

  /** Where the next record is. */
  get head(): number {
    return this.#head;
  }

  /** Whether there is something to look at, as far as one sees without the lock. */
  get hasMessage(): boolean {
    this.check();
    if (!this.shared) return this.#available > 0 || this.#look() || this.#ended;
    const { words } = this;
    return ((Atomics.load(words, TAIL) ^ Atomics.load(words, HEAD)) & ~ASLEEP) !== 0;
  }

  /**
   * Asks a few times, very fast, whether the senders have moved; not where others do so, too.
   *
   * A receiver that is faster than its sender would find one message at a time, and take the cache
   * line with the position away from the sender for each, which costs both more than the message
   * does. So now and then it waits for about a microsecond first, and if that brings several it
   * goes on so. One whose answer the sender waits for finds one, and doesn't.
   */
  spin(): boolean {
    if (!this.spins) return false;
    const { words } = this;
    const seen = this.#head;
    if (this.#gathers || ++this.#looks === PROBE_EVERY) {
      this.#looks = 0;
      for (let i = 0; i < PAUSES; i++) Atomics.pause();
      if (this.#available === 0 && !this.#look()) this.#gathers = false;
      else {
        const first = this.ring[(this.#head & this.mask) >>> 2];
        this.#gathers = this.#available >= 3 * recordBytes(first);
        return true;
      }
    }
    for (let i = 0; i < QUICK_TRIES; i++) {
      // SYNC POINT: as in #look().
      const published = Atomics.load(words, TAIL) & ~ASLEEP;
      if (published === seen) continue;
      this.#accept(published);
      return true;
    }
    return this.#spinLonger(words, seen);
  }

  /** Where messages are long, so is the time until the next one is there. */
  #spinLonger(words: Int32Array<ArrayBufferLike>, seen: number): boolean {
    const pauses = this.#longSpin.pausesFor(this.#length);
    if (pauses === 0) return false;
    for (let i = 0; i < pauses; i++) {
      Atomics.pause();
      if ((Atomics.load(words, TAIL) & ~ASLEEP) !== seen) return this.#longSpin.learn(true);
    }
    return this.#longSpin.learn(false);
  }

  /** Begins something in place. */
  begin(): void {
    this.setOpen();
    if (this.#count > 0) this.publish();
    this.#start = this.#head;
  }

  /** Ends what is under way in place: gives back the room of what was read, or leaves it there. */
  finish(release: boolean): void {
    try {
      if (release) {
        point(14);
        if (this.#count > 0) this.publish();
      } else this.cancel();
    } finally {
      this.setClosed();
      this.leave();
    }
  }

  /** Leaves what was read in place there. */
  cancel(): void {
    this.#available += (this.#head - this.#start) | 0;
    this.#head = this.#start;
    this.#count = 0;
    this.setClosed();
  }

  /** Closes it; what is under way in place stays there. */
  override close(word?: number): void {
    if (this.open) this.finish(false);
    else if (this.#count > 0 && this.words.length > 0) this.publish();
    this.wakeSenders();
    this.#available = 0;
    this.#target.forget();
    super.close(word);
  }

  protected override catchUp(): void {
    const { words } = this;
    // Not atomically: where others write it too, the mutex sees to it that theirs comes before.
    const published = words[HEAD];
    this.#start = this.#head = published & ~ASLEEP;
    this.#keepsFlag = (published & ASLEEP) !== 0;
    if ((this.#head & FLAGS) !== 0) throw this.corrupt(`its position ${this.#head} is odd`);
    const known = (words[SEEN_TAIL] - this.#head) | 0;
    this.#available = known < 0 || known > this.capacity || (known & 7) !== 0 ? 0 : known;
    this.#count = 0;
    this.#ended = false;
    this.#received.resume(words, this.#head);
  }

  /** Looks how far the senders are. */
  #look(): boolean {
    if (this.words.length === 0) this.check();
    // SYNC POINT: pairs with the store of TAIL in SendEnd: the records before it are there.
    return this.#accept(Atomics.load(this.words, TAIL) & ~ASLEEP);
  }

  /** Takes over what the senders published; whether somebody sleeps is left out of it. */
  #accept(published: number): boolean {
    if (published === this.#head) { // nothing new, and not the end
      this.#ended = false;
      return false;
    }
    if ((published & FLAGS & ~ENDED) !== 0) throw this.corrupt(`its position ${published} is odd`);
    this.#available = this.distance(this.#head, published & ~FLAGS);
    this.#ended = this.#available === 0;
    return !this.#ended;
  }

  /** Goes over bytes that are no message. */
  #skip(header: number): void {
    const size = header & ~SKIP;
    const at = this.#head & this.mask;
    // A filler is sent with the message behind it.
    if (header >= 0 || size >= this.#available || at + size !== this.capacity) {
      throw this.corrupt(
        `the record at position ${this.#head >>> 0} says 0x${
          (header >>> 0).toString(16)
        } of its length, and ${this.#available} bytes are there`,
      );
    }
    this.#head = (this.#head + size) | 0;
    this.#available -= size;
  }

  /** Wakes senders that were not worth it so far: this receiver takes nothing more for now. */
  wakeSenders(): void {
    const { words } = this;
    if (words.length > 0 && (Atomics.load(words, HEAD) & ASLEEP) !== 0) this.#wake(words);
  }

  /**
   * Wakes senders at once, unless this receiver is at full speed: then once a quarter of the ring
   * is free, and the flag stays there until then. To be woken for each message would take both
   * sides longer than the messages do.
   */
  #considerSenders(words: Int32Array<ArrayBufferLike>): void {
    const most = this.capacity - (this.capacity >>> 2);
    // What is known to be there is a part of it: most often no look is needed.
    const used = this.#available > most
      ? this.#available
      : ((Atomics.load(words, TAIL) & ~FLAGS) - this.#head) | 0;
    if (used <= most || this.#isSlow()) this.#wake(words);
    else if (!this.#keepsFlag) {
      this.#keepsFlag = true;
      Atomics.or(words, HEAD, ASLEEP);
    }
  }

  #wake(words: Int32Array<ArrayBufferLike>): void {
    this.#kept = 0;
    this.#keepsFlag = false;
    Atomics.and(words, HEAD, ~ASLEEP); // before: who sleeps from now on sets it again
    this.wake(HEAD);
  }

  /** Whether it takes its time for messages; the clock is asked for the first and some more. */
  #isSlow(): boolean {
    if (this.#kept++ % ASK_EVERY !== 0) return false;
    const now = performance.now();
    const slow = now - this.#asked >= SLOW;
    this.#asked = now;
    return slow;
  }
}
