import { FUTEX_WAITV_MAX, FutexVector, futexWake } from "../ffi/futex.ts";
import { addressOfShared } from "../ffi/wasm.ts";
import type { AsyncWord } from "./async_word.ts";
import { timing } from "./waitable.ts";

/** How many words one call watches, besides its own. */
export const CAPACITY = FUTEX_WAITV_MAX - 1;

/** A call on a pool thread that watches many words, for as long as any of them is waited for. */
export class AsyncCall {
  readonly #vector = new FutexVector();
  /** The word of its own, whose change ends the call. */
  readonly #own = new Int32Array(new SharedArrayBuffer(4));
  readonly #ownAddress = addressOfShared(this.#own.buffer);
  readonly #words = new Set<AsyncWord>();
  #running = false;
  #interrupted = false;

  /** Whether it is under way. */
  get running(): boolean {
    return this.#running;
  }

  /** The words that it watches. */
  get words(): ReadonlySet<AsyncWord> {
    return this.#words;
  }

  /** Whether it isn't the right one any more for some word. */
  get isOutdated(): boolean {
    for (const word of this.#words) if (word.isOutdated) return true;
    return false;
  }

  /** For how many more words there is room. */
  get room(): number {
    return CAPACITY - this.#words.size;
  }

  /** Begins a new list of words. */
  prepare(): void {
    this.#interrupted = false;
    this.#vector.clear();
    this.#vector.add(this.#ownAddress, Atomics.load(this.#own, 0));
  }

  /** Adds a word, if somebody waits for it still after the attempts that this makes. */
  add(word: AsyncWord): boolean {
    if (!word.watch(this.#vector)) return false;
    this.#words.add(word);
    return true;
  }

  /** Watches the words until something happens, which `returned` is called for. */
  run(returned: (words: readonly AsyncWord[]) => void): void {
    this.#running = true;
    const end = (woken: boolean) => {
      const words = [...this.#words];
      this.#words.clear();
      this.#running = false;
      for (const word of words) word.unwatch(woken);
      returned(words);
    };
    // One index is told, but other words may have been woken as well. Below 0 nobody was.
    this.#vector.waitNonblocking(timing.recheck).then((index) => end(index >= 0), () => end(true));
  }

  /** Ends the call soon, because something else is to be watched. */
  interrupt(): void {
    if (!this.#running || this.#interrupted) return;
    this.#interrupted = true;
    // The kernel compares the value: also a call that is about to sleep ends.
    Atomics.add(this.#own, 0, 1);
    futexWake(this.#ownAddress, 1);
  }
}
