// Counts the lines, words and bytes of files as GNU wc does, and many times as fast: from memory
// mappings, with SIMD, on all cores.
//
// Start it with `deno run --allow-ffi --allow-read examples/wordcount.ts <file>...`. With
// `--allow-env=LC_ALL,LC_CTYPE,LANG` too, the locale says whether bytes are UTF-8, as for wc;
// without, they are. Deno opens files in /dev/fd, /proc and /sys only with --allow-all.
//
// Its numbers are those of wc 9.1. There a word starts with a printable character and ends with
// white space; what is neither, such as control characters and bytes of invalid UTF-8, does
// nothing. (Newly assigned characters are printable as soon as Deno, or the C library, knows them.)
//
// Files are mapped in pieces of 64 MiB at most, and so may be larger than main memory. Somebody
// who truncates a file while it is counted kills this program (SIGBUS): that is mmap's nature.

import { integer, main, parse } from "./_cli.ts";
import { type Kernel, loadKernel } from "./_wordcount_counter.ts";
import { add, NOTHING } from "./_wordcount_counts.ts";
import { isUtf8 } from "./_wordcount_locale.ts";
import { columnWidth, format } from "./_wordcount_output.ts";
import { createPool, type Pool } from "./_wordcount_pool.ts";
import { Progress } from "./_wordcount_progress.ts";
import { type Source, sourceOf, start } from "./_wordcount_sources.ts";

const COMMAND = "deno run --allow-ffi --allow-read examples/wordcount.ts";

const USAGE = `\
Usage: ${COMMAND} [options] [file...]

Prints how many lines, words and bytes each file has, and all of them together. Without a file, or
where it is -, it reads standard input.

  --locale <utf8|c>   what bytes are: UTF-8, or a character each; by default what LC_ALL, LC_CTYPE
                      and LANG say, with --allow-env=LC_ALL,LC_CTYPE,LANG, and UTF-8 without
  --workers <number>  how many Workers count; none if 0 or 1 (default: one for each core, if there
                      is enough to count)
  --help              show this`;

const START =
  `Start it with \`${COMMAND}\`, or with --allow-all for files in /dev/fd, /proc and /sys`;

const MAX_WORKERS = 256;

await main(USAGE, async (signal) => {
  const { flags: { locale, workers }, args } = parse({ string: ["locale", "workers"] });
  const wanted = workers === undefined ? null : integer("--workers", workers, 0, MAX_WORKERS);
  const kernel = loadKernel(isUtf8(locale));
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  aborted.catch(() => {}); // nobody waits for it yet
  signal.addEventListener("abort", () => reject(signal.reason));
  try {
    const sources = (args.length === 0 ? [null] : args).map(sourceOf);
    const size = sources.reduce((sum, source) => sum + source.size, 0);
    using pool = createPool(kernel, size, wanted, signal);
    using progress = await Progress.start(size);
    await Promise.race([aborted, count(sources, kernel, pool, progress)]);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    throw new Deno.errors.NotCapable(`${error.message}.\n${START}`);
  }
});
// Reading a terminal or a pipe can't be called off, and would keep the process alive.
Deno.exit();

/** Counts all sources, and prints their lines in order. */
async function count(
  sources: readonly Source[],
  kernel: Kernel,
  pool: Pool,
  progress: Progress,
): Promise<void> {
  const width = columnWidth(sources.map(({ status }) => status));
  const results = sources.map((source) => start(source, kernel, pool, progress));
  let total = NOTHING;
  for (const [i, { name }] of sources.entries()) {
    const { counts, error } = await results[i]();
    progress.hide();
    if (error !== undefined) {
      console.error(error);
      Deno.exitCode = 1;
    }
    if (counts === null) continue;
    console.log(format(counts, width, name));
    total = add(total, counts);
  }
  if (sources.length > 1) console.log(format(total, width, "total"));
}
