// What wordcount.ts counts: files, mapped where that is possible and read elsewhere, and its
// standard input.

import { fstatSync } from "node:fs";
import type { Kernel } from "./_wordcount_counter.ts";
import { type Counts, join, NOTHING } from "./_wordcount_counts.ts";
import { describe, type Status } from "./_wordcount_output.ts";
import { cut } from "./_wordcount_pieces.ts";
import type { Pool } from "./_wordcount_pool.ts";
import type { Progress } from "./_wordcount_progress.ts";
import { countStream, type Input } from "./_wordcount_stream.ts";

/** What a shell calls standard input. */
const STDIN = "-";

const STDIN_FILENO = 0;

/** A file, or standard input. */
export interface Source {
  /** As it was given; `null` for standard input that wasn't. */
  readonly name: string | null;
  readonly status: Status;
  /** How many bytes of it can be mapped. */
  readonly size: number;
}

/** Looks at a source without opening it. Files of /proc have a size of 0, and are read. */
export function sourceOf(name: string | null): Source {
  const status = statusOf(name);
  const size = !isStdin(name) && status?.isFile ? status.size : 0;
  return { name, status, size };
}

function isStdin(name: string | null): name is null | typeof STDIN {
  return name === null || name === STDIN;
}

function statusOf(name: string | null): Status {
  try {
    if (!isStdin(name)) return Deno.statSync(name);
    const status = fstatSync(STDIN_FILENO);
    return { isFile: status.isFile(), size: status.size };
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return null; // who opens it, sees why
  }
}

/** What was counted of a source, as far as that was possible; `null` if it couldn't be opened. */
export interface Result {
  readonly counts: Counts | null;
  readonly error?: string;
}

/** Starts to count a source; what it returns waits for the result, or reads the source then. */
export function start(
  { name, size }: Source,
  kernel: Kernel,
  pool: Pool,
  progress: Progress,
): () => Promise<Result> {
  if (isStdin(name) || size === 0) return () => read(name, kernel);
  const pieces = Promise.allSettled(
    cut(name, size, pool.pieceSize).map(async (piece) => {
      const counts = await pool.count(piece);
      progress.advance(counts.bytes);
      return counts;
    }),
  );
  return async () => {
    let counts = NOTHING;
    for (const result of await pieces) {
      if (result.status === "fulfilled") counts = join(counts, result.value);
      else if (result.reason instanceof Deno.errors.NotCapable) throw result.reason;
      // What can't be mapped may be readable, or reading it fails with the error that wc has.
      else return await read(name, kernel);
    }
    return { counts };
  };
}

async function read(name: string | null, kernel: Kernel): Promise<Result> {
  if (isStdin(name)) return await readOpen(name ?? "standard input", Deno.stdin, kernel);
  if (name === "") return { counts: null, error: "wc: invalid zero-length file name" };
  try {
    using file = await Deno.open(name);
    return await readOpen(name, file, kernel);
  } catch (error) {
    return { counts: null, error: describe(name, asError(error)) };
  }
}

async function readOpen(
  name: string,
  input: Input,
  kernel: Kernel,
): Promise<Result> {
  let counts = NOTHING;
  try {
    for await (counts of countStream(kernel, input));
    return { counts };
  } catch (error) {
    return { counts, error: describe(name, asError(error)) };
  }
}

/** What the system says of a file; anything else ends the program. */
function asError(error: unknown): Error {
  if (!(error instanceof Error) || error instanceof Deno.errors.NotCapable) throw error;
  return error;
}
