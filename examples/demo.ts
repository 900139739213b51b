// Starts chat_server.ts and chat_client.ts together, and shows what each of them prints.
//
// Start it with `deno task demo`, or `deno run --allow-ffi --allow-run examples/demo.ts`. It
// takes a few seconds.

import { formatKey, ftok, Segment, SemaphoreSet } from "../mod.ts";
import { main, parse, UsageError } from "./_cli.ts";

const USAGE = `\
Usage: deno run --allow-ffi --allow-run examples/demo.ts

Starts the chat server and client, and shows their conversation.

  --help  show this`;

/** Not the chat's own id: a chat may be running in this directory. */
const ID = 0x64;

await main(USAGE, async (signal) => {
  const [surplus] = parse({}).args;
  if (surplus !== undefined) throw new UsageError(`There is no argument ${surplus}`);

  await using server = start("server", [], signal);
  const ready = await server.waiting;
  signal.throwIfAborted();
  if (!ready) throw new Error("the server did not start");

  await using client = start("client", ["--interval", "0.3"], signal);
  // If one fails the other may wait in vain: then it is ended as it leaves scope.
  const fine = await Promise.race([client.ended, server.ended]) &&
    await client.ended && await server.ended;
  signal.throwIfAborted();
  if (!fine) throw new Error("the conversation failed");

  const key = ftok(".", ID);
  if (exists(() => Segment.open(key)) || exists(() => SemaphoreSet.openSync(key))) {
    throw new Error(`something is left in the system, see \`ipcs\`: key ${formatKey(key)}`);
  }
  console.log("Both have ended, and nothing is left: no segment, no semaphore set.");
});

/** The chat's server or client, ended when it leaves scope. */
interface Program extends AsyncDisposable {
  /** Whether it waits for a client; `false` if it ended instead. */
  readonly waiting: Promise<boolean>;
  /** Whether it succeeded, once it has ended. */
  readonly ended: Promise<boolean>;
}

/** Starts a program, and shows everything it prints behind its name. */
function start(name: "server" | "client", args: string[], signal: AbortSignal): Program {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "--allow-ffi",
      import.meta.resolve(`./chat_${name}.ts`),
      `--id=${ID}`,
      ...args,
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    // It ends by SIGTERM, so that it can clean up.
    signal,
  }).spawn();
  const { promise: waiting, resolve } = Promise.withResolvers<boolean>();
  const show = async (output: ReadableStream<Uint8Array<ArrayBuffer>>) => {
    for await (const line of lines(output)) {
      console.log(`${name} | ${line}`);
      if (line.startsWith("waiting for a client")) resolve(true);
    }
  };
  const ended = Promise.all([child.status, show(child.stdout), show(child.stderr)]).then(
    ([{ success }]) => {
      resolve(false);
      return success;
    },
  );
  return {
    waiting,
    ended,
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGTERM");
      } catch {
        // It has ended.
      }
      await ended;
    },
  };
}

/** The lines of a program's output, each as soon as it is there. */
async function* lines(output: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of output.pipeThrough(new TextDecoderStream())) {
    const all = (rest + text).split("\n");
    rest = all.pop() ?? "";
    yield* all;
  }
  if (rest !== "") yield rest;
}

/** Whether an object can be opened. */
function exists(open: () => unknown): boolean {
  try {
    open();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
