// A web server whose workers count requests together, and together keep to one limit: threads of
// one process, and other processes too.
//
// Start it with `deno serve --parallel --host 127.0.0.1 --port 8000 --allow-ffi
// --allow-read=examples/shared_rate_limit.ts examples/shared_rate_limit.ts --limit 5`, once more
// with `--port 8001` in another terminal, and ask both: `curl -i http://127.0.0.1:8000`. Options of
// the server come before the file, its own behind. It runs on Linux.
//
// Under --parallel each worker is a thread that loads this file for itself, and attaches the
// segment for itself, as a SharedArrayBuffer: on that, Atomics are promised to hold between
// threads. All a request pays is a look at the clock and a few atomic operations, a fraction of a
// microsecond: no lock, no call of the system, and nobody waits for a worker that was killed.
//
// On Ctrl-C `deno serve` ends the server, then runs `unload` in every worker, which leaves there.
// The last to leave, of all processes, removes the segment; a lock on a file (this one) lets one
// come or leave at a time, so that nobody comes to a segment that is about to be removed. Servers
// that were killed leave the segment to the next, which goes on counting in it; or to `deno run
// --allow-ffi --allow-read=examples/shared_rate_limit.ts examples/shared_rate_limit.ts --remove`.

import { FileLock, formatKey, ftok, Segment, SharedMemory } from "../mod.ts";
import { integer, main, parse, UsageError } from "./_cli.ts";
import {
  admit,
  count,
  counts,
  MAX_LIMIT,
  placeOf,
  setLimit,
  start,
  WORD_COUNT,
  type Words,
} from "./_rate_limit.ts";

const USAGE = `\
Usage: deno serve [--parallel] --host 127.0.0.1 --port <port> --allow-ffi
         --allow-read=examples/shared_rate_limit.ts examples/shared_rate_limit.ts [options]
       deno run --allow-ffi --allow-read=examples/shared_rate_limit.ts
         examples/shared_rate_limit.ts --remove

Answers every request with how many there were, in all workers and processes together. Answers
429 to those above the limit.

  --limit <number>  how many requests to let through per second, from now on in all processes
                    (default: as those that run do; the first: 100)
  --path <path>     an existing file that the segment's key is made of: servers with the same
                    count together (default: examples/shared_rate_limit.ts)
  --remove          remove what servers left that were killed
  --help            show this`;

const DEFAULT_LIMIT = 100;
const PROJECT_ID = "r".charCodeAt(0);
const SIZE = WORD_COUNT * BigInt64Array.BYTES_PER_ELEMENT;

/** Makes the key, and is locked by who comes or leaves. */
let path: string | URL = new URL(import.meta.url);
let limit: number | undefined;
let opened: FileLock | undefined;

await main(USAGE, () => {
  const { flags, args: [surplus] } = parse({ boolean: ["remove"], string: ["limit", "path"] });
  if (surplus !== undefined) throw new UsageError(`There is no argument ${surplus}`);
  if (flags.limit !== undefined) limit = integer("--limit", flags.limit, 1, MAX_LIMIT);
  if (flags.path !== undefined) path = flags.path;
  const lock = FileLock.open(path);
  if (flags.remove) remove(lock);
  else opened = lock;
});
if (opened === undefined) Deno.exit(); // --help, --remove, or an error

const lock = opened;

/** What a worker has of the segment, and how many requests it had. */
interface Seat {
  readonly words: Words;
  readonly place: number;
  requests: number;
}

let seat: Seat | undefined;

export default {
  /** Called in one worker, unless the port is taken. The others come at their first request. */
  onListen(address: Deno.Addr): void {
    seat ??= come();
    if (limit !== undefined) setLimit(seat.words, limit);
    if (!("hostname" in address)) return; // a Unix socket
    console.error(`listening on http://${address.hostname}:${address.port}/`);
  },
  fetch(): Response {
    seat ??= come();
    const { words, place } = seat;
    seat.requests++;
    count(words, place);
    const wait = admit(words);
    const body = { ...counts(words, place), worker: seat.requests, pid: Deno.pid };
    if (wait === 0n) return Response.json(body);
    const seconds = Math.ceil(Number(wait) / 1e9);
    return Response.json(body, { status: 429, headers: { "Retry-After": `${seconds}` } });
  },
} satisfies Deno.ServeDefaultExport;

/** Attaches the segment, which the first to come creates. */
function come(): Seat {
  try {
    using _guard = lock.lockSync();
    const segment = Segment.openOrCreate(ftok(path, PROJECT_ID), SIZE);
    const memory = SharedMemory.from(segment.attach());
    addEventListener("unload", () => leave(segment, memory));
    // A second Ctrl-C, which npx passes on too, would end the process before all have left.
    for (const name of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(name, () => {});
    const words = memory.array(BigInt64Array);
    if (segment.status().nattch === 1) { // nobody but us
      const origin = segment.created ? "created" : "left by servers that were killed";
      console.error(`segment ${segment.id} with key ${formatKey(segment.key)}: ${origin}`);
      start(words, limit ?? DEFAULT_LIMIT);
    }
    return { words, place: placeOf(words, Deno.pid), requests: 0 };
  } catch (error) {
    console.error(error instanceof Error ? `${error.name}: ${error.message}` : error);
    Deno.exit(1);
  }
}

/** Detaches the segment, and removes it if nobody else has it attached. */
function leave(segment: Segment, memory: SharedMemory): void {
  using _guard = lock.lockSync();
  if (segment.status().nattch === 1) segment.remove();
  memory.close();
}

/** Removes what killed servers left. */
function remove(lock: FileLock): void {
  using _guard = lock.lockSync();
  const segment = Segment.open(ftok(path, PROJECT_ID));
  const { nattch } = segment.status();
  if (nattch > 0) throw new Error(`segment ${segment.id} is in use: ${nattch} workers have it`);
  segment.remove();
  console.log(`removed segment ${segment.id}`);
}
