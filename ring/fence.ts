/** A word that nobody else has, for the store of a fence: a reader's may not go to the memory. */
const own = new Int32Array(new SharedArrayBuffer(4));

/**
 * Loads a word after everything before is done, and before anything behind begins: as
 * struct/sequence.ts explains, where JavaScript has no fences.
 */
export function fence(words: Int32Array<ArrayBufferLike>, index: number): number {
  Atomics.store(own, 0, 0);
  return Atomics.load(words, index);
}
