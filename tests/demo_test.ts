import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ftok, Segment, SemaphoreSet } from "../mod.ts";
import { cleanup } from "./_objects.ts";
import { deno, type Process } from "./_process.ts";

/** As in the demo. */
const ID = 0x64;

/** A directory, and so a key, for one test; what it leaves by that key is removed. */
class Place implements Disposable {
  readonly path = Deno.makeTempDirSync({ prefix: "isthmus-demo-" });
  readonly key = ftok(this.path, ID);
  readonly #cleanup = cleanup(this.key);

  demo(...args: string[]): Process {
    return deno("examples/demo.ts", args, ["--allow-ffi", "--allow-run"], { cwd: this.path });
  }

  assertNothingLeft(): void {
    assertEquals(Segment.list().filter(({ key }) => key === this.key), []);
    assertEquals(SemaphoreSet.list().filter(({ key }) => key === this.key), []);
  }

  [Symbol.dispose](): void {
    this.#cleanup[Symbol.dispose]();
    Deno.removeSync(this.path);
  }
}

Deno.test("demo.ts shows a conversation and leaves nothing", async () => {
  using place = new Place();
  await using demo = place.demo();
  const { code, stdout, stderr } = await demo.output();
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  const said = [
    ...stdout.matchAll(/^server \| client say:hello server.*\[message number:(\d)\]$/gm),
  ];
  assertEquals(said.map(([_, number]) => number), ["1", "2", "3", "4", "5"]);
  assertMatch(stdout, /nothing is left.*\n$/);
  place.assertNothingLeft();
});

for (const [signal, exitCode] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  Deno.test(`demo.ts ends its programs and leaves nothing on ${signal}`, async () => {
    using place = new Place();
    await using demo = place.demo();
    await demo.until("stdout", "[message number:1]");
    demo.kill(signal);
    const { code, stderr } = await demo.output();
    assertEquals({ code, stderr }, { code: exitCode, stderr: "" });
    place.assertNothingLeft();
  });
}

Deno.test("demo.ts fails when the server does not start", async () => {
  using place = new Place();
  using _segment = Segment.create(place.key, 100, { removeOnDispose: true });
  await using demo = place.demo();
  const { code, stdout, stderr } = await demo.output();
  assertEquals({ code, stderr }, { code: 1, stderr: "Error: the server did not start\n" });
  assertStringIncludes(stdout, "server | Error: Cannot open segment");
});

Deno.test("demo.ts ends the client when the server dies", async () => {
  using place = new Place();
  await using demo = place.demo();
  await demo.until("stdout", "[message number:1]");
  Deno.kill(Segment.open(place.key).status().creatorPid, "SIGKILL");
  const { code, stderr } = await demo.output();
  assertEquals({ code, stderr }, { code: 1, stderr: "Error: the conversation failed\n" });
});

Deno.test("demo.ts --help tells how to use it, and needs no permission", async () => {
  await using demo = deno("examples/demo.ts", ["--help"], []);
  const { code, stdout } = await demo.output();
  assertEquals(code, 0);
  assertStringIncludes(stdout, "Usage: deno run --allow-ffi --allow-run examples/demo.ts");
});

Deno.test("demo.ts takes no arguments", async () => {
  for (const args of [["--count", "1"], ["surplus"]]) {
    await using demo = deno("examples/demo.ts", args, ["--allow-ffi", "--allow-run"]);
    const { code, stderr } = await demo.output();
    assertEquals(code, 2);
    assertStringIncludes(stderr, "Usage: ");
  }
});
