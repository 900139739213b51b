// The word that a seqlock's readers and writer talk by. All of its rules are here; in C they are:
//
//   writer:  uint32_t odd = (__atomic_load_n(&p->sequence, __ATOMIC_RELAXED) + 1) | 1;
//            __atomic_store_n(&p->sequence, odd, __ATOMIC_RELAXED);
//            __atomic_thread_fence(__ATOMIC_SEQ_CST);
//            ... write p->record ...
//            __atomic_store_n(&p->sequence, odd + 1, __ATOMIC_RELEASE);
//
//   reader:  do {
//              while ((before = __atomic_load_n(&p->sequence, __ATOMIC_ACQUIRE)) & 1) ... give up some time ...;
//              ... copy p->record ...
//              __atomic_thread_fence(__ATOMIC_SEQ_CST);
//            } while (__atomic_load_n(&p->sequence, __ATOMIC_RELAXED) != before);
//
// The record itself is copied by Uint8Array.set(), a call of memmove: plain accesses, which tear
// and which nobody orders but the accesses to the word. JavaScript has no fences, so these do their
// work:
//
// - V8 moves no access over a call, and Atomics on memory that isn't a SharedArrayBuffer are calls.
//   Where they are inlined, they are effects that the compiler keeps in order with loads and
//   stores.
// - x86_64 keeps loads in order, and stores in order: nothing more is needed.
// - aarch64 reorders what it may. Atomics.load is LDAR: what follows stays behind it. Atomics.store
//   is STLR: what precedes stays before it. And an LDAR stays behind an STLR that precedes it. So
//   an Atomics.store followed by an Atomics.load is a fence that nothing crosses in either
//   direction from "before the store" to "after the load", to whichever words they go. (An exchange
//   is none: its LDAXR and STLXR let the one side's accesses in between.)

/**
 * A word that nobody else has, for the store of a reader's fence: it may not write to the memory.
 */
const own = new Int32Array(new SharedArrayBuffer(4));

/** Everything before is done before anything behind begins. */
function fence(word: Uint32Array): number {
  Atomics.store(own, 0, 0);
  return Atomics.load(word, 0);
}

/** The sequence word of a seqlock: odd while a write is under way, and two more with each. */
export class Sequence {
  readonly #word: Uint32Array;
  #odd = 1;

  /** The word at an offset of a view, which is aligned to 4 bytes. */
  constructor(view: DataView, offset: number) {
    this.#word = new Uint32Array(view.buffer, view.byteOffset + offset, 1);
  }

  /** The word. */
  now(): number {
    return Atomics.load(this.#word, 0);
  }

  /** What to compare with after the copy; `undefined` if a write is under way. */
  beginRead(): number | undefined {
    // SYNC POINT: pairs with endWrite(). Who sees its even number sees all that the write wrote.
    const before = Atomics.load(this.#word, 0);
    return before % 2 === 0 ? before : undefined;
  }

  /** Whether what was copied since is whole. */
  endRead(before: number): boolean {
    // SYNC POINT: pairs with beginWrite(). If the copy saw anything of a write, the odd number of
    // that write, or a later one, is seen here: the copy is done before the word is looked at.
    return fence(this.#word) === before;
  }

  /**
   * Announces a write, as the only writer. `before` is what the word was; odd, if the writer before
   * died, whose write is replaced by this one. Returns `false` if somebody else wrote meanwhile.
   */
  beginWrite(before: number): boolean {
    const odd = (before + 1 | 1) >>> 0;
    if (Atomics.compareExchange(this.#word, 0, before, odd) !== before) return false;
    this.#odd = odd;
    // SYNC POINT: pairs with endRead(). Nobody sees what is written from here on who doesn't see
    // the odd number; an exchange alone would let it pass on aarch64.
    Atomics.store(this.#word, 0, odd);
    Atomics.load(this.#word, 0);
    return true;
  }

  /** Publishes what was written. */
  endWrite(): void {
    // SYNC POINT: pairs with beginRead(). Everything that was written is visible to whoever sees
    // the even number.
    Atomics.store(this.#word, 0, this.#odd + 1 >>> 0);
  }
}
