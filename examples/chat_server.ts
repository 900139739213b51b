// Prints what another process writes into shared memory: the server of a chat.
//
// Start it with `deno run --allow-ffi examples/chat_server.ts`, then in another terminal, in the
// same directory, `deno run --allow-ffi examples/chat_client.ts`. It ends after five messages.
//
// It creates a segment, and a semaphore set by which both sides take turns (see _chat.ts), so
// that it prints every message exactly once and in order. With --unguarded there are no
// semaphores: it prints what it finds once a second, the same message again or none at all, and
// works with any C program that writes text at the start of the segment. Give it some time
// then: `--unguarded --count 30`.

import { formatKey, Segment, SemaphoreSet } from "../mod.ts";
import {
  type Chat,
  FIRST_TURN,
  FREE,
  FULL,
  KEY_OPTIONS,
  passOn,
  pause,
  readChat,
  removal,
  take,
} from "./_chat.ts";
import { main } from "./_cli.ts";

const USAGE = `\
Usage: deno run --allow-ffi examples/chat_server.ts [options]

Creates a segment, prints what a client writes into it, and removes it.

${KEY_OPTIONS}
  --size <bytes>        the segment's size (default: 4096)
  --count <number>      how many messages to print (default: 5)
  --unguarded           use no semaphores: print what is there, whether it is new or not
  --interval <seconds>  with --unguarded: the pause between two looks (default: 1)
  --help                show this`;

await main(USAGE, async (signal) => {
  const chat = readChat();
  // What leaves scope last is made first: a client that finds the set finds the segment too.
  const segment = Segment.openOrCreate(chat.key, chat.size);
  using _segmentRemoval = removal(segment);
  if (!segment.created) {
    console.error(
      "taking over a segment that is there: an earlier server was killed, or still runs",
    );
  }
  if (chat.unguarded) await printUnguarded(segment, chat, signal);
  else await printGuarded(segment, chat, signal);
});

async function printGuarded(segment: Segment, { count }: Chat, signal: AbortSignal): Promise<void> {
  const set = await openSet(segment, signal);
  using _setRemoval = removal(set);
  using memory = segment.attach({ access: "read" });
  announce(segment);
  for (let number = 1; number <= count; number++) {
    await set.op(take(FULL), { signal });
    print(memory.readText());
    // Nobody gets a turn after the last message: what a client has passed on was always read.
    if (number < count) set.opSync(passOn(FULL, FREE));
  }
}

async function printUnguarded(
  segment: Segment,
  { count, interval }: Chat,
  signal: AbortSignal,
): Promise<void> {
  using memory = segment.attach({ access: "read" });
  announce(segment);
  for (let look = 1; look <= count; look++) {
    print(memory.readText());
    if (look < count) await pause(interval, signal);
  }
}

/** Opens the set that goes with a segment, or creates it. */
async function openSet(segment: Segment, signal: AbortSignal): Promise<SemaphoreSet> {
  const open = () => SemaphoreSet.openOrCreate(segment.key, FIRST_TURN, { signal });
  const set = await open();
  if (set.created) return set;
  if (segment.created) {
    // The set goes with a segment that somebody removed. Who still uses the two would take
    // turns with us, but write where nobody reads.
    set.remove();
    return await open();
  }
  return set;
}

/** Says that clients may come: who starts one from a program waits for this. */
function announce({ id, key }: Segment): void {
  console.error(`waiting for a client: segment ${id} with key ${formatKey(key)}`);
}

function print(text: string): void {
  console.log(`client say:${text}`);
}
