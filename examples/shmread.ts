// Checks that a segment holds the pattern 0, 1, ..., 255, 0, 1, ...: the third of Stevens' four
// tools.
//
// Start it with `deno run --allow-ffi examples/shmread.ts /tmp/file`; shmget.ts shows all four.

import { main } from "./_cli.ts";
import { openSegment, patternByte, readPath } from "./_pattern.ts";

const USAGE = `\
Usage: deno run --allow-ffi examples/shmread.ts <path>

Checks that the segment that shmget.ts made for <path> holds what shmwrite.ts writes. Tells each
byte that differs; the exit code is 1 if one does.

  --help  show this`;

await main(USAGE, () => {
  const segment = openSegment(readPath());
  using memory = segment.attach({ access: "read" });
  let different = 0;
  for (const [offset, found] of memory.bytes.entries()) {
    const expected = patternByte(offset);
    if (found !== expected) {
      console.log(`byte ${offset}: expected ${expected}, found ${found}`);
      different++;
    }
  }
  console.log(
    `${memory.byteLength} bytes in segment ${segment.id}, ${different} differ from the pattern`,
  );
  if (different > 0) Deno.exitCode = 1;
});
