// Creates a segment: the first of Stevens' four tools, which are used one after the other.
//
//     touch /tmp/file
//     deno run --allow-ffi examples/shmget.ts /tmp/file 1000
//     deno run --allow-ffi examples/shmwrite.ts /tmp/file
//     deno run --allow-ffi examples/shmread.ts /tmp/file
//     deno run --allow-ffi examples/shmrmid.ts /tmp/file
//
// All find the segment by the key ftok(path, 0), and so do the originals in C. Between the
// steps no program runs: the segment lives in the kernel.

import { formatKey, Segment } from "../mod.ts";
import { integer, main, parse } from "./_cli.ts";
import { named, patternKey } from "./_pattern.ts";

const USAGE = `\
Usage: deno run --allow-ffi examples/shmget.ts [-e] <path> <length>

Creates a segment of <length> bytes with the key of an existing file or directory, or finds it if
it is there with that length.

  -e      only create it: fail if it is there
  --help  show this`;

await main(USAGE, () => {
  const { flags: { e: exclusive }, args } = parse({ boolean: ["e"] });
  const [path, length] = named(args, "path", "length");
  const size = integer("<length>", length, 1, Number.MAX_SAFE_INTEGER);
  const key = patternKey(path);
  const segment = exclusive ? Segment.create(key, size) : Segment.openOrCreate(key, size);
  console.log(
    `${segment.created ? "created" : "found"} segment ${segment.id}, key ${formatKey(key)}`,
  );
});
