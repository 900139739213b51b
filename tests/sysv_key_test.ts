import { assertEquals, assertThrows } from "@std/assert";
import { formatKey, ftok, type FtokOptions } from "../mod.ts";
import { assertSystemError } from "./_objects.ts";

/** What ftok(3) says it computes. */
function expectedKey(path: string | URL, id: number): number {
  const { dev, ino } = Deno.statSync(path);
  if (ino === null) throw new Error("no inode number");
  return (id << 24) | ((dev & 0xff) << 16) | (ino & 0xffff);
}

Deno.test("ftok() makes the key of the file and the project id that C makes", () => {
  for (const path of [".", "/", "/proc/self", new URL(import.meta.url)]) {
    for (const id of [1, 0x66, 127, 128, 255]) {
      assertEquals(ftok(path, id), expectedKey(path, id));
    }
  }
});

Deno.test("ftok() takes a file URL with characters that a URL escapes", async () => {
  const directory = await Deno.makeTempDir({ prefix: "isthmus é %20 " });
  try {
    const url = new URL(`file://${encodeURI(directory)}/`);
    assertEquals(ftok(url, 1), ftok(directory, 1));
  } finally {
    await Deno.remove(directory);
  }
});

Deno.test("ftok() takes a project id from 1 to 255, and 0 where it is asked for", () => {
  for (const id of [0, -1, 256, 1.5, NaN]) {
    assertThrows(() => ftok(".", id), RangeError, `received ${id}`);
  }
  assertThrows(
    () => ftok(".", "f" as unknown as number),
    TypeError,
    'projectId must be a number: received "f"',
  );
  assertEquals(ftok(".", 0, { allowZero: true }), expectedKey(".", 0));
  assertThrows(() => ftok(".", 256, { allowZero: true }), RangeError);
});

Deno.test("ftok() throws NotFound for a file that isn't there", () => {
  const error = assertThrows(() => ftok("/no/such/file", 1));
  assertSystemError(error, Deno.errors.NotFound, "ENOENT", "ftok");
  assertEquals(
    (error as Error).message,
    'Cannot make a key from "/no/such/file": there is no such file (ftok: ENOENT). ' +
      "Both programs must name an existing file or directory.",
  );
});

Deno.test("ftok() refuses what is no path", () => {
  const options: FtokOptions = {};
  for (const path of ["a\0b", new URL("https://example.com/"), new URL("file:///%ZZ"), 5, null]) {
    assertThrows(() => ftok(path as string, 1, options), TypeError, "path must");
  }
});

Deno.test("formatKey() shows a key as ipcs does", () => {
  assertEquals([0, 0x66, -1, 0xdeadbeef].map(formatKey), [
    "0x00000000",
    "0x00000066",
    "0xffffffff",
    "0xdeadbeef",
  ]);
  assertThrows(() => formatKey(2 ** 32), RangeError, "key must be an integer");
});
