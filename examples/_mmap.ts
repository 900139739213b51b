// What mmap_writer.ts and mmap_reader.ts agree on: the command line, and what of the file they map.

import { integer, parse, seconds, UsageError } from "./_cli.ts";

/** How much of the file is mapped, from its start, in bytes: text, and the NUL that ends it. */
export const SIZE = 2048;

/** What the command line says. */
export interface Turns {
  readonly file: string;
  /** How many letters to write, or texts to print. */
  readonly count: number;
  /** In seconds. */
  readonly interval: number;
}

/** Reads the command line. */
export function readTurns(): Turns {
  const { flags, args: [file, surplus] } = parse({ string: ["count", "interval"] });
  if (file === undefined) throw new UsageError("<file> is missing");
  if (surplus !== undefined) throw new UsageError(`There is no argument ${surplus}`);
  const { count, interval = "1" } = flags;
  return {
    file,
    count: count === undefined ? Infinity : integer("--count", count, 1, Number.MAX_SAFE_INTEGER),
    interval: seconds("--interval", interval),
  };
}

/**
 * Throws if somebody made the file shorter than what is mapped of it: to touch bytes that are gone
 * would kill this process.
 */
export function checkWhole(map: { isTruncated(): boolean }, file: string): void {
  if (!map.isTruncated()) return;
  throw new Deno.errors.UnexpectedEof(`somebody made ${file} shorter than ${SIZE} bytes`);
}
