// Pages of mapped memory, wherever it came from: advice, discarding, locking, residence.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { getpagesize } from "../ffi/pages.ts";
import {
  type AnyMapping,
  type Discard,
  IPC_PRIVATE,
  mapAnonymous,
  mapFile,
  Memfd,
  type PageAdvice,
  Segment,
} from "../mod.ts";
import {
  lines,
  noCapabilities,
  pattern,
  smapsField,
  tempFile,
  withoutCapabilities,
  withSmallPages,
} from "./_files.ts";
import { assertSystemError } from "./_objects.ts";

const PAGE = getpagesize();
const linux = { ignore: Deno.build.os !== "linux" };

const ADVICE: PageAdvice[] = [
  "normal",
  "sequential",
  "random",
  "willneed",
  "populateRead",
  "populateWrite",
  "cold",
  "dontdump",
  "dodump",
  "normal",
];

Deno.test("advise() changes nothing that the memory holds", linux, () => {
  using file = tempFile(pattern(10 * PAGE));
  using map = mapFile(file.path, { access: "readwrite" });
  using segment = Segment.create(IPC_PRIVATE, 10 * PAGE, { removeOnDispose: true });
  using attached = segment.attach();
  using anonymous = mapAnonymous(10 * PAGE);
  for (const memory of [map, attached, anonymous]) {
    memory.bytes.set(pattern(10 * PAGE));
    for (const advice of ADVICE) {
      memory.advise(advice);
      memory.advise(advice, { offset: PAGE + 5, length: 3 * PAGE });
      memory.advise(advice, { offset: 10 * PAGE });
      assertEquals(memory.bytes, pattern(10 * PAGE), advice);
    }
  }
});

Deno.test(
  "advise() takes huge pages and pageout, or the system says that it doesn't",
  linux,
  () => {
    using map = mapAnonymous(4 * 2 ** 20);
    map.bytes.fill(7);
    for (const advice of ["hugepage", "nohugepage", "pageout"] as const) {
      try {
        map.advise(advice);
      } catch (error) {
        assertSystemError(error, Error, "EINVAL", "madvise");
      }
      assertEquals([map.bytes[0], map.bytes.at(-1)], [7, 7]);
    }
  },
);

Deno.test("advise() populates where it may, and says so where not", linux, () => {
  using map = withSmallPages(mapAnonymous(8 * PAGE));
  assertEquals(map.residentPages(), 0);
  map.advise("populateWrite", { offset: PAGE, length: 2 * PAGE });
  assertEquals(map.residentPages(), 2);
  using reserved = mapAnonymous(PAGE, { access: "none" });
  assertThrows(() => reserved.advise("populateRead"), Error, '"populateRead"');
  using file = tempFile(PAGE);
  using readonly = mapFile(file.path);
  readonly.advise("populateRead");
  assertThrows(() => readonly.advise("populateWrite"), Error, "populateWrite");
});

Deno.test("advise() and discard() know their words, and check the part", () => {
  using map = mapAnonymous(2 * PAGE);
  const advise = (word: unknown) => () => map.advise(word as PageAdvice);
  assertThrows(advise("soon"), TypeError, 'advice must be one of "normal", "sequential"');
  assertThrows(advise(undefined), TypeError, "received undefined");
  for (const word of ["toString", "__proto__", "constructor", 4]) {
    assertThrows(advise(word), TypeError, "advice must be one of");
  }
  assertThrows(() => map.discard("all" as Discard), TypeError, 'how must be one of "dontneed"');
  const parts: [object, ErrorConstructor, string][] = [
    [{ offset: 2 * PAGE + 1 }, RangeError, `reach beyond the memory's ${2 * PAGE} bytes`],
    [{ offset: PAGE, length: PAGE + 1 }, RangeError, "reach beyond"],
    [{ offset: -1 }, RangeError, "offset must be an integer"],
    [{ length: NaN }, RangeError, "length must be an integer"],
    [{ offset: "1" }, TypeError, "offset must be a number"],
  ];
  for (const [part, errorClass, message] of parts) {
    for (const use of ["lock", "unlock", "residentPages"] as const) {
      assertThrows(() => map[use](part), errorClass, message);
    }
    assertThrows(() => map.advise("normal", part), errorClass, message);
    assertThrows(() => map.discard("dontneed", part), errorClass, message);
  }
  assertThrows(() => map.lock(5 as unknown as object), TypeError, "options must be an object");
});

Deno.test(
  'discard("dontneed") gives zeros to private memory, and the file again to a copy',
  linux,
  () => {
    using map = mapAnonymous(4 * PAGE);
    map.bytes.fill(7);
    map.discard("dontneed", { offset: PAGE, length: 2 * PAGE });
    assertEquals([0, 1, 2, 3].map((page) => map.bytes[page * PAGE]), [7, 0, 0, 7]);
    map.discard("dontneed");
    assert(map.bytes.every((byte) => byte === 0));
    using file = tempFile(pattern(2 * PAGE));
    using copy = mapFile(file.path, { access: "copy" });
    copy.bytes.fill(0);
    copy.discard("dontneed", { length: PAGE });
    assertEquals([copy.bytes[5], copy.bytes[PAGE]], [pattern(6)[5], 0]);
    using shared = mapFile(file.path, { access: "readwrite" });
    shared.bytes[0] = 99;
    shared.discard("dontneed");
    assertEquals(shared.bytes[0], 99);
  },
);

Deno.test(
  'discard("dontneed") takes the memory\'s own end, and no other part of a page',
  linux,
  () => {
    using map = mapAnonymous(2 * PAGE + 5);
    map.bytes.fill(7);
    map.discard("dontneed", { offset: PAGE });
    assertEquals([map.bytes[PAGE - 1], map.bytes[PAGE], map.bytes[2 * PAGE + 4]], [7, 0, 0]);
    const parts = [
      { offset: 1 },
      { length: 1 },
      { offset: PAGE, length: PAGE + 1 },
      { offset: PAGE - 1, length: PAGE + 1 },
      { length: 2 * PAGE + 4 },
    ];
    for (const part of parts) {
      assertThrows(() => map.discard("dontneed", part), RangeError, "must be those of whole pages");
    }
    map.discard("dontneed", { offset: PAGE + 1, length: 0 });
    assertEquals(map.bytes[0], 7);
    using file = tempFile(pattern(3 * PAGE));
    using piece = mapFile(file.path, { access: "copy", offset: 10 });
    assertThrows(() => piece.discard("dontneed"), RangeError, "whole pages");
    piece.bytes[PAGE - 10] = 0;
    piece.discard("dontneed", { offset: PAGE - 10 });
    assertEquals(piece.bytes[PAGE - 10], pattern(PAGE + 1)[PAGE]);
  },
);

Deno.test('discard("remove") makes a hole in the file, for everybody', linux, () => {
  using file = tempFile(pattern(4 * PAGE));
  using map = mapFile(file.path, { access: "readwrite" });
  using other = mapFile(file.path);
  map.discard("remove", { offset: PAGE, length: 2 * PAGE });
  const expected = pattern(4 * PAGE).fill(0, PAGE, 3 * PAGE);
  assertEquals([file.bytes(), other.bytes.slice()], [expected, expected]);
  using memfd = Memfd.create(2 * PAGE);
  using memory = memfd.map();
  memory.bytes.fill(7);
  memory.discard("remove");
  assertEquals([memory.bytes[0], memory.bytes[2 * PAGE - 1], memfd.size], [0, 0, 2 * PAGE]);
});

Deno.test('discard("remove") removes nothing behind the map, in its last page', linux, () => {
  const content = pattern(3 * PAGE);
  using file = tempFile(content);
  using map = mapFile(file.path, { access: "readwrite", length: PAGE + 100 });
  for (const part of [{}, { offset: PAGE }, { length: PAGE + 1 }]) {
    assertThrows(() => map.discard("remove", part), RangeError, "whole pages");
  }
  assertEquals(file.bytes(), content);
  map.discard("remove", { length: PAGE });
  assertEquals(file.bytes(), content.fill(0, 0, PAGE));
});

Deno.test('discard("free") and "remove" say what they don\'t do', linux, () => {
  using private_ = mapAnonymous(2 * PAGE);
  private_.bytes.fill(7);
  private_.discard("free");
  assert([0, 7].includes(private_.bytes[0]));
  const error = assertThrows(() => private_.discard("remove")) as Error;
  assertSystemError(error, Error, "EINVAL", "madvise");
  using file = tempFile(pattern(PAGE));
  using shared = mapFile(file.path, { access: "readwrite" });
  assertThrows(() => shared.discard("free"), Error, `can't do "free" to it`);
  using copy = mapFile(file.path, { access: "copy" });
  const refused = assertThrows(() => copy.discard("remove")) as Error;
  assertSystemError(refused, Deno.errors.PermissionDenied, "EACCES", "madvise");
  assert(refused.message.includes("only memory that is shared"), refused.message);
  assertEquals(file.bytes(), pattern(PAGE));
});

Deno.test("residentPages() counts what is in main memory", linux, () => {
  using map = withSmallPages(mapAnonymous(300 * PAGE));
  assertEquals(map.residentPages(), 0);
  for (const page of [0, 1, 100, 299]) map.bytes[page * PAGE] = 1;
  assertEquals([
    map.residentPages(),
    map.residentPages({ offset: PAGE }),
    map.residentPages({ offset: 100 * PAGE, length: 1 }),
    map.residentPages({ offset: 100 * PAGE - 1, length: 2 }),
    map.residentPages({ offset: 100 * PAGE - 1, length: 1 }),
    map.residentPages({ offset: 7, length: 0 }),
  ], [4, 3, 1, 1, 0, 0]);
  map.discard("dontneed");
  assertEquals(map.residentPages(), 0);
});

Deno.test("residentPages() of a memory of many gigabytes asks for a part at a time", linux, () => {
  const size = 40 * 2 ** 30;
  using map = withSmallPages(mapAnonymous(size, { noReserve: true }));
  for (const place of [0, 2 ** 28 - 1, 2 ** 28, size - 1]) map.bytes[place] = 1;
  assertEquals(map.residentPages(), 4);
});

Deno.test("lock() keeps pages in main memory, and unlock() lets them go", linux, () => {
  using map = mapAnonymous(8 * PAGE);
  const locked = () => smapsField(map.address, "Locked") * 1024 / PAGE;
  map.lock();
  assertEquals([map.residentPages(), locked()], [8, 8]);
  map.unlock();
  assertEquals(locked(), 0);
  using file = tempFile(4 * PAGE);
  for (const access of ["read", "readwrite", "copy"] as const) {
    using piece = mapFile(file.path, { access, offset: 5 });
    piece.lock({ offset: PAGE, length: 1 });
    piece.lock();
    piece.unlock({ offset: 2 * PAGE });
    piece.unlock();
  }
});

Deno.test(
  "what was advised or locked in parts can still be resized, protected and closed",
  linux,
  () => {
    using memfd = Memfd.create(16 * PAGE);
    const change: ((map: AnyMapping) => void)[] = [
      (map) => map.lock({ offset: 2 * PAGE, length: PAGE }),
      (map) => map.advise("dontdump", { offset: 4 * PAGE, length: PAGE }),
      (map) => map.advise("random", { offset: 6 * PAGE, length: PAGE }),
    ];
    for (const apply of change) {
      using map = memfd.map();
      apply(map);
      map.bytes.fill(3);
      map.resize(10 * PAGE);
      try {
        map.resize(16 * PAGE);
      } catch (error) {
        assert((error as Error).message.includes("advised or locked differently"), String(error));
      }
      assertEquals([map.bytes[0], map.bytes.at(-1)], [3, 3]);
      using readonly = map.protect("read");
      assertEquals(readonly.bytes.at(5 * PAGE), 3);
    }
  },
);

Deno.test({
  name: "the limit on locked memory is an error that names it, and locks nothing",
  ignore: noCapabilities("the limit on locked memory"),
  async fn() {
    const code = `
      const map = mapAnonymous(2 ** 20);
      await report(() => map.lock());
      await report(() => map.lock({ length: 65536 }));
      await report(() => map.unlock());
      map.bytes.fill(1);
      console.log(map.bytes.length);
      using segment = Segment.create(IPC_PRIVATE, 2 ** 20, { removeOnDispose: true });
      using attached = segment.attach();
      await report(() => attached.lock());`;
    const limited = (limit: number) => [
      ...withoutCapabilities("ipc_lock"),
      "prlimit",
      `--memlock=${limit}:${limit}`,
    ];
    const output = await lines(code, { wrapper: limited(131072) });
    for (const line of [output[0], output[4]]) {
      assert(line.startsWith("Error ENOMEM mlock Cannot lock"), line);
      assert(line.includes("Raise RLIMIT_MEMLOCK"), line);
    }
    assertEquals(output.slice(1, 4), ["done undefined", "done undefined", String(2 ** 20)]);
    const [none] = await lines(code, { wrapper: limited(0) });
    assert(none.startsWith("PermissionDenied EPERM mlock Cannot lock"), none);
    assert(none.includes("Raise RLIMIT_MEMLOCK"), none);
  },
});
