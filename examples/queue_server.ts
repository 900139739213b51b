// Answers requests that come through a message queue: each with its own text, in capital letters.
//
// Start it with `deno run --allow-ffi examples/queue_server.ts`, then in another terminal, in the
// same directory, `deno run --allow-ffi examples/queue_client.ts hello`. It goes on until Ctrl-C,
// and then removes the queue.
//
// One queue carries both directions: see _queue.ts for the messages, which C programs understand as
// well, and _queue_replies.ts for what becomes of replies that nobody fetches. A server that was
// killed leaves the queue, with requests that the next one answers.

import { formatKey, MessageQueue } from "../mod.ts";
import { main, parse, seconds, UsageError } from "./_cli.ts";
import { decodeRequest, KEY_OPTIONS, MAX_TEXT, readKey, REQUEST } from "./_queue.ts";
import { Replies } from "./_queue_replies.ts";

const USAGE = `\
Usage: deno run --allow-ffi examples/queue_server.ts [options]

Creates a message queue, answers the requests in it, and removes it on Ctrl-C.

${KEY_OPTIONS}
  --keep <seconds>     how long a reply waits for its client: longer than clients do (default: 10)
  --help               show this`;

await main(USAGE, async (signal) => {
  const { flags, args: [surplus] } = parse({ string: ["path", "id", "keep"] });
  if (surplus !== undefined) throw new UsageError(`There is no argument ${surplus}`);
  const keep = seconds("--keep", flags.keep ?? "10");
  const queue = MessageQueue.openOrCreate(readKey(flags));
  using _removal = removal(queue);
  using replies = new Replies(queue, keep);
  if (!queue.created) takeOver(replies);
  console.error(`waiting for clients: message queue ${queue.id} with key ${formatKey(queue.key)}`);

  for await (const { bytes } of queue.messages({ type: REQUEST, signal })) {
    const request = decodeRequest(bytes);
    if (request === undefined) {
      console.error(`no request: a message of ${bytes.length} bytes`);
      continue;
    }
    const { pid, number, text } = request;
    console.log(`client ${pid} asks ${quote(text)}`);
    const sent = await replies.send(pid, { number, text: capitals(text) }, signal);
    if (!sent) console.error(`no room for the reply to client ${pid}`);
  }
  console.error("somebody removed the queue");
});

/** Removes the queue at the end of a scope, whoever made it. */
function removal(queue: MessageQueue): Disposable {
  return {
    [Symbol.dispose]() {
      try {
        queue.remove();
      } catch (error) {
        if (!(error instanceof Deno.errors.BadResource)) throw error; // gone already
      }
    },
  };
}

function takeOver(replies: Replies): void {
  console.error("taking over a queue that is there: an earlier server was killed, or still runs");
  try {
    replies.adopt();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotSupported)) throw error;
    console.error(`what it left for clients that are gone stays in the queue. ${error.message}`);
  }
}

/** A text as the terminal may see it: control characters would command it. */
function quote(text: Uint8Array): string {
  return Deno.inspect(new TextDecoder().decode(text), { strAbbreviateSize: MAX_TEXT });
}

/** A text with the letters a to z in capitals; other characters stay as they are. */
function capitals(text: Uint8Array): Uint8Array {
  return text.map((byte) => 0x61 <= byte && byte <= 0x7a ? byte - 0x20 : byte);
}
