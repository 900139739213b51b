// Publishes a record 1,000 times a second in shared memory, and shows the latest one in any number
// of other processes.
//
// Start `deno run --allow-ffi examples/telemetry.ts publish`, and in other terminals, in the same
// directory, `deno run --allow-ffi examples/telemetry.ts watch`. Ctrl-C ends either.
//
// The record is under a seqlock: a watcher gets it whole, never half of one and half of the next,
// and the publisher waits for nobody. There is one publisher, which has the only unit of a
// semaphore. If it is killed, the kernel gives the unit back, and the next publisher goes on in the
// same memory; if it was killed in the middle of a write, watchers wait for the next write. On
// Ctrl-C the publisher removes segment and semaphore, and watchers wait for the next ones.

import { formatKey, type ReadonlyAttachment, Segment, SemaphoreSet } from "../mod.ts";
import { integer, main, parse, pause, seconds, UsageError } from "./_cli.ts";
import { KEY_OPTIONS, LockedTelemetry, readKey, Screen, Telemetry } from "./_telemetry.ts";

const USAGE = `\
Usage: deno run --allow-ffi examples/telemetry.ts publish [options]
       deno run --allow-ffi examples/telemetry.ts watch [options]

publish: writes a record into shared memory 1,000 times a second, until Ctrl-C.
  --name <text>         what it is called, at most 31 bytes (default: probe)

watch: shows the latest record, how often one is written, and how old it is: in one line that
changes if the output is a terminal, else in a new line each time.
  --count <number>      how often to show it (default: until Ctrl-C)
  --interval <seconds>  the pause before each time (default: 0.1)

${KEY_OPTIONS}
  --help                show this`;

/** Milliseconds between two records. */
const PERIOD = 1;
/** How far the publisher may fall behind and still catch up, in milliseconds. */
const MAX_DELAY = 100;
/** How old a record is that tells of a publisher's end, in milliseconds. */
const OLD = 1000;

await main(USAGE, async (signal) => {
  const { flags, args: [role, surplus] } = parse({
    string: ["name", "count", "interval", "path", "id"],
  });
  if (surplus !== undefined) throw new UsageError(`There is no argument ${surplus}`);
  const { name, count, interval } = flags;
  if (role === "publish") {
    if (count !== undefined) throw new UsageError("--count is for watch");
    if (interval !== undefined) throw new UsageError("--interval is for watch");
    await publish(readKey(flags), checkedName(name ?? "probe"), signal);
  } else if (role === "watch") {
    if (name !== undefined) throw new UsageError("--name is for publish");
    await watch(readKey(flags), {
      count: count === undefined ? Infinity : integer("--count", count, 1, Number.MAX_SAFE_INTEGER),
      interval: seconds("--interval", interval ?? "0.1"),
    }, signal);
  } else {
    throw new UsageError("Say publish or watch");
  }
});

/** A name that the record has room for. */
function checkedName(name: string): string {
  try {
    return Telemetry.create({ name }).name;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(error.message);
  }
}

// The publisher

async function publish(key: number, name: string, signal: AbortSignal): Promise<void> {
  // What leaves scope last is made first. So who gets the unit is alone until all is removed.
  const set = await SemaphoreSet.openOrCreate(key, [1], { signal });
  if (!set.at(0).tryAcquire({ undo: true })) {
    throw new Deno.errors.Busy(
      `another publisher has the key ${formatKey(key)}: end it, or give another --id`,
    );
  }
  using _setRemoval = removal(set);
  const segment = Segment.openOrCreate(key, LockedTelemetry.size);
  using _segmentRemoval = removal(segment);
  using memory = segment.attach();
  const telemetry = LockedTelemetry.at(memory);

  if (!segment.created) console.error("taking over from a publisher that was killed");
  let next = performance.now();
  const write = () =>
    telemetry.write((record, takenOver) => {
      // What a dead publisher left may be half of two records: write all fields.
      if (takenOver) console.error("that was in the middle of a write: its record is replaced");
      record.assign({ name, timestamp: Date.now(), ...motion(next / 1000) });
    });
  write();
  console.error(`publishing ${quote(name)}: segment ${segment.id} with key ${formatKey(key)}`);
  for (;;) {
    next += PERIOD;
    const now = performance.now();
    if (next > now) await pause((next - now) / 1000, signal);
    else if (now - next > MAX_DELAY) next = now; // this process was stopped meanwhile
    signal.throwIfAborted();
    write();
  }
}

/** Where something is, in meters, that goes round in a circle, and how fast, in meters a second. */
function motion(seconds: number) {
  const [x, y] = [Math.cos(seconds), Math.sin(seconds)];
  return { position: { x, y }, velocity: { x: -y, y: x } };
}

/** Removes an object at the end of a scope, whoever made it. */
function removal(object: Segment | SemaphoreSet): Disposable {
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

// The watcher

interface Watch {
  readonly count: number;
  /** In seconds. */
  readonly interval: number;
}

async function watch(key: number, { count, interval }: Watch, signal: AbortSignal): Promise<void> {
  using screen = new Screen();
  while (screen.lines < count) {
    const found = find(key);
    if (found === undefined) {
      screen.say("there is no publisher: waiting for one");
      await pause(0.02, signal);
      continue;
    }
    const { segment } = found;
    using memory = found.memory;
    const telemetry = LockedTelemetry.at(memory);
    let [writes, time] = [telemetry.writes, performance.now()];
    while (screen.lines < count) {
      await pause(interval, signal);
      if (isRemoved(segment)) break;
      const record = await read(telemetry, signal);
      if (record === undefined) {
        screen.say("the publisher died in the middle of a write, or was stopped");
        continue;
      }
      const [writesNow, now] = [telemetry.writes, performance.now()];
      if (writesNow === 0) continue; // nothing was written yet
      const written = (writesNow - writes) & 0x7fffffff; // they are counted modulo 2 ** 31
      const rate = 1000 * written / (now - time);
      const age = Math.max(0, Date.now() - record.timestamp);
      [writes, time] = [writesNow, now];
      if (age < OLD) screen.allIsWell();
      else screen.say("no news from the publisher: it was killed, or stopped");
      screen.show(line(record, rate, age));
    }
  }
}

/** The publisher's segment, if there is one. */
function find(key: number): { segment: Segment; memory: ReadonlyAttachment } | undefined {
  try {
    const segment = Segment.open(key, { size: LockedTelemetry.size });
    return { segment, memory: segment.attach({ access: "read" }) };
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** Whether the publisher has removed its segment. What is attached stays, but nobody writes it. */
function isRemoved(segment: Segment): boolean {
  try {
    return segment.status().destroyed;
  } catch (error) {
    if (isGone(error)) return true;
    throw error;
  }
}

/** Whether an error says that there is no such segment, or no more. */
function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.BadResource;
}

/** The latest record; `undefined` if a write is under way and doesn't end within a second. */
async function read(
  telemetry: ReturnType<typeof LockedTelemetry.at>,
  signal: AbortSignal,
): Promise<Telemetry | undefined> {
  try {
    return await telemetry.read({ signal });
  } catch (error) {
    if (error instanceof Deno.errors.TimedOut) return undefined;
    throw error;
  }
}

function line({ name, position, velocity }: Telemetry, rate: number, age: number): string {
  return `${rate.toFixed(0).padStart(4)}/s, ${age.toFixed(0)} ms old: ${quote(name)} ` +
    `at ${vector(position)} m, ${vector(velocity)} m/s`;
}

function vector({ x, y }: Telemetry["position"]): string {
  return `(${x.toFixed(3).padStart(6)}, ${y.toFixed(3).padStart(6)})`;
}

/** A text as the terminal may see it: control characters would command it. */
function quote(text: string): string {
  return Deno.inspect(text);
}
