// Text and words for pipeline.ts.

/** Words, and how often each occurs. */
export type Words = (readonly [word: string, times: number])[];

/** The longest piece, in bytes. Of a longer word without a space in it, the parts are counted. */
const LONGEST = 4096;

const SPACE = 0x20;

/** Where a piece may end: behind the last white space, or else not within a character. */
function end(bytes: Uint8Array): number {
  // In UTF-8 no part of another character is a space, or a control character such as newline.
  const space = bytes.findLastIndex((byte) => byte <= SPACE);
  if (space >= 0) return space + 1;
  const start = bytes.findLastIndex((byte) => (byte & 0xc0) !== 0x80);
  return start > 0 ? start : bytes.length;
}

/** Cuts a text into pieces of whole words. */
export async function* pieces(text: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let rest = new Uint8Array(0);
  for await (const bytes of text) {
    const joined = new Uint8Array(rest.length + bytes.length);
    joined.set(rest);
    joined.set(bytes, rest.length);
    rest = joined;
    while (rest.length >= LONGEST) {
      const length = end(rest.subarray(0, LONGEST));
      yield rest.subarray(0, length);
      rest = rest.subarray(length);
    }
  }
  if (rest.length > 0) yield rest;
}

const WORD = /[\p{L}\p{M}\p{N}]+(?:['’-][\p{L}\p{M}\p{N}]+)*/gu;

/** The words of a piece, and how often each occurs in it. */
export function countWords(piece: Uint8Array<ArrayBuffer>): Words {
  const words = new Map<string, number>();
  for (const [word] of new TextDecoder().decode(piece).toLowerCase().matchAll(WORD)) {
    words.set(word, (words.get(word) ?? 0) + 1);
  }
  return [...words];
}

/** The most frequent words; of equally frequent ones, the first in the alphabet. */
export function mostFrequent(words: ReadonlyMap<string, number>, top: number): Words {
  const byWord = ([a]: readonly [string, number], [b]: readonly [string, number]) => a < b ? -1 : 1;
  return [...words].toSorted((a, b) => b[1] - a[1] || byWord(a, b)).slice(0, top);
}
