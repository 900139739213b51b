// What chat_server.ts and chat_client.ts agree on: the command line, the message, and how they
// take turns.

import { ftok, type Segment, type SemaphoreOperation, type SemaphoreSet } from "../mod.ts";
import { integer, parse, seconds, UsageError } from "./_cli.ts";

export { pause } from "./_cli.ts";

// The turns
// ---------
// The segment has room for one message. A semaphore set with the segment's key says whose turn it
// is: the one unit that there is lies in FREE while a client may write, and in FULL while the
// server may read. Whoever takes the unit has the segment to itself until it passes the unit on
// to the other semaphore.
//
// Processes get killed. Therefore the unit is taken with `undo`: if its holder dies, the kernel
// puts the unit back to where it came from, and the next one has that turn. Passing on is one
// atomic operation that cancels this undo and gives the unit to the other side. So it is never
// lost or doubled, whenever anybody is killed: at every moment it lies in FREE, in FULL, or with
// a live process. That is why a server may go on with what a killed one left, in any state.
//
// All that a kill can do: a server that dies after it printed a message, but before it passed the
// turn on, leaves the message to be printed once more by the next.

/** Holds the unit while a client may write. */
export const FREE = 0;
/** Holds the unit while the server may read. */
export const FULL = 1;
/** What a new set starts with: a client may write. */
export const FIRST_TURN = [1, 0] as const;

/** Takes the turn from FREE or FULL; waits until it is there. */
export function take(turn: number): SemaphoreOperation[] {
  return [{ index: turn, change: -1, undo: true }];
}

/** Passes the turn on that was taken from `from`; never waits. */
export function passOn(from: number, to: number): SemaphoreOperation[] {
  return [
    // The kernel does these in order and at once: nobody ever sees the unit come back to `from`.
    { index: from, change: +1, undo: true },
    { index: from, change: -1 },
    { index: to, change: +1 },
  ];
}

/** What the command line says. */
export interface Chat {
  readonly key: number;
  /** Of the segment, in bytes. */
  readonly size: number;
  /** How many messages to send, or to print. */
  readonly count: number;
  /** In seconds. */
  readonly interval: number;
  /** Whether to do without the semaphores. */
  readonly unguarded: boolean;
}

/** The flags that both have, for --help. */
export const KEY_OPTIONS = `\
  --path <path>         an existing file or directory that the key is made of (default: .)
  --id <1..255>         the project id that the key is made of (default: 0x66)`;

/** Reads the command line. */
export function readChat(): Chat {
  const { flags, args } = parse({
    boolean: ["unguarded"],
    string: ["path", "id", "size", "count", "interval"],
  });
  if (args.length > 0) throw new UsageError(`There is no argument ${args[0]}`);
  const { path = ".", id = "0x66", size = "4096", count = "5", interval = "1", unguarded } = flags;
  return {
    size: integer("--size", size, 1, Number.MAX_SAFE_INTEGER),
    count: integer("--count", count, 1, Number.MAX_SAFE_INTEGER),
    interval: seconds("--interval", interval),
    unguarded,
    key: ftok(path, integer("--id", id, 1, 255)),
  };
}

/** The client's message number `number`. */
export function message(number: number): string {
  return `hello server, I am another process, communicating with you[pid:${Deno.pid}][message number:${number}]`;
}

/** Removes an object at the end of a scope, whoever made it. */
export function removal(object: Segment | SemaphoreSet): Disposable {
  return {
    [Symbol.dispose]() {
      try {
        object.remove();
      } catch (error) {
        if (!(error instanceof Deno.errors.BadResource)) throw error; // gone already
      }
    },
  };
}
