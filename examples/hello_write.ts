// Leaves a greeting in a segment for a program that is started later: hello_read.ts, or a C program
// that knows the key.
//
// Start it with `deno run --allow-ffi examples/hello_write.ts`, then in the same directory
// `deno run --allow-ffi examples/hello_read.ts`. Started again before that, it writes the same
// once more into the segment that is there. Until somebody reads it the segment stays, or until
// `deno run --allow-ffi examples/ipcrm.ts -m <shmid>`.

import { formatKey, ftok, Segment } from "../mod.ts";
import { integer, main, parse, UsageError } from "./_cli.ts";

const USAGE = `\
Usage: deno run --allow-ffi examples/hello_write.ts [path] [id]

Writes "hello world" into a segment, and leaves that for hello_read.ts.

  [path]  an existing file or directory that the key is made of (default: .)
  [id]    the project id that the key is made of, from 1 to 255 (default: 100)
  --help  show this`;

/** Of the segment, in bytes. */
const SIZE = 512;

await main(USAGE, () => {
  const { args: [path = ".", id = "100", surplus] } = parse({});
  if (surplus !== undefined) throw new UsageError(`There is no argument ${surplus}`);

  const key = ftok(path, integer("[id]", id, 1, 255));
  const segment = Segment.openOrCreate(key, SIZE);
  if (!segment.created) console.error("the segment is there already: writing into that");
  using memory = segment.attach();
  memory.writeText("hello world");
  console.log(`key=${formatKey(key)}\nshmid=${segment.id}`);
});
