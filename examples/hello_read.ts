// Prints the greeting that hello_write.ts, or a C program that knows the key, left in a segment,
// and removes the segment.
//
// Start hello_write.ts first, then in the same directory `deno run --allow-ffi
// examples/hello_read.ts`.

import { ftok, Segment } from "../mod.ts";
import { integer, main, parse, UsageError } from "./_cli.ts";

const USAGE = `\
Usage: deno run --allow-ffi examples/hello_read.ts [path] [id]

Prints what hello_write.ts left in a segment, and removes that.

  [path]  an existing file or directory that the key is made of (default: .)
  [id]    the project id that the key is made of, from 1 to 255 (default: 100)
  --help  show this`;

/** Of the segment, in bytes. */
const SIZE = 512;

await main(USAGE, () => {
  const { args: [path = ".", id = "100", surplus] } = parse({});
  if (surplus !== undefined) throw new UsageError(`There is no argument ${surplus}`);

  const segment = open(ftok(path, integer("[id]", id, 1, 255)));
  {
    using memory = segment.attach({ access: "read" });
    console.log(`share mem=${memory.readText()}`);
  } // detached
  segment.remove();
});

/** Opens the segment; one of another size is somebody else's, and not ours to remove. */
function open(key: number): Segment {
  try {
    const segment = Segment.open(key);
    if (segment.size === SIZE) return segment;
    throw new Error(`segment ${segment.id} has ${segment.size} bytes, no greeting's ${SIZE}`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Deno.errors.NotFound(
      "nobody left a greeting. Start hello_write.ts first, with the same path and id, " +
        "or both in the same directory without these",
      { cause: error },
    );
  }
}
