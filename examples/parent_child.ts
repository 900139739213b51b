// A parent hands a text to its child through a private segment, which nobody finds by a key: the
// child gets its id as an argument.
//
// Start it with `deno run --allow-ffi --allow-run examples/parent_child.ts "some text"`. Running
// the child takes --allow-run.

import { IPC_PRIVATE, Segment } from "../mod.ts";
import { startAgain, success } from "./_child.ts";
import { main, parse, UsageError } from "./_cli.ts";

const USAGE = `\
Usage: deno run --allow-ffi --allow-run examples/parent_child.ts [text]

Writes a text into a private segment, and starts a child process that prints it.

  --help  show this`;

/** The first argument of a child; the segment's id is the second. */
const CHILD = "--child";

if (Deno.args[0] === CHILD) child(Number(Deno.args[1]));
else await main(USAGE, parent);

async function parent(signal: AbortSignal): Promise<void> {
  const { args: [text = "hello from the parent", surplus] } = parse({});
  if (surplus !== undefined) throw new UsageError(`There is no argument ${surplus}`);

  const size = new TextEncoder().encode(text).length + 1; // and the NUL that ends it
  // However this scope ends, the segment is removed. On Linux that could be done as soon as the
  // child has attached it, and it would live on until both have detached; macOS removes it at once.
  using segment = Segment.create(IPC_PRIVATE, size, { removeOnDispose: true });
  using memory = segment.attach();
  memory.writeText(text);
  console.error(`wrote ${size} bytes to segment ${segment.id}`);

  const process = startAgain(import.meta.url, [CHILD, `${segment.id}`], signal);
  await success("the child", process, signal);
}

function child(segmentId: number): void {
  using memory = Segment.fromId(segmentId).attach({ access: "read" });
  console.log(`Client get ${memory.readText()}`);
}
