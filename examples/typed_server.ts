// Writes a record of texts, integers, characters and a double into shared memory, where C programs
// find it as a struct.
//
// Start it with `deno run --allow-ffi examples/typed_server.ts`, then in another terminal, in the
// same directory, `deno run --allow-ffi examples/typed_client.ts`. With --aligned on both, the
// record has gaps, as a C compiler makes them; without, every field follows the one before.
//
// It removes the segment when a client has attached and detached it, or on Ctrl-C. It knows that
// from the kernel, which counts attachments: a client in C has nothing to do but shmat and shmdt.

import { formatKey, Segment } from "../mod.ts";
import { main, pause } from "./_cli.ts";
import { OPTIONS, readTyped, SIZE } from "./_typed.ts";

const USAGE = `\
Usage: deno run --allow-ffi examples/typed_server.ts [options]

Creates a segment, writes a record into it, prints the record's layout and values, and removes the
segment when a client has read it.

${OPTIONS}
  --help           show this`;

await main(USAGE, async (signal) => {
  const { key, type } = readTyped(false);
  using segment = create(key);
  using memory = segment.attach();

  const record = type.at(memory);
  record.intro = "PI is defined as: ";
  record.numerator = 22;
  record.slash = "/";
  record.denominator = 7;
  record.equals = "==";
  record.quotient = 22 / 7;
  record.newline = "\n";
  record.goodbye = "goodbye";

  console.log(type.describe(record));
  console.error(`waiting for a client: segment ${segment.id} with key ${formatKey(key)}`);
  while (!hadClient(segment)) await pause(0.02, signal);
});

/** Creates the segment, filled with zeros, and removed at the end of its scope. */
function create(key: number): Segment {
  try {
    return Segment.create(key, SIZE, { removeOnDispose: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    throw new Deno.errors.AlreadyExists(
      `there is a segment with the key ${formatKey(key)}: another server runs, or was killed. ` +
        `End it, give another --id, or remove the segment with \`ipcrm -M ${formatKey(key)}\``,
    );
  }
}

/** Whether somebody else has attached the segment, and nobody else has it now. */
function hadClient(segment: Segment): boolean {
  const { nattch, lastPid } = segment.status();
  return nattch === 1 && lastPid !== Deno.pid;
}
