// What typed_server.ts and typed_client.ts agree on: the command line, and the record in its two
// layouts.

import { ftok } from "../mod.ts";
import { char, cString, f64, i32, struct } from "../struct/mod.ts";
import { integer, parse, UsageError } from "./_cli.ts";

/** The segment's size in bytes: more than the record takes. */
export const SIZE = 1024;

const FIELDS = {
  intro: cString(19), // 18 characters and their NUL
  numerator: i32,
  slash: char,
  denominator: i32,
  equals: cString(3),
  quotient: f64,
  newline: char,
  goodbye: cString(8),
};

// To C, the two are
//
//   struct __attribute__((packed)) pi_packed {    struct pi_aligned {
//     char intro[19];                               char intro[19];
//     int32_t numerator;                            int32_t numerator;   // one byte further on
//     ...                                           ...

/** One field right behind the other. */
export const Packed = struct("pi_packed", FIELDS, { packed: true });

/** Each field where C puts it by itself: at a multiple of its own size. */
export const Aligned = struct("pi_aligned", FIELDS);

/** What the command line says. */
export interface Typed {
  readonly key: number;
  /** The record, in the layout that was asked for. */
  readonly type: typeof Packed;
  readonly dump: boolean;
}

/** The flags that both have, for --help. */
export const OPTIONS = `\
  --aligned        place each field at its natural C alignment (default: packed)
  --path <path>    an existing file or directory that the key is made of (default: .)
  --id <1..255>    the project id that the key is made of (default: 0x70)`;

/** Reads the command line; only the client knows --dump. */
export function readTyped(mayDump: boolean): Typed {
  const { flags, args: [surplus] } = parse({
    boolean: mayDump ? ["aligned", "dump"] : ["aligned"],
    string: ["path", "id"],
  });
  if (surplus !== undefined) throw new UsageError(`There is no argument ${surplus}`);
  const { path = ".", id = "0x70" } = flags;
  return {
    key: ftok(path, integer("--id", id, 1, 255)),
    type: flags.aligned ? Aligned : Packed,
    dump: mayDump && flags.dump,
  };
}
