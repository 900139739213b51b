// A pipeline of processes that counts the words of a text: one reads it, several count, and one
// adds up what they found. What goes from one to the next goes through channels in shared memory.
//
// Start it with `deno run --allow-ffi --allow-run --allow-read examples/pipeline.ts README.md`.
// Running the processes takes --allow-run.

import { Channel, jsonCodec, mapMemfd, Memfd } from "../mod.ts";
import type { Memory } from "../mod.ts";
import { startAgain, success } from "./_child.ts";
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

// Where the channels lie in the memory, one behind the other, and how they are.
const TO_WORKERS = { offset: 0, capacity: 1 << 20, receivers: "many" } as const;
const FROM_WORKERS = { offset: endOf(TO_WORKERS), capacity: 1 << 20, senders: "many" } as const;
/** Nothing is sent here: its sender is the process that started the others, as long as it lives. */
const LIFELINE = { offset: endOf(FROM_WORKERS), capacity: 8, receivers: "many" } as const;
const SIZE = endOf(LIFELINE);

/** What a worker found in one piece. */
const counts = jsonCodec<Words>();

/** The first argument of the processes that are started; the memory and another one follow. */
const ROLES = new Map([["--reader", read], ["--worker", work], ["--writer", write]]);

const [first, handle, argument] = Deno.args;
const role = ROLES.get(first);
if (role === undefined) await main(USAGE, count);
else await takePart(role).catch(fail);

function endOf({ offset, capacity }: { offset: number; capacity: number }): number {
  return offset + Channel.byteLength({ capacity });
}

/** Starts the others, and shows how they are getting on. */
async function count(signal: AbortSignal): Promise<void> {
  const { flags, args: [file, surplus] } = parse({ string: ["workers", "top"] });
  if (file === undefined) throw new UsageError("Which file?");
  if (surplus !== undefined) throw new UsageError(`There is no argument ${surplus}`);
  const workers = integer("--workers", flags.workers ?? "2", 1, MAX_WORKERS);
  const top = integer("--top", flags.top ?? "10", 0, 1000);
  await Deno.stat(file); // or there is none

  // Memory without a name: however the processes end, nothing of it stays.
  using memfd = Memfd.create(SIZE);
  using memory = memfd.map();
  const toWorkers = Channel.create(memory, TO_WORKERS);
  const fromWorkers = Channel.create(memory, FROM_WORKERS);
  using _lifeline = Channel.create(memory, LIFELINE).sender();

  const processes = new AbortController();
  const all = AbortSignal.any([signal, processes.signal]);
  using live = new LiveLine({ read: toWorkers, counted: fromWorkers });
  const start = async (name: string, role: string, argument = "", permissions: string[] = []) => {
    const args = [role, memfd.inherit(), argument];
    const child = startAgain(import.meta.url, args, all, { permissions, stderr: "piped" });
    const errors = await new Response(child.stderr).text();
    if (errors !== "") {
      live.end();
      console.error(errors.trimEnd());
    }
    await success(name, child, all);
  };
  // Deno takes what is between commas for several files.
  const permission = file.includes(",") ? "--allow-read" : `--allow-read=${file}`;
  const writer = start("the writer", "--writer", `${top}`);
  const others = [
    start("the reader", "--reader", file, [permission]),
    ...Array.from({ length: workers }, (_, i) => start(`worker ${i + 1}`, "--worker")),
  ];
  const sent = Promise.all(others).then(() => {
    live.end();
    // The last message was sent: the writer comes to the end of the stream.
    using sender = fromWorkers.sender();
    sender.end();
  });
  try {
    await Promise.all([writer, sent]);
  } finally {
    processes.abort(); // nobody goes on when one has failed
    await Promise.allSettled([writer, ...others]);
    signal.throwIfAborted();
  }
}

/** What a process does that was started by another. */
async function takePart(role: typeof read): Promise<void> {
  using memory = mapMemfd(handle);
  using lifeline = Channel.open(memory, LIFELINE).receiver();
  // If the one that started this process was killed, nobody is left to end it.
  lifeline.addEventListener("peerdeath", () => Deno.exit(1));
  await role(memory, argument);
}

function fail(error: Error): never {
  console.error(`${first.slice(2)}: ${error.name}: ${error.message}`);
  Deno.exit(1);
}

/** Sends the file, piece by piece: who counts none is not to be waited for. */
async function read(memory: Memory, path: string): Promise<void> {
  using sender = Channel.open(memory, TO_WORKERS).sender();
  for await (const piece of pieces((await Deno.open(path)).readable)) await sender.send(piece);
  sender.end();
}

/** Counts the words of any piece that nobody else has taken. */
async function work(memory: Memory): Promise<void> {
  using receiver = Channel.open(memory, TO_WORKERS).receiver();
  using sender = Channel.open(memory, FROM_WORKERS).sender({ codec: counts });
  for await (const piece of receiver) await sender.send(countWords(piece));
}

/** Adds up what the workers found. */
async function write(memory: Memory, top: string): Promise<void> {
  using receiver = Channel.open(memory, FROM_WORKERS).receiver({ codec: counts });
  const sum = new Map<string, number>();
  for await (const found of receiver) {
    for (const [word, times] of found) sum.set(word, (sum.get(word) ?? 0) + times);
  }
  const total = sum.values().reduce((a, b) => a + b, 0);
  console.log(`${total} words, ${sum.size} different ones`);
  for (const [word, times] of mostFrequent(sum, Number(top))) console.log(`${times} ${word}`);
}
