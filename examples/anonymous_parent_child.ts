// A parent hands a text to its child through shared memory that has no name and no file. In C
// that is mmap() with MAP_SHARED and MAP_ANONYMOUS before fork(); here it is a memory descriptor,
// which goes down to the child and is mapped there once more.
//
// Start it with `deno run --allow-ffi --allow-run examples/anonymous_parent_child.ts`. Running the
// child takes --allow-run. There is nothing to remove: the memory ends with those who have it.

import { mapMemfd, Memfd } from "../mod.ts";
import { startAgain, success } from "./_child.ts";
import { main, parse, UsageError } from "./_cli.ts";

const USAGE = `\
Usage: deno run --allow-ffi --allow-run examples/anonymous_parent_child.ts

Writes a text into anonymous shared memory, and starts a child process that prints it.

  --help  show this`;

/** The first argument of a child; what finds the memory is the second. */
const CHILD = "--child";

/** In bytes. */
const SIZE = 2048;

if (Deno.args[0] === CHILD) child(Deno.args[1]);
else await main(USAGE, parent);

async function parent(signal: AbortSignal): Promise<void> {
  const { args: [surplus] } = parse({});
  if (surplus !== undefined) throw new UsageError(`There is no argument ${surplus}`);

  using memfd = Memfd.create(SIZE);
  using memory = memfd.map();
  memory.writeText("1234567890");

  const handle = memfd.inherit(); // from here on, programs that are started get the descriptor
  await success("the child", startAgain(import.meta.url, [CHILD, handle], signal), signal);
}

function child(handle: string): void {
  using memory = mapMemfd(handle, { access: "read" });
  console.log(`read father val=${memory.readText()}`);
}
