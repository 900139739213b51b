import { SENDER } from "./channel_deaths.ts";
import { Source } from "./channel_copy.ts";
import { ChannelEnd } from "./channel_end.ts";
import type { ChannelFrame } from "./channel_frame.ts";
import {
  ASLEEP,
  ENDED,
  FLAGS,
  HEAD,
  QUICK_TRIES,
  RECORD_BYTES,
  recordBytes,
  SEEN_HEAD,
  SENT,
  SKIP,
  TAIL,
} from "./channel_layout.ts";
import { Count } from "./channel_count.ts";
import { LongSpin } from "./channel_spin.ts";
import { point } from "./test_points.ts";

/** How often to look for room, and how many pauses to make before: a quarter of a microsecond. */
const ROUNDS = 16;
const PAUSES = 8;

/** Room for a message, in the ring or outside. */
export interface Room {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Whether it is outside, so that it is to be copied. */
  readonly outside: boolean;
}

/** The senders' end of a channel: how records get into the ring. Nothing is allocated for that. */
export class SendEnd extends ChannelEnd {
  /** Behind the newest record that was written. */
  #tail = 0;
  /** How many bytes are known to be free behind it; 0 too while nothing may be written. */
  #room = 0;
  /** What is published, where others send too. */
  #published = 0;
  readonly #sent = new Count(SENT);
  /** Messages written and not published. */
  #count = 0;
  /** Where what isn't published starts, while something in place is under way. */
  #start = 0;
  #ended = false;
  readonly #longSpin = new LongSpin();
  readonly #source = new Source();

  constructor(frame: ChannelFrame) {
    super(frame, SENDER, "sender");
    try {
      this.#reopen();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Writes a message, without publishing it; `false` if there is no room for it now. */
  append(message: Uint8Array<ArrayBufferLike>): boolean {
    const length = message.length;
    if (length > this.#room - RECORD_BYTES && !this.#findRoom(length)) return false;
    const { ring, mask } = this;
    if (ring.length === 0) this.check();
    const tail = this.#tail;
    point(1);
    ring[(tail & mask) >>> 2] = length;
    this.#source.copy(message, this, (tail + RECORD_BYTES) & mask);
    const size = (length + RECORD_BYTES + 7) & -8;
    this.#tail = (tail + size) | 0;
    this.#room -= size;
    this.#count++;
    point(2);
    return true;
  }

  /** Shows the receivers what was written. */
  publish(): void {
    const { words } = this;
    if (words.length === 0) this.check();
    this.#sent.add(words, this.#tail, this.#count);
    this.#count = 0;
    // SYNC POINT: publishes the records to those who load TAIL in ReceiveEnd.
    const before = this.shared
      ? this.#publishShared(words)
      : Atomics.exchange(words, TAIL, this.#tail);
    point(3);
    if ((before & ASLEEP) !== 0) this.wake(TAIL);
  }

  /**
   * Whether a message of that length would have room, as far as one sees without the lock; `whole`
   * says that it is to be in one piece.
   */
  hasRoom(length: number, whole: boolean): boolean {
    this.check();
    if (!this.shared) {
      const needed = whole ? this.#needed(this.#tail, length) : length;
      return needed <= this.#room - RECORD_BYTES || this.#findRoom(needed);
    }
    const published = Atomics.load(this.words, TAIL);
    const tail = published & ~FLAGS;
    if ((published & ENDED) !== 0) return true; // which the attempt tells
    const needed = whole ? this.#needed(tail, length) : length;
    const used = (tail - (Atomics.load(this.words, HEAD) & ~ASLEEP)) | 0;
    // What isn't possible is for the attempt to tell.
    return used < 0 || used > this.capacity || needed <= this.capacity - used - RECORD_BYTES;
  }

  /** Whether a message of that length can be added now. */
  fits(length: number): boolean {
    return this.#makeRoom(this.#needed(this.#tail, length));
  }

  /**
   * Asks for a short while whether the receivers have moved; not where others do so, too.
   *
   * The receivers have all of the ring to do, so there is no hurry: to find room for one message at
   * a time, and to take the cache line with the position away from them each time, costs both more
   * than the message does.
   */
  spin(length: number): boolean {
    if (!this.spins) return false;
    const { words } = this;
    const seen = Atomics.load(words, HEAD);
    const enough = this.capacity >>> 3;
    if (length > enough >>> 2) {
      for (let i = 0; i < QUICK_TRIES; i++) if (Atomics.load(words, HEAD) !== seen) return true;
      return this.#spinLonger(words, seen, length);
    }
    for (let i = 0; i < ROUNDS; i++) {
      for (let j = 0; j < PAUSES; j++) Atomics.pause();
      if (((Atomics.load(words, HEAD) - seen) | 0) >= enough) return true;
    }
    return Atomics.load(words, HEAD) !== seen;
  }

  #spinLonger(words: Int32Array<ArrayBufferLike>, seen: number, length: number): boolean {
    const pauses = this.#longSpin.pausesFor(length);
    if (pauses === 0) return false;
    for (let i = 0; i < pauses; i++) {
      Atomics.pause();
      if (Atomics.load(words, HEAD) !== seen) return this.#longSpin.learn(true);
    }
    return this.#longSpin.learn(false);
  }

  /** Says that there will be no more. */
  end(): void {
    this.check();
    this.checkIdle();
    this.#ended = true;
    this.#room = 0;
    const { words } = this;
    Atomics.or(words, TAIL, ENDED); // without the lock: see #moveTail()
    this.wake(TAIL);
  }

  /** Begins something in place. */
  begin(): void {
    if (this.#ended) throw this.#endedError();
    this.setOpen();
    this.#start = this.#tail;
    this.#count = 0;
  }

  /**
   * The byte of the ring where a message of that length may be written, in one piece; -1 if there
   * is no room for it now. It is one of what `commit()` publishes together.
   */
  add(length: number): number {
    const { ring, mask } = this;
    const tail = this.#tail;
    const at = tail & mask;
    const size = (length + RECORD_BYTES + 7) & -8;
    if (size > this.#room || size > this.capacity - at) return this.#addSlowly(length);
    ring[at >>> 2] = length;
    this.#tail = (tail + size) | 0;
    this.#room -= size;
    this.#count++;
    return (at + RECORD_BYTES) & mask;
  }

  /**
   * Room for a message of that length: in one piece of the ring, or outside if the ring can't have
   * such a piece here; `undefined` if it is to wait.
   */
  claim(length: number): Room | undefined {
    const end = this.capacity - (this.#tail & this.mask);
    const size = recordBytes(length);
    if (size > end && end > RECORD_BYTES && end + size > this.capacity) {
      if (!this.#makeRoom(length)) return undefined;
      return { bytes: new Uint8Array(length), outside: true };
    }
    const at = this.add(length);
    if (at < 0) return undefined;
    return {
      bytes: this.bytes.subarray(at, at + length) as Uint8Array<ArrayBuffer>,
      outside: false,
    };
  }

  /** Makes what was claimed shorter. */
  shorten(from: number, to: number): void {
    const less = recordBytes(from) - recordBytes(to);
    this.#tail = (this.#tail - less) | 0;
    this.#room += less;
    this.ring[((this.#tail - recordBytes(to)) & this.mask) >>> 2] = to;
  }

  /** Publishes what was written in place; more may follow if it isn't over. */
  commit(over: boolean): void {
    this.check();
    point(5);
    try {
      if (this.#count > 0) this.publish();
    } catch (error) {
      this.abort();
      throw error;
    }
    this.#start = this.#tail;
    if (over) this.finish();
  }

  /** Forgets what was written in place since the last commit, and leaves. */
  abort(): void {
    this.cancel();
    this.leave();
  }

  /** Forgets what was written in place since the last commit. */
  cancel(): void {
    this.#room += (this.#tail - this.#start) | 0;
    this.#tail = this.#start;
    this.#count = 0;
    this.setClosed();
  }

  /** Ends what is under way in place. */
  finish(): void {
    this.setClosed();
    this.leave();
  }

  /** How many messages were added and not published. */
  get pending(): number {
    return this.#count;
  }

  /** Closes it, without what is under way in place. */
  override close(word?: number): void {
    if (this.open) this.abort();
    this.#source.forget();
    this.#room = 0;
    super.close(word);
  }

  protected override catchUp(): void {
    const { words } = this;
    // Not atomically: where others write it too, the mutex sees to it that theirs comes before.
    const published = words[TAIL];
    if ((published & ENDED) !== 0) {
      this.#ended = true;
      throw this.#endedError();
    }
    this.#ended = false;
    this.#tail = published & ~FLAGS;
    this.#published = published;
    // Not a new look at HEAD, which the receivers are writing all the time. Another sender may have
    // died before it noted anything, or somebody else have written there: what isn't possible is 0.
    const used = (this.#tail - words[SEEN_HEAD]) | 0;
    this.#room = used < 0 || used > this.capacity || (used & 7) !== 0 ? 0 : this.capacity - used;
    this.#sent.resume(words, this.#tail);
  }

  #reopen(): void {
    const { words } = this;
    Atomics.and(words, TAIL, ~ENDED);
    if (this.shared) return; // what others left is for whoever has the lock
    this.catchUp();
    this.#room = 0;
    this.distance(Atomics.load(words, HEAD) & ~ASLEEP, this.#tail);
  }

  /**
   * Publishes where many send, and returns what TAIL was: one of them may have ended the channel
   * meanwhile, without the lock, and after the end nothing comes.
   */
  #publishShared(words: Int32Array<ArrayBufferLike>): number {
    words[SEEN_HEAD] = (this.#tail + this.#room - this.capacity) | 0;
    for (let seen = this.#published;;) {
      const found = Atomics.compareExchange(words, TAIL, seen, this.#tail);
      if (found === seen) {
        this.#published = this.#tail;
        return seen;
      }
      if ((found & ENDED) !== 0) {
        this.#ended = true;
        this.#room = 0;
        throw this.#endedError();
      }
      if ((found ^ seen) !== ASLEEP) throw this.corrupt(`its position ${found} was moved`);
      seen = found;
    }
  }

  /** Looks how far the receivers are. */
  #findRoom(length: number): boolean {
    this.check();
    if (this.#ended) throw this.#endedError();
    return this.#makeRoom(length);
  }

  /** Throws if a message is longer than any can be; of those in a batch, than half of that. */
  checkLength(length: number, share = 1): void {
    const most = Math.max(0, this.capacity / share - RECORD_BYTES);
    if (length <= most) return;
    throw new RangeError(
      `Cannot send ${length} bytes to ${this.place.name}: its messages${
        share === 1 ? "" : " in a batch"
      } have ${most} bytes at most. Create it with a larger capacity`,
    );
  }

  #makeRoom(length: number): boolean {
    this.checkLength(length);
    if (length <= this.#room - RECORD_BYTES) return true;
    // SYNC POINT: pairs with the store of HEAD in ReceiveEnd: the bytes before it were read.
    this.#room = this.capacity -
      this.distance(Atomics.load(this.words, HEAD) & ~ASLEEP, this.#tail);
    return length <= this.#room - RECORD_BYTES;
  }

  #addSlowly(length: number): number {
    this.check();
    if (!this.#makeRoom(length)) return -1;
    const { ring, mask } = this;
    const needed = this.#needed(this.#tail, length);
    if (needed > length) {
      // The rest up to the end of the ring stays empty.
      if (!this.#makeRoom(needed)) return -1;
      const end = needed - length;
      ring[(this.#tail & mask) >>> 2] = SKIP | end;
      this.#tail = (this.#tail + end) | 0;
      this.#room -= end;
    }
    const at = this.#tail & mask;
    const size = recordBytes(length);
    ring[at >>> 2] = length;
    this.#tail = (this.#tail + size) | 0;
    this.#room -= size;
    this.#count++;
    return (at + RECORD_BYTES) & mask;
  }

  /** How long a message could be for which there is as much room as one needs in one piece. */
  #needed(tail: number, length: number): number {
    const size = recordBytes(length);
    const end = this.capacity - (tail & this.mask);
    // What can't have one piece here gets a buffer outside.
    return size > end && end > RECORD_BYTES && end + size <= this.capacity ? end + length : length;
  }

  #endedError(): Error {
    return new Deno.errors.BrokenPipe(
      `Cannot send to ${this.place.name}: a sender has ended it. Attach another sender to begin anew`,
    );
  }
}
