// What wordcount.ts counts of a stretch of bytes, and how two neighbours become one.

/** The class of a character; neutral ones change nothing, and have none. */
export type Class = typeof NONE | typeof SPACE | typeof WORD;

/** There are neutral characters only. */
export const NONE = 0;
export const SPACE = 1;
export const WORD = 2;

/** What a stretch of bytes has, where a word may start at its first byte. */
export interface Counts {
  readonly lines: number;
  readonly words: number;
  readonly bytes: number;
  /** The first and the last class in it. */
  readonly first: Class;
  readonly last: Class;
}

/** What no bytes have. */
export const NOTHING: Counts = { lines: 0, words: 0, bytes: 0, first: NONE, last: NONE };

/** What two stretches have of which the second follows the first. */
export function join(a: Counts, b: Counts): Counts {
  // A word that goes on from one into the other was counted in both.
  const torn = a.last === WORD && b.first === WORD;
  return {
    lines: a.lines + b.lines,
    words: a.words + b.words - (torn ? 1 : 0),
    bytes: a.bytes + b.bytes,
    first: a.first === NONE ? b.first : a.first,
    last: b.last === NONE ? a.last : b.last,
  };
}

/** What two files have together: no word goes on from one into the other. */
export function add(a: Counts, b: Counts): Counts {
  return join({ ...a, last: NONE }, b);
}
