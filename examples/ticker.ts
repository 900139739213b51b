// Broadcasts prices to any number of readers, which come and go.
//
// Start `deno run --allow-ffi examples/ticker.ts send`, and in other terminals, in the same
// directory, `deno run --allow-ffi examples/ticker.ts read`, one of them with `--pause 0.01`.
// Ctrl-C ends any of them. Or let `deno run --allow-ffi --allow-run examples/ticker.ts` start all.
//
// The sender waits for nobody. A reader that is too slow misses prices, and sees how many. If the
// sender is killed, readers wait for the next one, which goes on in the same memory; on Ctrl-C it
// ends the broadcast and removes the segment, and readers end too.

import { startAgain, success } from "./_child.ts";
import { integer, main, parse, pause, print, seconds, UNREAD, UsageError } from "./_cli.ts";
import { codec, find, KEY_OPTIONS, Market, occupy, readKey, type Seat } from "./_ticker.ts";
import { Board } from "./_ticker_board.ts";

const USAGE = `\
Usage: deno run --allow-ffi examples/ticker.ts send [options]
       deno run --allow-ffi examples/ticker.ts read [options]
       deno run --allow-ffi --allow-run examples/ticker.ts [demo] [options]

send: broadcasts prices, until Ctrl-C.
  --rate <number>       how many a second (default: 1000)
  --count <number>      how many in all (default: until Ctrl-C)

read: shows prices, and how many it missed, until the sender ends.
  --name <text>         what its lines begin with (default: its process id)
  --interval <seconds>  the time between two lines (default: 0.5)
  --pause <seconds>     how long to rest after each price: a slow reader (default: 0)
  --count <number>      how many prices to read (default: until the sender ends)
  --oldest              start with the oldest price that is still there

demo: starts a sender for some seconds, a reader that keeps up, one that is slow, and one that
comes later and leaves early.
  --seconds <number>    for how long (default: 5)

${KEY_OPTIONS}
  --help                show this`;

/** Milliseconds between two looks at the clock of the sender. */
const PERIOD = 2;
/** How far the sender may fall behind and still catch up, in milliseconds. */
const MAX_DELAY = 100;
/** Seconds between two looks for a sender. */
const LOOK = 0.05;
/** Prices a second in the demo. */
const DEMO_RATE = 1000;
/** How long readers may take to end after the sender, in milliseconds. */
const GRACE = 1000;
/** The exit codes of a reader that was asked to end, and of one whose lines nobody reads. */
const ENDED = [143, UNREAD];

await main(USAGE, async (signal) => {
  const { flags, args: [role = "demo", surplus] } = parse({
    boolean: ["oldest"],
    string: ["rate", "count", "name", "interval", "pause", "seconds", "path", "id"],
  });
  if (surplus !== undefined) throw new UsageError(`There is no argument ${surplus}`);
  const { rate = "1000", count, name, interval = "0.5", pause = "0", oldest } = flags;
  const limit = count === undefined ? Infinity : integer("--count", count, 1, 1e12);
  if (role === "send") {
    await send(readKey(flags), { rate: integer("--rate", rate, 1, 1e6), count: limit }, signal);
  } else if (role === "read") {
    const reader = {
      name: name ?? `${Deno.pid}`,
      interval: seconds("--interval", interval),
      pause: seconds("--pause", pause),
      count: limit,
      from: oldest ? "oldest" : "newest",
    } as const;
    await read(readKey(flags), reader, signal);
  } else if (role === "demo") {
    const time = integer("--seconds", flags.seconds ?? "5", 2, 3600);
    readKey(flags); // or there is none
    const { path = ".", id = "0x74" } = flags;
    await demo(time, ["--path", path, "--id", id], signal);
  } else {
    throw new UsageError("Say send, read or demo");
  }
});

// The sender

/** How much is sent. */
interface Program {
  /** Prices a second. */
  readonly rate: number;
  /** Prices in all. */
  readonly count: number;
}

async function send(key: number, { rate, count }: Program, signal: AbortSignal): Promise<void> {
  const market = new Market();
  using studio = occupy(key);
  const { sender, broadcast, segment } = studio;
  sender.addEventListener("peerdeath", ({ detail: { pid } }) => {
    console.error(`reader ${pid} died, and holds nobody up`);
  });
  if (!broadcast.created) console.error(`going on after ${sender.sent} prices`);
  console.error(`sending ${rate} prices a second: segment ${segment.id}`);

  let sent = 0;
  let start = performance.now();
  while (sent < count) {
    await pause(PERIOD / 1000, signal);
    const due = Math.floor((performance.now() - start) * rate / 1000) - sent;
    const most = Math.max(1, Math.ceil(MAX_DELAY * rate / 1000));
    // If this process was stopped meanwhile, what is later than that is never sent.
    if (due > most) start += (due - most) * 1000 / rate;
    const length = Math.max(0, Math.min(due, most, count - sent));
    sent += sender.sendBatch(Array.from({ length }, () => market.next()));
  }
}

// The reader

/** What a reader reads. */
interface Reader {
  readonly name: string;
  /** Seconds between two lines. */
  readonly interval: number;
  /** Seconds to rest after each price. */
  readonly pause: number;
  readonly count: number;
  readonly from: "newest" | "oldest";
}

async function read(key: number, reader: Reader, signal: AbortSignal): Promise<void> {
  const { memory, broadcast } = await seek(key, reader.name, signal);
  using _memory = memory;
  using receiver = broadcast.receiver({ codec, from: reader.from });
  receiver.addEventListener("peerdeath", ({ detail: { pid } }) => {
    console.error(`${reader.name}: the sender, process ${pid}, died: waiting for the next one`);
  });
  const board = new Board(reader.name, reader.interval);
  try {
    for await (const { value, missed } of receiver.messages({ signal })) {
      board.count(value, missed);
      if (board.seen >= reader.count) break;
      if (reader.pause > 0) await pause(reader.pause, signal);
    }
  } finally {
    print(`${reader.name}: ${board.seen} seen, ${receiver.missed} missed in all`);
  }
}

/** Waits for a sender. */
async function seek(key: number, name: string, signal: AbortSignal): Promise<Seat> {
  for (let said = false;; said = true) {
    const seat = find(key);
    if (seat !== undefined) return seat;
    if (!said) console.error(`${name}: there is no ticker: waiting for one`);
    await pause(LOOK, signal);
  }
}

// The demo

async function demo(time: number, key: string[], signal: AbortSignal): Promise<void> {
  const leaving = new AbortController();
  const ending = AbortSignal.any([signal, leaving.signal]);
  const start = (...args: string[]) => startAgain(import.meta.url, [...args, ...key], ending);
  const readers = [
    start("read", "--name", "steady"),
    start("read", "--name", "slow", "--pause", "0.01"),
  ];
  const sender = start("send", "--rate", `${DEMO_RATE}`, "--count", `${DEMO_RATE * time}`);
  await pause(Math.min(2, 0.3 * time), signal);
  readers.push(start("read", "--name", "late", "--count", `${DEMO_RATE * time / 10}`));
  await sender.status;
  // Who is slow, or came too late, need not read what is left.
  Deno.unrefTimer(setTimeout(() => leaving.abort(), GRACE));
  for (const child of [sender, ...readers]) {
    if (!ENDED.includes((await child.status).code)) await success("the demo", child, signal);
    signal.throwIfAborted();
  }
}
