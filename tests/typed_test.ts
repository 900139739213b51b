// typed_server.ts and typed_client.ts, as a user runs them, and with C programs.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Aligned, Packed } from "../examples/_typed.ts";
import { formatKey, ftok, Segment } from "../mod.ts";
import { compile, noCompiler } from "./_c.ts";
import { cleanup } from "./_objects.ts";
import { deno, Process, run } from "./_process.ts";

const NO_COMPILER = noCompiler("typed_server.ts and typed_client.ts with C programs");

const ID = 0x70;
const SIZE = 1024;
const WAITING = "waiting for a client";
const TEXT = "PI is defined as: 22/7==3.14286\ngoodbye\n";
const NAMES = ["typed_server", "typed_client"] as const;

/** A directory, and so a key, for one test; what it leaves by that key is removed. */
class Place implements Disposable {
  readonly path = Deno.makeTempDirSync({ prefix: "isthmus-typed-" });
  readonly key = ftok(this.path, ID);
  readonly #cleanup = cleanup(this.key);

  start(name: typeof NAMES[number], ...args: string[]): Process {
    return deno(`examples/${name}.ts`, ["--path", this.path, ...args]);
  }

  /** A server that waits for its client. */
  async server(...args: string[]): Promise<Process> {
    const server = this.start("typed_server", ...args);
    await server.until("stderr", WAITING);
    return server;
  }

  assertNothingLeft(): void {
    assertEquals(Segment.list().filter(({ key }) => key === this.key), []);
  }

  [Symbol.dispose](): void {
    this.#cleanup[Symbol.dispose]();
    Deno.removeSync(this.path);
  }
}

const GRIDS = {
  packed: `struct pi_packed: 48 bytes, aligned to 1, packed, fingerprint ${hex(Packed)}
offset  size  type      name         value
     0    19  char[19]  intro        "PI is defined as: "
    19     4  i32       numerator    22
    23     1  char      slash        "/"
    24     4  i32       denominator  7
    28     3  char[3]   equals       "=="
    31     8  f64       quotient     3.142857142857143
    39     1  char      newline      "\\n"
    40     8  char[8]   goodbye      "goodbye"
`,
  aligned: `struct pi_aligned: 64 bytes, aligned to 8, fingerprint ${hex(Aligned)}
offset  size  type      name         value
     0    19  char[19]  intro        "PI is defined as: "
    19     1            (padding)
    20     4  i32       numerator    22
    24     1  char      slash        "/"
    25     3            (padding)
    28     4  i32       denominator  7
    32     3  char[3]   equals       "=="
    35     5            (padding)
    40     8  f64       quotient     3.142857142857143
    48     1  char      newline      "\\n"
    49     8  char[8]   goodbye      "goodbye"
    57     7            (padding)
`,
};

function hex(type: typeof Packed): string {
  return type.fingerprint().toString(16).padStart(16, "0");
}

/** The bytes of the record, made without the library. */
function expectedBytes(layout: keyof typeof GRIDS): Uint8Array {
  const [slash, denominator, equals, quotient, newline, goodbye] = layout === "packed"
    ? [23, 24, 28, 31, 39, 40]
    : [24, 28, 32, 40, 48, 49];
  const bytes = new Uint8Array(SIZE);
  const view = new DataView(bytes.buffer);
  const text = (offset: number, text: string) => bytes.set(new TextEncoder().encode(text), offset);
  text(0, "PI is defined as: ");
  view.setInt32(layout === "packed" ? 19 : 20, 22, true);
  text(slash, "/");
  view.setInt32(denominator, 7, true);
  text(equals, "==");
  view.setFloat64(quotient, 22 / 7, true);
  text(newline, "\n");
  text(goodbye, "goodbye");
  return bytes;
}

for (const layout of ["packed", "aligned"] as const) {
  const flags = layout === "aligned" ? ["--aligned"] : [];

  Deno.test(`typed_client.ts prints what typed_server.ts wrote, ${layout}`, async () => {
    using place = new Place();
    await using server = await place.server(...flags);
    const { size, mode } = Segment.open(place.key).status();
    assertEquals({ size, mode }, { size: SIZE, mode: 0o600 });
    await using client = place.start("typed_client", ...flags);
    const read = await client.output();
    assertEquals([read.code, read.stderr], [0, ""]);
    assertEquals(read.stdout, `${TEXT}\n${GRIDS[layout]}\n`);
    const { code, stdout, stderr } = await server.output(); // it ends because the client has
    assertEquals([code, stdout], [0, `${GRIDS[layout]}\n`], stderr);
    place.assertNothingLeft();
  });

  Deno.test(`typed_server.ts writes every byte where it belongs, ${layout}`, async () => {
    using place = new Place();
    await using server = await place.server(...flags);
    {
      using memory = Segment.open(place.key).attach({ access: "read" });
      assertEquals(Uint8Array.from(memory.bytes), expectedBytes(layout));
    }
    assertEquals((await server.output()).code, 0);
    place.assertNothingLeft();
  });

  Deno.test(`typed_client.ts --dump shows the bytes beside the table, ${layout}`, async () => {
    using place = new Place();
    await using server = await place.server(...flags);
    await using client = place.start("typed_client", "--dump", ...flags);
    const { code, stdout, stderr } = await client.output();
    assertEquals([code, stderr], [0, ""]);
    assertEquals((await server.output()).code, 0);
    const [title, head, ...rows] = stdout.slice(TEXT.length + 1).trimEnd().split("\n");
    const column = head.indexOf("bytes");
    const grid = [title, ...[head, ...rows].map((line) => line.slice(0, column).trimEnd()), ""];
    assertEquals(grid.join("\n"), GRIDS[layout]);
    const dumped = rows.flatMap((row) => row.slice(column).split(" "));
    const { size } = layout === "packed" ? Packed : Aligned;
    assertEquals(dumped.map((byte) => parseInt(byte, 16)), [
      ...expectedBytes(layout).subarray(0, size),
    ]);
  });

  Deno.test({
    name: `a C program reads what typed_server.ts wrote, ${layout}`,
    ignore: NO_COMPILER,
    async fn() {
      using place = new Place();
      using program = await compile("typed_peer");
      await using server = await place.server(...flags);
      const { code, stdout, stderr } = await run(program.file, [
        "client",
        layout,
        place.path,
        `${ID}`,
      ]);
      assertEquals([code, stdout], [0, TEXT], stderr);
      assertEquals((await server.output()).code, 0);
      place.assertNothingLeft();
    },
  });

  Deno.test({
    name: `typed_client.ts reads what a C program wrote, ${layout}`,
    ignore: NO_COMPILER,
    async fn() {
      using place = new Place(); // which removes the segment
      using program = await compile("typed_peer");
      await using server = new Process(program.file, ["server", layout, place.path, `${ID}`]);
      await server.until("stdout", "written");
      await using client = place.start("typed_client", ...flags);
      const { code, stdout, stderr } = await client.output();
      assertEquals([code, stdout], [0, `${TEXT}\n${GRIDS[layout]}\n`], stderr);
      {
        using memory = Segment.open(place.key).attach({ access: "read" });
        assertEquals(Uint8Array.from(memory.bytes), expectedBytes(layout));
      }
    },
  });

  Deno.test(`typed_client.ts says so when the server has the other layout, ${layout}`, async () => {
    using place = new Place();
    await using server = await place.server(...layout === "packed" ? ["--aligned"] : []);
    await using client = place.start("typed_client", ...flags);
    const { code, stdout, stderr } = await client.output();
    assertEquals([code, stdout], [1, ""]);
    assertEquals(
      stderr,
      `InvalidData: the segment doesn't hold the record pi_${layout}. ` +
        "Give --aligned to both sides, or to none\n",
    );
    assertEquals((await server.output()).code, 0);
  });
}

for (const [signal, exitCode] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  Deno.test(`typed_server.ts removes its segment on ${signal}`, async () => {
    using place = new Place();
    await using server = await place.server();
    server.kill(signal);
    const { code, stderr } = await server.output();
    assertEquals(code, exitCode, stderr);
    place.assertNothingLeft();
  });
}

Deno.test("typed_server.ts waits as long as a client is attached", async () => {
  using place = new Place();
  await using server = await place.server();
  {
    using _memory = Segment.open(place.key).attach();
    await using client = place.start("typed_client");
    assertEquals((await client.output()).code, 0);
    assertEquals(Segment.open(place.key).status().destroyed, false);
  }
  assertEquals((await server.output()).code, 0);
  place.assertNothingLeft();
});

Deno.test("a second typed_server.ts says that there is one, and leaves it alone", async () => {
  using place = new Place();
  await using server = await place.server();
  await using second = place.start("typed_server", "--aligned");
  const { code, stdout, stderr } = await second.output();
  assertEquals([code, stdout], [1, ""]);
  const key = formatKey(place.key);
  assertEquals(
    stderr,
    `AlreadyExists: there is a segment with the key ${key}: another server runs, or was killed. ` +
      `End it, give another --id, or remove the segment with \`ipcrm -M ${key}\`\n`,
  );
  await using other = await place.server("--id", "0x7f");
  other.kill("SIGINT");
  assertEquals((await other.output()).code, 130);
  await using client = place.start("typed_client");
  assertEquals((await client.output()).code, 0);
  assertEquals((await server.output()).code, 0);
});

Deno.test("typed_server.ts that was killed leaves a segment that its successor tells of", async () => {
  using place = new Place();
  await using server = await place.server();
  server.kill("SIGKILL");
  await server.output();
  await using second = place.start("typed_server");
  assertStringIncludes((await second.output()).stderr, "another server runs, or was killed");
  Segment.open(place.key).remove();
  await using third = await place.server();
  third.kill("SIGINT");
  assertEquals((await third.output()).code, 130);
  place.assertNothingLeft();
});

Deno.test("typed_client.ts says that the server must be started first", async () => {
  using place = new Place();
  await using client = place.start("typed_client");
  const { code, stdout, stderr } = await client.output();
  assertEquals([code, stdout], [1, ""]);
  assert(stderr.startsWith("NotFound: "), stderr);
  assert(stderr.endsWith("Start typed_server.ts first\n"), stderr);
});

Deno.test("typed_client.ts waits for a server that has only just created its segment", async () => {
  using place = new Place();
  using segment = Segment.create(place.key, SIZE, { removeOnDispose: true });
  using memory = segment.attach();
  await using client = place.start("typed_client");
  await client.until("stderr", "nothing is written in the segment yet");
  memory.bytes.set(expectedBytes("packed"));
  const { code, stdout, stderr } = await client.output();
  assertEquals([code, stdout], [0, `${TEXT}\n${GRIDS.packed}\n`], stderr);
});

Deno.test("typed_client.ts ends on Ctrl-C while it waits", async () => {
  using place = new Place();
  using segment = Segment.create(place.key, SIZE, { removeOnDispose: true });
  await using client = place.start("typed_client");
  await client.until("stderr", "nothing is written in the segment yet");
  client.kill("SIGINT");
  assertEquals((await client.output()).code, 130);
  assertEquals(segment.status().nattch, 0);
});

Deno.test("typed_client.ts refuses a segment that is too small, and one with other things", async () => {
  using place = new Place();
  for (
    const [size, byte, message] of [[48, 0, "fewer than the 1024"], [
      SIZE,
      0xff,
      "hold the",
    ]] as const
  ) {
    using segment = Segment.create(place.key, size, { removeOnDispose: true });
    using memory = segment.attach();
    memory.bytes.fill(byte);
    await using client = place.start("typed_client");
    const { code, stdout, stderr } = await client.output();
    assertEquals([code, stdout], [1, ""]);
    assertStringIncludes(stderr, message);
    assertEquals(stderr.trimEnd().split("\n").length, 1);
  }
});

for (const name of NAMES) {
  Deno.test(`${name}.ts explains itself on --help, and needs no permission for that`, async () => {
    await using process = deno(`examples/${name}.ts`, ["--help"], []);
    const { code, stdout, stderr } = await process.output();
    assertEquals([code, stderr], [0, ""]);
    assertStringIncludes(stdout, `Usage: deno run --allow-ffi examples/${name}.ts [options]`);
  });

  Deno.test(`${name}.ts refuses a command line that makes no sense`, async () => {
    using place = new Place();
    for (
      const [args, message] of [
        [["more"], "There is no argument more"],
        [["--size", "1"], "There is no option --size"],
        [["--id", "0"], "--id must be a whole number from 1 to 255"],
        [["--id", "many"], 'received "many"'],
        ...name === "typed_server" ? [[["--dump"], "There is no option --dump"]] as const : [],
      ] as const
    ) {
      await using process = place.start(name, ...args);
      const { code, stdout, stderr } = await process.output();
      assertEquals([code, stdout], [2, ""]);
      assertStringIncludes(stderr, message);
    }
    place.assertNothingLeft();
  });

  Deno.test(`${name}.ts says which permission is missing`, async () => {
    await using process = deno(`examples/${name}.ts`, [], []);
    const { code, stdout, stderr } = await process.output();
    assertEquals([code, stdout], [1, ""]);
    assertEquals(stderr.trimEnd().split("\n").length, 1);
    assertStringIncludes(stderr, "--allow-ffi");
  });
}
