// Reads the record that typed_server.ts wrote into shared memory, or a C program with the same
// struct, and prints it.
//
// Start typed_server.ts first, then in another terminal, in the same directory,
// `deno run --allow-ffi examples/typed_client.ts`; with --aligned if the server has it. With --dump
// the table shows the bytes of each field too.

import { type ReadonlyAttachment, Segment } from "../mod.ts";
import { main, pause } from "./_cli.ts";
import { OPTIONS, readTyped, SIZE, type Typed } from "./_typed.ts";

const USAGE = `\
Usage: deno run --allow-ffi examples/typed_client.ts [options]

Reads the record that typed_server.ts wrote, and prints its text, its layout and its values.

${OPTIONS}
  --dump           show the raw bytes too
  --help           show this`;

await main(USAGE, async (signal) => {
  const { key, type, dump } = readTyped(true);
  using memory = open(key).attach({ access: "read" });
  await written(type, memory, signal);

  const record = type.at(memory);
  const { intro, numerator, slash, denominator, equals, quotient, newline, goodbye } = record;
  const pi = Number(quotient.toPrecision(6)); // as %g in C
  console.log(`${intro}${numerator}${slash}${denominator}${equals}${pi}${newline}${goodbye}\n`);

  const grid = type.describe(record);
  console.log(dump ? withBytes(grid, type, memory) : grid);
});

function open(key: number): Segment {
  try {
    return Segment.open(key, { size: SIZE });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Deno.errors.NotFound(`${error.message} Start typed_server.ts first`);
  }
}

/** Waits until the record is there: we may have come between the segment's creation and that. */
async function written(
  type: Typed["type"],
  memory: ReadonlyAttachment,
  signal: AbortSignal,
): Promise<void> {
  const record = type.at(memory);
  if (isEmpty(memory)) console.error("nothing is written in the segment yet: waiting");
  while (isEmpty(memory)) await pause(0.01, signal);
  for (let look = 0; look < 100; look++) {
    const { slash, newline } = record;
    if (slash === "/" && newline === "\n" && record.goodbye !== "") return;
    await pause(0.01, signal);
  }
  throw new Deno.errors.InvalidData(
    `the segment doesn't hold the record ${type.name}. Give --aligned to both sides, or to none`,
  );
}

/** Whether the server hasn't begun to write: the segment starts with a text, and zeros are none. */
function isEmpty({ view }: ReadonlyAttachment): boolean {
  return view.getUint8(0) === 0;
}

/** The table, and beside each of its rows the bytes that it is about. */
function withBytes(grid: string, { layout }: Typed["type"], { view }: ReadonlyAttachment): string {
  const [title, head, ...rows] = grid.trimEnd().split("\n");
  const width = Math.max(...rows.map((row) => row.length)) + 2;
  const lines = rows.map((row, index) => {
    const { offset, size } = layout[index];
    const bytes = Array.from({ length: size }, (_, i) => hex(view.getUint8(offset + i)));
    return row.padEnd(width) + bytes.join(" ");
  });
  return [title, `${head.padEnd(width)}bytes`, ...lines, ""].join("\n");
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}
