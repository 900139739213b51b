// Fills a segment with the pattern 0, 1, ..., 255, 0, 1, ...: the second of Stevens' four tools.
//
// Start it with `deno run --allow-ffi examples/shmwrite.ts /tmp/file`; shmget.ts shows all four.

import { main } from "./_cli.ts";
import { openSegment, patternByte, readPath } from "./_pattern.ts";

const USAGE = `\
Usage: deno run --allow-ffi examples/shmwrite.ts <path>

Fills the segment that shmget.ts made for <path> with 0, 1, ..., 255, 0, 1, ...

  --help  show this`;

await main(USAGE, () => {
  const segment = openSegment(readPath());
  using memory = segment.attach();
  const { bytes } = memory;
  for (let offset = 0; offset < bytes.length; offset++) bytes[offset] = patternByte(offset);
  console.log(`wrote ${bytes.length} bytes to segment ${segment.id}`);
});
