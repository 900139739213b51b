// What wordcount.ts prints: the lines of wc, and its errors.

import type { Counts } from "./_wordcount_counts.ts";
import { quote } from "./_wordcount_quote.ts";

/** What is known of a file before it is counted; `null` where there is nothing to know it of. */
export type Status = { readonly isFile: boolean; readonly size: number } | null;

/** How wide the numbers are: as wide as the files' sizes together, because no count is more. */
export function columnWidth(statuses: readonly Status[]): number {
  // A pipe or a terminal doesn't tell how much comes out of it.
  const UNKNOWN = 7;
  const known = statuses.filter((status) => status !== null);
  const size = known.reduce((sum, { isFile, size }) => sum + (isFile ? size : 0), 0);
  const width = `${size}`.length;
  return known.every(({ isFile }) => isFile) ? width : Math.max(width, UNKNOWN);
}

/** A line of output; standard input that nobody named has no name. */
export function format(
  { lines, words, bytes }: Counts,
  width: number,
  name: string | null,
): string {
  const numbers = [lines, words, bytes].map((count) => `${count}`.padStart(width));
  const names = name === null ? [] : [name.includes("\n") ? quote(name) : name];
  return [...numbers, ...names].join(" ");
}

/** What the operating system says of an error, as wc does. */
export function describe(name: string, error: Error): string {
  return `wc: ${quote(name)}: ${error.message.replace(/ \(os error \d+\).*$/s, "")}`;
}
