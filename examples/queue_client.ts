// Sends requests to queue_server.ts through a message queue, and prints the replies.
//
// Start the server first, then in the same directory
// `deno run --allow-ffi examples/queue_client.ts hello "how are you"`. It sends one request after
// the other, each when it has the reply to the last; any number of clients may run at once.
//
// Requests and replies lie in the same queue. The replies have the client's process id as their
// type, and it receives no others: see _queue.ts.

import { MessageQueue } from "../mod.ts";
import { main, parse, seconds, UsageError } from "./_cli.ts";
import { decodeReply, encodeRequest, KEY_OPTIONS, MAX_TEXT, readKey, REQUEST } from "./_queue.ts";

const USAGE = `\
Usage: deno run --allow-ffi examples/queue_client.ts [options] [text ...]

Sends each text to a running queue_server.ts, and prints the reply (default: hello).

${KEY_OPTIONS}
  --timeout <seconds>  how long to wait for a reply (default: 5)
  --help               show this`;

await main(USAGE, async (signal) => {
  const { flags, args } = parse({ string: ["path", "id", "timeout"] });
  const timeout = 1000 * seconds("--timeout", flags.timeout ?? "5");
  const texts = (args.length === 0 ? ["hello"] : args).map(checkedText);
  if (Deno.pid === REQUEST) {
    // The first process of a container.
    throw new Error("a client can't have the process id 1. Start it from another, as a shell does");
  }
  const queue = open(readKey(flags));
  // An earlier process with the same id may have left what it didn't fetch.
  while (queue.tryReceive({ type: Deno.pid, maxLength: 0, truncate: true }) !== undefined);
  // Any number will do to begin with, but not that which the earlier one began with.
  let [number] = crypto.getRandomValues(new Uint32Array(1));
  for (const text of texts) {
    const reply = await ask(queue, text, number++ >>> 0, { timeout, signal });
    console.log(new TextDecoder().decode(reply));
  }
});

/** Sends a request, and waits for its reply. */
async function ask(
  queue: MessageQueue,
  text: Uint8Array,
  number: number,
  { timeout, signal }: { timeout: number; signal: AbortSignal },
): Promise<Uint8Array> {
  const deadline = performance.now() + timeout;
  const limits = () => ({ signal, timeout: Math.max(0, Math.ceil(deadline - performance.now())) });
  try {
    await queue.send(REQUEST, encodeRequest({ pid: Deno.pid, number, text }), limits());
    for (;;) {
      const { bytes } = await queue.receive({ type: Deno.pid, ...limits() });
      const reply = decodeReply(bytes);
      if (reply?.number === number) return reply.text;
    }
  } catch (error) {
    return explain(error, timeout);
  }
}

/** Says of what went wrong what that means here. */
function explain(error: unknown, timeout: number): never {
  if (error instanceof Deno.errors.BadResource) {
    throw new Deno.errors.BadResource(`the server has ended. ${error.message}`, { cause: error });
  }
  if (error instanceof Deno.errors.TimedOut) {
    const message = `the server did not reply within ${
      timeout / 1000
    } s: it is busy, or was killed`;
    throw new Deno.errors.TimedOut(message, { cause: error });
  }
  throw error;
}

function open(key: number): MessageQueue {
  try {
    return MessageQueue.open(key);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Deno.errors.NotFound(
      "no server is running. Start queue_server.ts first, with the same --path and --id, " +
        "or both in the same directory without these",
      { cause: error },
    );
  }
}

function checkedText(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= MAX_TEXT) return bytes;
  throw new UsageError(`A text has at most ${MAX_TEXT} bytes: received ${bytes.length}`);
}
