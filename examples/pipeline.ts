// A pipeline of processes that counts the words of a text: one reads it, several count, and one
// adds up what they found. What goes from one to the next goes through channels in a shared
// segment.
//
// Start it with `deno run --allow-ffi --allow-run --allow-read examples/pipeline.ts README.md`.
// Running the processes takes --allow-run.

import { Channel, IPC_PRIVATE, jsonCodec, Segment } from "../mod.ts";
import { failure, startAgain } from "./_child.ts";
import { integer, main, parse, UsageError } from "./_cli.ts";
import { countWords, mostFrequent, pieces, type Words } from "./_pipeline_words.ts";
import { LiveLine } from "./_pipeline_live.ts";

const USAGE = `\
Usage: deno run --allow-ffi --allow-run --allow-read examples/pipeline.ts [options] <file>

Counts the words of a text in several processes, which a channel leads to and another from.

  --workers <number>  how many processes count (default: 2)
  --top <number>      how many of the most frequent words to print (default: 10)
  --help              show this`;

const MAX_WORKERS = 32;

/** The capacity of the channel that leads to the workers, and of the one that leads from them. */
const TO_WORKERS = 1 << 20;
const FROM_WORKERS = 1 << 20;

/** What a worker found in one piece. */
const counts = jsonCodec<Words>();

const ROLES: Readonly<Record<string, (segment: Segment, argument: string) => Promise<void>>> = {
  "--reader": read,
  "--worker": work,
  "--writer": write,
};

const role = ROLES[Deno.args[0]];
if (role === undefined) await main(USAGE, count);
else {
  await role(Segment.fromId(Number(Deno.args[1])), Deno.args[2]).catch((error) => {
    console.error(`${Deno.args[0].slice(2)}: ${error.name}: ${error.message}`);
    Deno.exit(1);
  });
}

/** Starts the others, and shows how they are getting on. */
async function count(signal: AbortSignal): Promise<void> {
  const { flags, args: [file, surplus] } = parse({ string: ["workers", "top"] });
  if (file === undefined) throw new UsageError("Which file?");
  if (surplus !== undefined) throw new UsageError(`There is no argument ${surplus}`);
  const workers = integer("--workers", flags.workers ?? "2", 1, MAX_WORKERS);
  const top = integer("--top", flags.top ?? "10", 0, 1000);

  const second = Channel.byteLength({ capacity: TO_WORKERS });
  const size = second + Channel.byteLength({ capacity: FROM_WORKERS });
  using segment = Segment.create(IPC_PRIVATE, size, { removeOnDispose: true });
  using memory = segment.attach();
  const toWorkers = Channel.create(memory, { capacity: TO_WORKERS, receivers: "many" });
  const fromWorkers = Channel.create(memory, {
    offset: second,
    capacity: FROM_WORKERS,
    senders: "many",
  });

  const processes = new AbortController();
  const all = AbortSignal.any([signal, processes.signal]);
  const start = async (name: string, argument: string, permissions: string[] = []) => {
    const args = [name, `${segment.id}`, argument];
    const { pid, status } = startAgain(import.meta.url, args, all, permissions);
    const ended = await status;
    if (!ended.success) throw new Error(`${name.slice(2)}: ${failure(pid, ended)}`);
  };
  using live = new LiveLine({ read: toWorkers, counted: fromWorkers });
  try {
    const writer = start("--writer", `${top}`);
    const others = [
      start("--reader", file, [`--allow-read=${file}`]),
      ...Array.from({ length: workers }, () => start("--worker", "")),
    ];
    await Promise.race([Promise.all(others), writer.then(() => Promise.all(others))]);
    // The last message was sent: the writer comes to the end of the stream.
    using sender = fromWorkers.sender();
    sender.end();
    live.end();
    await writer;
  } finally {
    processes.abort(); // nobody goes on when one has failed
    signal.throwIfAborted();
  }
}

/** The channel that leads to the workers, and the one that leads from them. */
function channels(segment: Segment) {
  const memory = segment.attach();
  const offset = Channel.byteLength({ capacity: TO_WORKERS });
  return {
    toWorkers: Channel.open(memory),
    fromWorkers: Channel.open(memory, { offset }),
    [Symbol.dispose]: () => memory.detach(),
  };
}

/** Sends the file, piece by piece: who counts none is not to be waited for. */
async function read(segment: Segment, path: string): Promise<void> {
  using both = channels(segment);
  using sender = both.toWorkers.sender();
  for await (const piece of pieces((await Deno.open(path)).readable)) await sender.send(piece);
  sender.end();
}

/** Counts the words of any piece that nobody else has taken. */
async function work(segment: Segment): Promise<void> {
  using both = channels(segment);
  using receiver = both.toWorkers.receiver();
  using sender = both.fromWorkers.sender({ codec: counts });
  for await (const piece of receiver) await sender.send(countWords(piece));
}

/** Adds up what the workers found. */
async function write(segment: Segment, top: string): Promise<void> {
  using both = channels(segment);
  using receiver = both.fromWorkers.receiver({ codec: counts });
  const sum = new Map<string, number>();
  for await (const found of receiver) {
    for (const [word, times] of found) sum.set(word, (sum.get(word) ?? 0) + times);
  }
  const total = sum.values().reduce((a, b) => a + b, 0);
  console.log(`${total} words, ${sum.size} different ones`);
  for (const [word, times] of mostFrequent(sum, Number(top))) console.log(`${times} ${word}`);
}
