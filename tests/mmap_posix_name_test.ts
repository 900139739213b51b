// The names of POSIX shared memory: which there may be, and which there are.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { PosixSharedMemory } from "../mod.ts";
import { freshName } from "./_files.ts";

const linux = { ignore: Deno.build.os !== "linux" };

Deno.test("a name is checked before it is used", () => {
  const use = [
    (name: unknown) => PosixSharedMemory.create(name as string, 1),
    (name: unknown) => PosixSharedMemory.open(name as string),
    (name: unknown) => PosixSharedMemory.openOrCreate(name as string, 1),
    (name: unknown) => PosixSharedMemory.remove(name as string),
  ];
  const bad: [string, string][] = [
    ["", "must name something"],
    ["/", "must name something"],
    [".", "must name something"],
    ["/..", "must name something"],
    ["/a/b", "must not have a slash but at its start"],
    ["a/b", "must not have a slash but at its start"],
    ["//a", "must not have a slash but at its start"],
    ["../etc/passwd", "must not have a slash but at its start"],
    ["/a\0b", "must not contain NUL"],
    [`/${"x".repeat(256)}`, "must not have more than"],
    ["ü".repeat(128), "must not have more than"],
  ];
  for (const call of use) {
    for (const [name, message] of bad) assertThrows(() => call(name), RangeError, message);
    for (const name of [5, null, undefined, {}]) {
      assertThrows(() => call(name), TypeError, "name must be a string");
    }
  }
});

Deno.test("the longest name is one of 255 bytes behind its slash", linux, () => {
  const unique = `isthmus-${crypto.randomUUID()}-`;
  for (const name of [unique.padEnd(255, "x"), unique.padEnd(251, "x") + "grü"]) {
    using shared = PosixSharedMemory.create(name, 1, { removeOnDispose: true });
    assertEquals(new TextEncoder().encode(shared.name).length, 256);
    assert(PosixSharedMemory.list().includes(shared.name));
  }
});

Deno.test("list() tells the names that exist, and no semaphores", linux, () => {
  using unique = freshName();
  using semaphore = freshName();
  const file = `/dev/shm/sem.${semaphore.name.slice(1)}`;
  Deno.writeFileSync(file, new Uint8Array(32));
  try {
    assert(!PosixSharedMemory.list().includes(unique.name));
    using _shared = PosixSharedMemory.create(unique.name, 1);
    const names = PosixSharedMemory.list();
    assert(names.includes(unique.name));
    assert(!names.some((name) => name.includes("sem.")));
  } finally {
    Deno.removeSync(file);
  }
});
