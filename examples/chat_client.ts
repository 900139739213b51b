// Sends messages to another process through shared memory: the client of a chat.
//
// Start chat_server.ts first, then in the same directory
// `deno run --allow-ffi examples/chat_client.ts`. It sends five messages, numbered from 1.
//
// Both sides take turns by a semaphore set (see _chat.ts): the client writes when the server has
// read. With --unguarded it knows no semaphores: it writes one message a second over the last,
// read or not, and works with any C program that reads text at the start of the segment.

import { Segment, SemaphoreSet } from "../mod.ts";
import {
  type Chat,
  FREE,
  FULL,
  KEY_OPTIONS,
  message,
  passOn,
  pause,
  readChat,
  take,
} from "./_chat.ts";
import { main } from "./_cli.ts";

const USAGE = `\
Usage: deno run --allow-ffi examples/chat_client.ts [options]

Writes messages into the segment that a running chat_server.ts created.

${KEY_OPTIONS}
  --size <bytes>        how many bytes the segment must have at least (default: 4096)
  --count <number>      how many messages to send (default: 5)
  --interval <seconds>  the pause between two messages (default: 1)
  --unguarded           use no semaphores: write, whether the server has read or not
  --help                show this`;

await main(USAGE, async (signal) => {
  const chat = readChat();
  if (chat.unguarded) await sendUnguarded(chat, signal);
  else await sendGuarded(chat, signal).catch(explainRemoval);
});

async function sendGuarded(chat: Chat, signal: AbortSignal): Promise<void> {
  // The set first: the server makes it last.
  using set = await SemaphoreSet.open(chat.key, { signal }).catch(explain);
  using memory = openSegment(chat).attach();
  for (let number = 1; number <= chat.count; number++) {
    await set.op(take(FREE), { signal });
    // From here on, an error that ends this process gives the turn to the next client.
    memory.writeText(message(number));
    set.opSync(passOn(FREE, FULL));
    // After the last message the server may remove the set at once: it must not be used again.
    console.error(`sent message number ${number}`);
    if (number < chat.count) await pause(chat.interval, signal);
  }
}

async function sendUnguarded(chat: Chat, signal: AbortSignal): Promise<void> {
  using memory = openSegment(chat).attach();
  for (let number = 1; number <= chat.count; number++) {
    memory.writeText(message(number));
    console.error(`sent message number ${number}`);
    if (number < chat.count) await pause(chat.interval, signal);
  }
}

function openSegment({ key, size }: Chat): Segment {
  try {
    return Segment.open(key, { size });
  } catch (error) {
    return explain(error);
  }
}

/** Says of an object that isn't there what that means in a chat. */
function explain(error: unknown): never {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
  throw new Deno.errors.NotFound(
    "no server is running. Start chat_server.ts first, with the same --path, --id and --unguarded, " +
      "or both in the same directory without these",
    { cause: error },
  );
}

/** Says of objects that are gone what that means in a chat: only the server removes them. */
function explainRemoval(error: unknown): never {
  if (!(error instanceof Deno.errors.BadResource)) throw error;
  throw new Deno.errors.BadResource(`the server has ended. ${error.message}`, { cause: error });
}
