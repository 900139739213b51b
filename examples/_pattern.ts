// What Stevens' four tools (shmget.ts, shmwrite.ts, shmread.ts, shmrmid.ts) agree on: the key, and
// the pattern. They are from "UNIX Network Programming", volume 2.

import { ftok, Segment } from "../mod.ts";
import { parse, UsageError } from "./_cli.ts";

/** The key that all four make of a path, as Stevens' programs in C do. */
export function patternKey(path: string): number {
  return ftok(path, 0, { allowZero: true });
}

/** Opens the segment that shmget.ts made for a path. */
export function openSegment(path: string): Segment {
  return Segment.open(patternKey(path));
}

/** The byte that belongs at an offset: 0, 1, ..., 255, 0, 1, ... */
export function patternByte(offset: number): number {
  return offset % 256;
}

/** Checks that there are as many arguments as names, and returns them. */
export function named(args: readonly string[], ...names: readonly string[]): readonly string[] {
  if (args.length < names.length) throw new UsageError(`<${names[args.length]}> is missing`);
  if (args.length > names.length) {
    throw new UsageError(`There is no argument ${args[names.length]}`);
  }
  return args;
}

/** Reads a command line that is a path and nothing else. */
export function readPath(): string {
  const [path] = named(parse({}).args, "path");
  return path;
}
