// Removes a segment: the last of Stevens' four tools.
//
// Start it with `deno run --allow-ffi examples/shmrmid.ts /tmp/file`; shmget.ts shows all four.

import { main } from "./_cli.ts";
import { openSegment, readPath } from "./_pattern.ts";

const USAGE = `\
Usage: deno run --allow-ffi examples/shmrmid.ts <path>

Removes the segment that shmget.ts made for <path>.

  --help  show this`;

await main(USAGE, () => {
  const segment = openSegment(readPath());
  segment.remove();
  console.log(`removed segment ${segment.id}`);
});
