// shared_rate_limit.ts, as a user runs it, and its words.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  admit,
  count,
  counts,
  placeOf,
  setLimit,
  start,
  WORD_COUNT,
  type Words,
} from "../examples/_rate_limit.ts";
import { ftok, Segment, type SegmentStatus } from "../mod.ts";
import { cleanup } from "./_objects.ts";
import { deno, type Output, path, Process } from "./_process.ts";
import { TestWorker } from "./_workers.ts";

const SECOND = 1_000_000_000n;

function newWords(limit: number): Words {
  const words = new BigInt64Array(new SharedArrayBuffer(8 * WORD_COUNT));
  start(words, limit);
  return words;
}

/** How many of so many requests are let through at a time. */
function admitted(words: Words, now: bigint, requests: number): number {
  let sum = 0;
  for (let request = 0; request < requests; request++) {
    if (admit(words, () => now) === 0n) sum++;
  }
  return sum;
}

Deno.test("admit() lets a second's worth of requests through at once, and then evenly", () => {
  const words = newWords(10);
  const now = 1_700_000_000n * SECOND;
  assertEquals(admitted(words, now, 100), 10);
  assertEquals(admitted(words, now + SECOND / 10n - 1n, 100), 0);
  assertEquals(admitted(words, now + SECOND / 10n, 100), 1);
  assertEquals(admitted(words, now + SECOND / 2n, 100), 4);
  assertEquals(admitted(words, now + 100n * SECOND, 100), 10);
  assertEquals(counts(words, placeOf(words, 1)).refused, 90 + 100 + 99 + 96 + 90);
});

Deno.test("admit() tells how long to wait", () => {
  const words = newWords(4);
  const now = 5n * SECOND;
  admitted(words, now, 4);
  const wait = admit(words, () => now);
  assertEquals(wait, SECOND / 4n);
  assertEquals(admit(words, () => now + wait - 1n), 1n);
  assertEquals(admit(words, () => now + wait), 0n);
});

Deno.test("admit() keeps to the most extreme limits", () => {
  const slow = newWords(1);
  assertEquals(admitted(slow, SECOND, 10), 1);
  const fast = newWords(1e9);
  assertEquals(admitted(fast, SECOND, 1000), 1000);
});

Deno.test("admit() goes on when the clock was set back, whatever it finds", () => {
  const now = 1_700_000_000n * SECOND;
  for (const found of [now + SECOND + 1n, 2n * now, 2n ** 63n - 1n, -1n, -(2n ** 63n)]) {
    const words = newWords(10);
    const before = words.slice();
    admitted(words, now, 1);
    const changed = words.findIndex((word, index) => word !== before[index]);
    words[changed] = found;
    assertEquals(admitted(words, now, 100), 10, `${found}`);
  }
});

Deno.test("admit() takes on a new limit at once", () => {
  const words = newWords(10);
  const now = 5n * SECOND;
  admitted(words, now, 10);
  setLimit(words, 100);
  assertEquals(admitted(words, now + SECOND / 10n, 100), 10);
  setLimit(words, 10);
  assertEquals(admitted(words, now + SECOND / 5n, 100), 1);
});

Deno.test("count() and admit() lose nothing when threads race", async () => {
  const THREADS = 4;
  const TIMES = 20_000;
  const LIMIT = 12_345;
  const words = newWords(LIMIT);
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const peer = new URL("./peers/rate_limited.ts", import.meta.url);
  using stack = new DisposableStack();
  const workers = Array.from({ length: THREADS }, () => stack.use(new TestWorker(peer)));
  const place = placeOf(words, Deno.pid);
  for (const worker of workers) {
    worker.post({ words, place, times: TIMES, now: SECOND, gate, threads: THREADS });
  }
  const sums = await Promise.all(workers.map((worker) => worker.message() as Promise<number>));
  assertEquals(sums.reduce((sum, one) => sum + one), LIMIT);
  const total = THREADS * TIMES;
  assertEquals(counts(words, place), {
    total,
    refused: total - LIMIT,
    limit: LIMIT,
    process: total,
  });
});

Deno.test("placeOf() gives each process one place, and takes one over when there are too many", () => {
  const words = newWords(1);
  const places = new Map<number, number>();
  let pid = 1;
  for (; new Set(places.values()).size === places.size; pid += 1000) {
    const place = placeOf(words, pid);
    assertEquals(placeOf(words, pid), place);
    count(words, place);
    places.set(pid, place);
  }
  assert(places.size > 100);
  assertEquals(counts(words, [...places.values()].at(-1) ?? 0).process, 1);
  start(words, 1);
  assertEquals(counts(words, placeOf(words, pid)).process, 0);
});

// The servers.

const EXAMPLE = "examples/shared_rate_limit.ts";
const PROJECT_ID = "r".charCodeAt(0);
const WORKERS = 2;

/** What a server answered. */
interface Answer {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly total: number;
  readonly refused: number;
  readonly limit: number;
  readonly process: number;
  readonly worker: number;
  readonly pid: number;
}

/** A file, and so a key, for one test; the segment with this key is removed. */
class Place implements Disposable {
  readonly path = Deno.makeTempFileSync({ prefix: "isthmus-rate-limit-" });
  readonly key = ftok(this.path, PROJECT_ID);
  readonly #cleanup = cleanup(this.key);

  get segment(): SegmentStatus | undefined {
    return Segment.list().find(({ key }) => key === this.key);
  }

  /** Starts a server, without waiting for anything. */
  start(port: number, ...args: string[]): Process {
    const flags = ["--allow-ffi", `--allow-read=${this.path}`];
    return startServer(flags, port, `--path=${this.path}`, ...args);
  }

  /** Starts a server, and waits until all its workers are there. */
  async serve(...args: string[]): Promise<Server> {
    const before = this.segment?.nattch ?? 0;
    const process = this.start(0, ...args);
    try {
      const text = await process.until("stderr", /listening on \S+\n/);
      const server = new Server(process, text.match(/http:\S+/)?.[0] ?? "");
      // Each but the first comes at its first request.
      while (this.segment?.nattch !== before + WORKERS) await server.askOften(8);
      return server;
    } catch (error) {
      await process[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Runs the file itself, as for --remove. */
  async run(...args: string[]): Promise<Output> {
    const flags = ["--allow-ffi", `--allow-read=${this.path}`];
    await using process = deno(EXAMPLE, [`--path=${this.path}`, ...args], flags);
    return await process.output();
  }

  [Symbol.dispose](): void {
    this.#cleanup[Symbol.dispose]();
    Deno.removeSync(this.path);
  }
}

function startServer(flags: string[], port: number, ...args: string[]): Process {
  return new Process(
    Deno.execPath(),
    [
      ...["serve", "--no-prompt", `--config=${path("deno.json")}`, ...flags],
      ...["--parallel", "--host=127.0.0.1", `--port=${port}`, path(EXAMPLE), ...args],
    ],
    { env: { DENO_JOBS: `${WORKERS}` } },
  );
}

class Server implements AsyncDisposable {
  /** All that it ever answered. */
  readonly answers: Answer[] = [];

  constructor(readonly process: Process, readonly url: string) {}

  async ask(): Promise<Answer> {
    // A connection for each request: so any worker may answer it, and none stays open.
    const response = await fetch(this.url, { headers: { connection: "close" } });
    const answer = {
      ...await response.json(),
      status: response.status,
      retryAfter: response.headers.get("Retry-After"),
    };
    this.answers.push(answer);
    return answer;
  }

  /** Asks so many times, a few at a time. */
  async askOften(times: number): Promise<void> {
    let left = times;
    await Promise.all(Array.from({ length: 8 }, async () => {
      while (left-- > 0) await this.ask();
    }));
  }

  /** Ends the process; returns its exit code. */
  async end(signal: Deno.Signal): Promise<number> {
    this.process.kill(signal);
    return (await this.process.output()).code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
  }
}

/** Of all the answers of some servers. */
function totals(...servers: Server[]): { total: number; refused: number; admitted: number } {
  const answers = servers.flatMap(({ answers }) => answers);
  const refused = answers.filter(({ status }) => status === 429).length;
  return { total: answers.length, refused, admitted: answers.length - refused };
}

const NOT_LINUX = Deno.build.os !== "linux";
if (NOT_LINUX) console.log("skipped, this is not Linux: shared_rate_limit.ts");

/** A test of the servers: they need what macOS hasn't. */
function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `shared_rate_limit.ts ${name}`, ignore: NOT_LINUX, fn });
}

test("counts the requests of all workers and processes", async () => {
  using place = new Place();
  await using one = await place.serve("--limit", "1000000");
  await using two = await place.serve();
  await Promise.all([one.askOften(150), two.askOften(50)]);
  for (const server of [one, two]) {
    const { total, process } = await server.ask();
    assertEquals([total, process], [totals(one, two).total, server.answers.length]);
    for (const { status, retryAfter, pid, refused } of server.answers) {
      assertEquals([status, retryAfter, pid, refused], [200, null, server.process.pid, 0]);
    }
    // Each worker counts for itself, and up to what all of them counted together.
    const byCount = Map.groupBy(server.answers, ({ worker }) => worker);
    assertEquals(byCount.get(1)?.length, WORKERS);
    for (const { length } of byCount.values()) assert(length <= WORKERS);
  }
});

test("lets all together have no more than the limit", async () => {
  using place = new Place();
  const LIMIT = 5;
  const begin = Date.now();
  await using one = await place.serve("--limit", `${LIMIT}`);
  await using two = await place.serve();
  while (totals(one).refused === 0 || totals(two).refused === 0) {
    await Promise.all([one.askOften(2), two.askOften(2)]);
  }
  for (const { status, retryAfter, limit } of [...one.answers, ...two.answers]) {
    assertEquals(limit, LIMIT);
    assertEquals([status, retryAfter], status === 200 ? [200, null] : [429, "1"]);
  }
  const seconds = (Date.now() - begin) / 1000;
  const { admitted } = totals(one, two);
  assert(admitted >= LIMIT && admitted <= LIMIT * (1 + seconds), `${admitted} in ${seconds} s`);
  const last = await one.ask();
  const { total, refused } = totals(one, two);
  assertEquals([last.total, last.refused], [total, refused]);
});

test("sets the limit for all, or keeps to the one of those that run", async () => {
  using place = new Place();
  await using one = await place.serve();
  assertEquals((await one.ask()).limit, 100);
  await using two = await place.serve("--limit", "7");
  assertEquals([(await one.ask()).limit, (await two.ask()).limit], [7, 7]);
  await using three = await place.serve();
  assertEquals([(await one.ask()).limit, (await three.ask()).limit], [7, 7]);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`goes on without a server that gets ${signal}, and the last leaves nothing`, async () => {
    using place = new Place();
    await using one = await place.serve();
    await using two = await place.serve();
    assertEquals(await one.end(signal), 0);
    assertEquals(place.segment?.nattch, WORKERS);
    const { total } = await two.ask();
    assertEquals(total, totals(one, two).total);
    assertEquals(await two.end(signal), 0);
    assertEquals(place.segment, undefined);
  });
}

test("leaves nothing when all servers end at once, with more than one signal", async () => {
  using place = new Place();
  for (let round = 0; round < 3; round++) {
    await using one = await place.serve();
    await using two = await place.serve();
    for (const { process } of [one, two, two, one, one, two]) {
      try {
        process.kill("SIGINT");
      } catch {
        // It has ended.
      }
    }
    await Promise.all([one.process.output(), two.process.output()]);
    assertEquals(place.segment, undefined);
  }
});

test("survives a server that is killed, and the last leaves nothing", async () => {
  using place = new Place();
  await using one = await place.serve("--limit", "1000000");
  await using two = await place.serve();
  const asking = one.askOften(Infinity).catch(() => {}); // until nobody answers
  await two.askOften(20);
  await one.end("SIGKILL");
  await asking;
  const { total } = await two.ask();
  const next = await two.ask();
  assertEquals([next.total, next.process], [total + 1, two.answers.length]);
  assertEquals(place.segment?.nattch, WORKERS);
  assertEquals(await two.end("SIGINT"), 0);
  assertEquals(place.segment, undefined);
});

test("goes on with what servers left that were killed", async () => {
  using place = new Place();
  await using killed = await place.serve("--limit", "1");
  while (totals(killed).refused === 0) await killed.ask();
  await killed.end("SIGKILL");
  const left = place.segment;
  assertEquals(left?.nattch, 0);

  await using next = await place.serve();
  await next.process.until("stderr", `segment ${left?.id} with key `);
  await next.process.until("stderr", ": left by servers that were killed\n");
  const { total, limit, process } = await next.ask();
  assertEquals([total, limit], [totals(killed, next).total, 100]);
  assertEquals(process, next.answers.length);
  assertEquals(await next.end("SIGINT"), 0);
  assertEquals(place.segment, undefined);
});

test("--remove removes what is left, and nothing that is in use", async () => {
  using place = new Place();
  await using server = await place.serve();
  const used = await place.run("--remove");
  assertEquals([used.code, used.stdout], [1, ""]);
  assertMatch(used.stderr, /^Error: segment \d+ is in use: 2 workers have it\n$/);
  const { total } = await server.ask();
  assertEquals(total, totals(server).total);

  const id = place.segment?.id;
  await server.end("SIGKILL");
  const removed = await place.run("--remove");
  assertEquals([removed.code, removed.stdout], [0, `removed segment ${id}\n`], removed.stderr);
  assertEquals(place.segment, undefined);

  const nothing = await place.run("--remove");
  assertEquals([nothing.code, nothing.stdout], [1, ""]);
  assertStringIncludes(nothing.stderr, "NotFound: Cannot open segment with key ");
});

test("leaves nothing when its port is taken", async () => {
  using place = new Place();
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using server = place.start(listener.addr.port);
  const { code, stderr } = await server.output();
  assertEquals(code, 1);
  assertStringIncludes(stderr, "AddrInUse");
  assertEquals(place.segment, undefined);
});

test("fails on a segment of another size, which stays as it is", async () => {
  using place = new Place();
  using segment = Segment.create(place.key, 100, { removeOnDispose: true });
  await using server = place.start(0);
  const { code, stderr } = await server.output();
  assertEquals(code, 1);
  assertStringIncludes(stderr, "it has 100 bytes, not the ");
  assertEquals(segment.status().size, 100);
});

test("says which flags are missing", async () => {
  using place = new Place();
  const flags = ["--allow-ffi", `--allow-read=${place.path}`];
  for (const missing of flags) {
    const rest = flags.filter((flag) => flag !== missing);
    await using server = startServer(rest, 0, `--path=${place.path}`);
    const { code, stderr } = await server.output();
    assertEquals(code, 1);
    assertStringIncludes(stderr, "NotCapable: ");
    assertStringIncludes(stderr, missing);
  }
  assertEquals(place.segment, undefined);
});

test("refuses a command line that makes no sense, and doesn't serve", async () => {
  using place = new Place();
  for (
    const [args, message] of [
      [["more"], "There is no argument more"],
      [["--limit", "0"], "--limit must be a whole number from 1 to 1000000000"],
      [["--limit", "1000000001"], 'received "1000000001"'],
      [["--limit", "few"], 'received "few"'],
      [["--rate", "1"], "There is no option --rate"],
    ] as const
  ) {
    await using server = place.start(0, ...args);
    const { code, stderr } = await server.output();
    assertEquals(code, 2);
    assertStringIncludes(stderr, message);
  }
  assertEquals(place.segment, undefined);
});

test("fails on a path without a file", async () => {
  const flags = ["--allow-ffi", "--allow-read=/no/such/file"];
  await using server = startServer(flags, 0, "--path=/no/such/file");
  const { code, stderr } = await server.output();
  assertEquals(code, 1);
  assertStringIncludes(stderr, "NotFound: Cannot open /no/such/file");
});

test("explains itself on --help, and needs no permission for that", async () => {
  await using process = deno(EXAMPLE, ["--help"], []);
  const { code, stdout, stderr } = await process.output();
  assertEquals([code, stderr], [0, ""]);
  assertStringIncludes(stdout, "Usage: deno serve [--parallel] --host 127.0.0.1 --port <port> ");
});
