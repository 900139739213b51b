// hello_write.ts and hello_read.ts, as a user runs them.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { formatKey, ftok, Segment } from "../mod.ts";
import { compile, noCompiler } from "./_c.ts";
import { cleanup } from "./_objects.ts";
import { deno, type Output, Process, run } from "./_process.ts";

const NO_COMPILER = noCompiler("hello_write.ts and hello_read.ts with C programs");
const ID = 100;

type Tool = "hello_write" | "hello_read";

async function tool(name: Tool, ...args: string[]): Promise<Output> {
  await using process = deno(`examples/${name}.ts`, args);
  return await process.output();
}

/** A directory, and so a key, for one test; the segment with this key is removed. */
class Place implements Disposable {
  readonly path = Deno.makeTempDirSync({ prefix: "isthmus-hello-" });
  readonly key: number;
  readonly #cleanup: Disposable;

  constructor(id = ID) {
    this.key = ftok(this.path, id);
    this.#cleanup = cleanup(this.key);
  }

  get exists(): boolean {
    return Segment.list().some(({ key }) => key === this.key);
  }

  [Symbol.dispose](): void {
    this.#cleanup[Symbol.dispose]();
    Deno.removeSync(this.path);
  }
}

Deno.test("hello_write.ts leaves a greeting, which hello_read.ts prints and removes", async () => {
  using place = new Place();
  const written = await tool("hello_write", place.path);
  assertEquals([written.code, written.stderr], [0, ""]);
  const segment = Segment.open(place.key);
  assertEquals(written.stdout, `key=${formatKey(place.key)}\nshmid=${segment.id}\n`);
  const { size, mode, nattch } = segment.status();
  assertEquals({ size, mode, nattch }, { size: 512, mode: 0o600, nattch: 0 });

  const { code, stdout, stderr } = await tool("hello_read", place.path);
  assertEquals({ code, stdout, stderr }, {
    code: 0,
    stdout: "share mem=hello world\n",
    stderr: "",
  });
  assertEquals(place.exists, false);
});

Deno.test("hello_write.ts and hello_read.ts agree on the current directory and 100 by default", async () => {
  using place = new Place();
  const start = async (name: Tool) => {
    await using process = deno(`examples/${name}.ts`, [], ["--allow-ffi"], { cwd: place.path });
    return await process.output();
  };
  assertStringIncludes((await start("hello_write")).stdout, `key=${formatKey(place.key)}\n`);
  assertEquals((await start("hello_read")).stdout, "share mem=hello world\n");
  assertEquals(place.exists, false);
});

Deno.test("hello_write.ts and hello_read.ts take a project id", async () => {
  using place = new Place(0x66);
  assertEquals((await tool("hello_write", place.path, "102")).code, 0);
  assertEquals(place.exists, true);
  assertEquals((await tool("hello_read", place.path, "0x66")).stdout, "share mem=hello world\n");
  assertEquals(place.exists, false);
});

Deno.test("hello_write.ts writes into the segment that is there when it is started again", async () => {
  using place = new Place();
  const first = await tool("hello_write", place.path);
  {
    using memory = Segment.open(place.key).attach();
    memory.writeText("something else");
  }
  const second = await tool("hello_write", place.path);
  assertEquals([second.code, second.stdout], [0, first.stdout]);
  assertStringIncludes(second.stderr, "the segment is there already");
  assertEquals((await tool("hello_read", place.path)).stdout, "share mem=hello world\n");
  assertEquals(place.exists, false);
});

Deno.test("hello_read.ts says that hello_write.ts must be started first, and so a second time", async () => {
  using place = new Place();
  assertEquals((await tool("hello_write", place.path)).code, 0);
  assertEquals((await tool("hello_read", place.path)).code, 0);
  for (let time = 0; time < 2; time++) {
    const { code, stdout, stderr } = await tool("hello_read", place.path);
    assertEquals([code, stdout], [1, ""]);
    assertStringIncludes(stderr, "NotFound: nobody left a greeting. Start hello_write.ts first");
  }
});

Deno.test("hello_write.ts and hello_read.ts leave a segment alone that is of another size", async () => {
  using place = new Place();
  using segment = Segment.create(place.key, 4096, { removeOnDispose: true });
  for (const name of ["hello_write", "hello_read"] as const) {
    const { code, stdout, stderr } = await tool(name, place.path);
    assertEquals([code, stdout], [1, ""]);
    assertStringIncludes(stderr, "4096 bytes");
  }
  assertEquals(segment.status().size, 4096);
  using memory = segment.attach();
  assertEquals(memory.readText(), "");
});

Deno.test("hello_read.ts leaves a segment alone that holds no text", async () => {
  using place = new Place();
  using segment = Segment.create(place.key, 512, { removeOnDispose: true });
  using memory = segment.attach();
  memory.bytes.fill(0x61);
  const { code, stdout, stderr } = await tool("hello_read", place.path);
  assertEquals([code, stdout], [1, ""]);
  assertStringIncludes(stderr, "InvalidData: Cannot read text");
  assertEquals(segment.status().destroyed, false);
});

Deno.test("hello_read.ts prints what a killed process left", async () => {
  using place = new Place();
  const code = `
    import { Segment } from "${new URL("../mod.ts", import.meta.url)}";
    const memory = Segment.create(${place.key}, 512).attach();
    memory.writeText("hello world");
    console.log("written");
    setInterval(() => {}, 1000);
  `;
  await using process = new Process(Deno.execPath(), ["eval", code]);
  await process.until("stdout", "written");
  process.kill("SIGKILL");
  await process.output();
  assertEquals((await tool("hello_read", place.path)).stdout, "share mem=hello world\n");
  assertEquals(place.exists, false);
});

Deno.test({
  name: "hello_read.ts reads and removes what a C program wrote",
  ignore: NO_COMPILER,
  async fn() {
    using place = new Place();
    using program = await compile("hello_write");
    const written = await run(program.file, [place.path, `${ID}`]);
    assertEquals(written.code, 0, written.stderr);
    assertEquals((await tool("hello_read", place.path)).stdout, "share mem=hello world\n");
    assertEquals(place.exists, false);
  },
});

Deno.test({
  name: "a C program reads and removes what hello_write.ts wrote",
  ignore: NO_COMPILER,
  async fn() {
    using place = new Place();
    using program = await compile("hello_read");
    assertEquals((await tool("hello_write", place.path)).code, 0);
    const { code, stdout, stderr } = await run(program.file, [place.path, `${ID}`]);
    assertEquals([code, stdout], [0, "share mem=hello world\n"], stderr);
    assertEquals(place.exists, false);
  },
});

Deno.test({
  name: "hello_write.ts prints the key and the id that a C program prints",
  ignore: NO_COMPILER,
  async fn() {
    using place = new Place();
    using program = await compile("hello_write");
    const { stdout } = await tool("hello_write", place.path);
    assertEquals((await run(program.file, [place.path, `${ID}`])).stdout, stdout);
  },
});

for (const name of ["hello_write", "hello_read"] as const) {
  Deno.test(`${name}.ts explains itself on --help, and needs no permission for that`, async () => {
    await using process = deno(`examples/${name}.ts`, ["--help"], []);
    const { code, stdout, stderr } = await process.output();
    assertEquals([code, stderr], [0, ""]);
    assertStringIncludes(stdout, `Usage: deno run --allow-ffi examples/${name}.ts [path] [id]`);
  });

  Deno.test(`${name}.ts says which permission is missing`, async () => {
    using place = new Place();
    await using process = deno(`examples/${name}.ts`, [place.path], []);
    const { code, stdout, stderr } = await process.output();
    assertEquals([code, stdout], [1, ""]);
    assertStringIncludes(stderr, "--allow-ffi");
  });

  Deno.test(`${name}.ts refuses a command line that makes no sense`, async () => {
    using place = new Place();
    for (
      const [args, message] of [
        [[place.path, "100", "more"], "There is no argument more"],
        [[place.path, "0"], "[id] must be a whole number from 1 to 255"],
        [[place.path, "256"], 'received "256"'],
        [[place.path, "d"], 'received "d"'],
        [["--id", "100"], "There is no option --id"],
      ] as const
    ) {
      const { code, stdout, stderr } = await tool(name, ...args);
      assertEquals([code, stdout], [2, ""]);
      assertStringIncludes(stderr, message);
    }
    assertEquals(place.exists, false);
  });

  Deno.test(`${name}.ts fails on a path without a file`, async () => {
    const { code, stdout, stderr } = await tool(name, "/no/such/file");
    assertEquals([code, stdout], [1, ""]);
    assertStringIncludes(stderr, 'NotFound: Cannot make a key from "/no/such/file"');
  });
}
