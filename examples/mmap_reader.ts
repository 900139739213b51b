// Prints, once a second, the text that another process writes into a file: it maps the
// file's first 2048 bytes, and sees every change without reading the file again.
//
// Start mmap_writer.ts first, then `deno run --allow-ffi --allow-read=/tmp/letters
// examples/mmap_reader.ts /tmp/letters`; in place of either, any C program that maps the file with
// MAP_SHARED. Ctrl-C ends it.

import { mapFile, type ReadonlyMapping } from "../mod.ts";
import { main, pause } from "./_cli.ts";
import { checkWhole, readTurns, SIZE } from "./_mmap.ts";

const USAGE = `\
Usage: deno run --allow-ffi --allow-read=<file> examples/mmap_reader.ts [options] <file>

Maps the first ${SIZE} bytes of <file>, and prints the text in them again and again.

  --count <number>      how many times to print it (default: until Ctrl-C)
  --interval <seconds>  the pause between two times (default: 1)
  --help                show this`;

await main(USAGE, async (signal) => {
  const { file, count, interval } = readTurns();
  using map = open(file);
  for (let printed = 0; printed < count; printed++) {
    if (printed > 0) await pause(interval, signal);
    checkWhole(map, file);
    console.log(`read=${map.readText()}`);
  }
});

function open(file: string): ReadonlyMapping {
  try {
    return mapFile(file, { length: SIZE });
  } catch (error) {
    const missing = error instanceof Deno.errors.NotFound;
    const short = error instanceof RangeError;
    if (!missing && !short) throw error;
    throw new Deno.errors.NotFound(
      `${file} ${missing ? "doesn't exist" : `is shorter than ${SIZE} bytes`}. ` +
        "Start mmap_writer.ts first, with the same file",
      { cause: error },
    );
  }
}
