// Writes into a file so that other processes see it at once: it maps the file's first 2048 bytes,
// shared, and puts one more `a` behind the text in them once a second.
//
// Start it with `deno run --allow-ffi --allow-read=/tmp/letters --allow-write=/tmp/letters
// examples/mmap_writer.ts /tmp/letters`, then mmap_reader.ts in another terminal; in place of
// either, any C program that maps the file with MAP_SHARED. Ctrl-C ends it.
//
// It goes on where the text ends, whoever wrote that, and writes over zeros only: a file with
// anything else behind its text stays as it is, and is an error. So is a file that is full, when
// the text and its NUL take all 2048 bytes.

import { mapFile, mapOrCreateFile, type Mapping } from "../mod.ts";
import { main, pause } from "./_cli.ts";
import { checkWhole, readTurns, SIZE } from "./_mmap.ts";

const USAGE = `\
Usage: deno run --allow-ffi --allow-read=<file> --allow-write=<file>
         examples/mmap_writer.ts [options] <file>

Maps the first ${SIZE} bytes of <file>, and appends one letter after the other to the text in
them. Creates the file, or makes it longer, if need be.

  --count <number>      how many letters to write (default: until Ctrl-C)
  --interval <seconds>  the pause between two letters (default: 1)
  --help                show this`;

const LETTER = "a".charCodeAt(0);

await main(USAGE, async (signal) => {
  const { file, count, interval } = readTurns();
  const size = checkedSize(file);
  if (size === null) {
    console.error(`creating ${file} with ${SIZE} bytes`);
  } else if (size < SIZE) {
    console.error(`${file} has ${size} bytes: making it ${SIZE} bytes long, with zeros`);
  }
  using map = mapOrCreateFile(file, SIZE, { length: SIZE });
  console.error(`appending to the ${map.bytes.indexOf(0)} bytes of text in ${file}`);
  for (let written = 0; written < count; written++) {
    if (written > 0) await pause(interval, signal);
    checkWhole(map, file);
    append(map, file);
  }
});

/** The size of a file that letters may be appended to, or `null` if there is none. */
function checkedSize(file: string): number | null {
  try {
    using map = mapFile(file, { access: "readwrite" });
    const start = map.bytes.subarray(0, SIZE);
    const nul = start.indexOf(0);
    if (nul === -1 ? start.length === SIZE : start.subarray(nul).some((byte) => byte !== 0)) {
      throw new Deno.errors.InvalidData(
        `${file} holds something else than a text and zeros in its first ${SIZE} bytes. ` +
          "It stays as it is: give another file",
      );
    }
    return map.byteLength;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** Puts a letter where the text ends. */
function append({ bytes }: Mapping, file: string): void {
  const nul = bytes.indexOf(0);
  if (nul === -1 || nul + 1 === bytes.length) {
    throw new Error(`${file} is full: ${bytes.length} bytes hold no more letters and a NUL`);
  }
  bytes[nul + 1] = 0; // first, so that who reads meanwhile finds an end
  bytes[nul] = LETTER;
}
