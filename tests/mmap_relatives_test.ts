// Memory with a descriptor, and how relatives get it: this process by its handle, children, Workers.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { getpagesize } from "../ffi/pages.ts";
import { mapMemfd, Memfd } from "../mod.ts";
import { lines, MapWorker, pattern, reuseDescriptor, tempFile } from "./_files.ts";

const PAGE = getpagesize();
const ignore = Deno.build.os !== "linux";

Deno.test("a handle finds the memory again in this process, as long as the Memfd is open", {
  ignore,
}, () => {
  const memfd = Memfd.create(PAGE);
  const { descriptor } = memfd;
  using map = memfd.map();
  using again = mapMemfd(memfd.handle, { access: "read" });
  using opened = Memfd.open(memfd.handle);
  map.writeText("the same");
  assertEquals([again.readText(), opened.map().readText()], ["the same", "the same"]);
  memfd.close();
  const error = assertThrows(() => mapMemfd(memfd.handle)) as Error;
  assert(error instanceof Deno.errors.NotFound, error.message);
  assert(error.message.includes("Keep the Memfd open until it is mapped here"), error.message);
  // Another descriptor that has the number by now is not taken for it.
  const message = "this process doesn't have it";
  {
    using file = tempFile(pattern(PAGE));
    using _reused = reuseDescriptor(file.path, descriptor);
    assertThrows(() => mapMemfd(memfd.handle), Deno.errors.NotFound, message);
  }
  using other = Memfd.create(PAGE);
  assertEquals(other.descriptor, descriptor);
  assertThrows(() => Memfd.open(memfd.handle), Deno.errors.NotFound, message);
  assertEquals(again.readText(), "the same");
});

Deno.test("what isn't a handle is a TypeError", { ignore }, () => {
  using memfd = Memfd.create(1);
  const { handle } = memfd;
  const forged = [
    "",
    "memfd:",
    handle.slice(0, handle.lastIndexOf(":")),
    handle.replace(":", ":-"),
    handle.replace(":", ":99999999999"),
    handle.replace("memfd", "memfd:1e9"),
    ` ${handle}`,
    `${handle}\n`,
    handle.toUpperCase(),
    5,
    null,
    memfd,
  ];
  for (const text of forged) {
    assertThrows(() => mapMemfd(text as string), TypeError, "handle must be that of a Memfd");
  }
  assertThrows(() => mapMemfd(handle.replace(/\d$/, "$&0")), Deno.errors.NotFound);
});

const CHILD = `
  await report(() => {
    using memory = mapMemfd(Deno.args[0]);
    const text = memory.readText();
    memory.writeText("from the child");
    return text;
  });`;

/** Runs the child with a handle as its argument. */
async function child(handle: string): Promise<string> {
  // The argument comes behind the script: a shell puts it there.
  const wrapper = ["sh", "-c", 'handle=$1; shift; exec "$@" "$handle"', "sh", handle];
  const [line] = await lines(CHILD, { wrapper });
  return line;
}

Deno.test(
  "inherit() hands the memory down to a child, which maps it by the handle",
  { ignore },
  async () => {
    using memfd = Memfd.create(PAGE);
    using map = memfd.map();
    map.writeText("from the parent");
    assertEquals(memfd.inherit(), memfd.handle);
    assertEquals([await child(memfd.handle), map.readText()], [
      "done from the parent",
      "from the child",
    ]);
  },
);

Deno.test("without inherit(), or after inherit(false), the child says that it hasn't got it", {
  ignore,
}, async () => {
  using memfd = Memfd.create(PAGE);
  const line = await child(memfd.handle);
  assert(line.startsWith("NotFound undefined undefined Cannot open memfd:"), line);
  assert(line.includes("call its inherit() before the program is started"), line);
  memfd.inherit();
  memfd.inherit(false);
  assert((await child(memfd.handle)).startsWith("NotFound"));
});

Deno.test(
  "a child keeps the memory that it maps, also when the parent closed it",
  { ignore },
  async () => {
    using memfd = Memfd.create(PAGE);
    using map = memfd.map();
    memfd.inherit();
    // The Memfd is closed as soon as the child was started.
    const done = child(memfd.handle);
    memfd.close();
    assert((await done).startsWith("done"));
    assertEquals(map.readText(), "from the child");
  },
);

Deno.test("a Worker maps the memory by the handle that it is sent", { ignore }, async () => {
  using memfd = Memfd.create(PAGE);
  using map = memfd.map();
  using worker = new MapWorker();
  assertEquals(await worker.ask({ use: "map", handle: memfd.handle, rounds: 10_000 }), PAGE);
  assertEquals(map.view.getInt32(0, true), 10_000);
});

Deno.test("a Worker that gets a handle too late, or of a number that is another file's, says so", {
  ignore,
}, async () => {
  const memfd = Memfd.create(PAGE);
  const { descriptor } = memfd;
  using worker = new MapWorker();
  const late = () => worker.ask({ use: "map", handle: memfd.handle, rounds: 0 });
  memfd.close();
  const message = "NotFound: Cannot open memfd:";
  await assertRejects(late, Error, message);
  using file = tempFile(PAGE);
  using _reused = reuseDescriptor(file.path, descriptor);
  await assertRejects(late, Error, message);
});

Deno.test("a child that mapped the memory may map it again, but doesn't hand it further down", {
  ignore,
}, async () => {
  using memfd = Memfd.create(PAGE);
  using map = memfd.map();
  memfd.inherit();
  const wrapper = ["sh", "-c", 'handle=$1; shift; exec "$@" "$handle"', "sh", memfd.handle];
  const output = await lines(
    `
    const [handle] = Deno.args;
    mapMemfd(handle).writeText("once");
    await report(() => mapMemfd(handle).readText());
    const { stdout } = await new Deno.Command("ls", { args: ["-l", "/proc/self/fd"] }).output();
    console.log(new TextDecoder().decode(stdout).includes("memfd:isthmus"));`,
    { wrapper },
  );
  assertEquals([output, map.readText()], [["done once", "false"], "once"]);
});
