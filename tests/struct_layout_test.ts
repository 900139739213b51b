import { assert, assertEquals } from "@std/assert";
import { layOut, type Rules, type Shape } from "../struct/layout.ts";
import { array, f64, struct, toC, u16, u32, u64, u8 } from "../struct/mod.ts";
import type { Abi } from "../struct/record_layout.ts";
import { compile, isInstalled, noCompiler } from "./_c.ts";
import { path, run } from "./_process.ts";
import { type Generated, generatedHeader, Generator } from "./peers/struct_generate.ts";

const NATURAL: Rules = { union: false, packed: false, align: 1, unnamedBitsAlign: false };
const PACKED: Rules = { ...NATURAL, packed: true };

const plain = (size: number, align = size): Shape => ({ size, align });
const bits = (size: number, width: number, unnamed = width === 0): Shape => ({
  size,
  align: size,
  bits: width,
  unnamed,
});

Deno.test("layOut() aligns members naturally, and the size to the largest alignment", () => {
  const layout = layOut([plain(1), plain(4), plain(1), plain(8), plain(2)], NATURAL);
  assertEquals(layout, { size: 32, align: 8, positions: [0, 32, 64, 128, 192] });
});

Deno.test("layOut() leaves no gaps in a packed record, but for what a member asks for", () => {
  const members = [plain(1), plain(4), { ...plain(1), alignMember: 4 }, plain(8)];
  assertEquals(layOut(members, PACKED), { size: 20, align: 4, positions: [0, 8, 64, 72] });
});

Deno.test("layOut() starts every member of a union at 0", () => {
  const layout = layOut([plain(1), plain(12, 4), bits(8, 5)], { ...NATURAL, union: true });
  assertEquals(layout, { size: 16, align: 8, positions: [0, 0, 0] });
});

Deno.test("layOut() keeps a bit field within a unit of its type, unless the record is packed", () => {
  const fields = [bits(4, 20), bits(4, 13), bits(1, 5)];
  assertEquals(layOut(fields, NATURAL), { size: 8, align: 4, positions: [0, 32, 48] });
  assertEquals(layOut(fields, PACKED), { size: 5, align: 1, positions: [0, 20, 33] });
});

Deno.test("layOut() lets a bit field share its unit with what is none", () => {
  const layout = layOut([plain(1), bits(4, 7), plain(2)], NATURAL);
  assertEquals(layout, { size: 4, align: 4, positions: [0, 8, 16] });
});

Deno.test("layOut() ends the unit with a bit field of width 0, also in a packed record", () => {
  const fields = [bits(1, 3), bits(4, 0), bits(1, 3)];
  assertEquals(layOut(fields, NATURAL), { size: 5, align: 1, positions: [0, 32, 32] });
  assertEquals(layOut(fields, PACKED), { size: 5, align: 1, positions: [0, 32, 32] });
});

Deno.test("layOut() counts unnamed bit fields for the alignment where the ABI does", () => {
  const fields = [bits(1, 3), bits(4, 0), bits(2, 9, true), plain(1)];
  assertEquals(layOut(fields, NATURAL).align, 1);
  assertEquals(layOut(fields, { ...NATURAL, unnamedBitsAlign: true }), {
    size: 8,
    align: 4,
    positions: [0, 32, 32, 48],
  });
  // Width 0 isn't influenced by packing, other widths are.
  assertEquals(layOut(fields, { ...PACKED, unnamedBitsAlign: true }).align, 4);
});

Deno.test("layOut() raises the alignment to what is asked for", () => {
  assertEquals(layOut([plain(4)], { ...NATURAL, align: 64 }), {
    size: 64,
    align: 64,
    positions: [0],
  });
  assertEquals(layOut([plain(1), plain(4)], { ...PACKED, align: 2 }).size, 6);
});

Deno.test("struct() gives offsets, size and alignment", () => {
  const Point = struct("point", { x: f64, y: f64 });
  const Record = struct("record", { a: u8, b: u16, points: array(Point, 3), c: u32, d: u64 });
  assertEquals([Record.size, Record.align, Point.size], [72, 8, 16]);
  const names = ["a", "b", "points", "c", "d"] as const;
  assertEquals(names.map((name) => Record.offsetOf(name)), [0, 2, 8, 56, 64]);
});

/** The seeds of the runs against compilers: fixed, so that a failure can be repeated. */
const SEEDS = [1, 2026, 0x5eed];
const RECORDS = 150;

function generate(seed: number, abi?: Abi): Generated[] {
  const generator = new Generator(seed, abi);
  return Array.from({ length: RECORDS }, (_, index) => generator.next(`r${index}`));
}

/** Writes the header for tests/c/struct_generated.c, and returns the flag that names it. */
function writeHeader(file: string, records: readonly Generated[]): string[] {
  Deno.writeTextFileSync(
    file,
    generatedHeader(toC(...records.map(({ type }) => type)), records),
  );
  // It warns of what packed records do to a member that asked for an alignment, and of what GCC 4.3 did.
  return [
    `-DGENERATED="${file}"`,
    "-O0",
    "-Wno-packed-not-aligned",
    "-Wno-packed-bitfield-compat",
    "-Wno-address-of-packed-member",
  ];
}

/** The bytes of all records, filled with their values, one after the other. */
function filled(records: readonly Generated[]): Uint8Array {
  const all = new Uint8Array(records.reduce((sum, { type }) => sum + type.size, 0));
  let offset = 0;
  for (const { type, value } of records) {
    type.at(all, { offset }).assign(value as never);
    offset += type.size;
  }
  return all;
}

for (const seed of SEEDS) {
  Deno.test({
    name: `${RECORDS} generated records are laid out, written and read as in C (seed ${seed})`,
    ignore: noCompiler("layouts of records"),
    async fn() {
      const header = Deno.makeTempFileSync();
      const file = Deno.makeTempFileSync();
      try {
        const records = generate(seed);
        // Its static assertions compare offsets and sizes.
        using program = await compile("struct_generated", writeHeader(header, records));

        assertEquals(await run(program.file, ["write", file]).then(({ code }) => code), 0);
        const theirs = Deno.readFileSync(file);
        const ours = filled(records);
        assertEquals(ours.length, theirs.length, `seed ${seed}`);
        let offset = 0;
        for (const { type, value } of records) {
          const what = `seed ${seed}\n${type.describe()}`;
          const end = offset + type.size;
          assertEquals(ours.subarray(offset, end), theirs.subarray(offset, end), what);
          const read = type.at(theirs, { offset }).toObject();
          // Of a union they are one field's bytes, seen as each of them.
          if (type.kind === "struct") assertMatches(read, value, what);
          offset = end;
        }

        Deno.writeFileSync(file, ours);
        const { code, stderr } = await run(program.file, ["check", file]);
        assertEquals([code, stderr], [0, ""], `seed ${seed}`);

        ours.forEach((byte, index) => ours[index] = ~byte);
        Deno.writeFileSync(file, ours);
        assert((await run(program.file, ["check", file])).code === 1, "it would see a difference");
      } finally {
        Deno.removeSync(header);
        Deno.removeSync(file);
      }
    },
  });
}

/** Whether what was read has all values that were written; a union within has more. */
function assertMatches(read: unknown, written: unknown, what: string): void {
  if (written instanceof Uint8Array || typeof written !== "object" || written === null) {
    assertEquals(read, written, what);
    return;
  }
  for (const [name, value] of Object.entries(written)) {
    assertMatches((read as Record<string, unknown>)[name], value, `${what}\n${name}`);
  }
}

const AARCH64_CC = "aarch64-linux-gnu-gcc";

function noAarch64Compiler(): boolean {
  const missing = !isInstalled(AARCH64_CC);
  if (missing) console.log(`skipped, there is no ${AARCH64_CC}: layouts of records on aarch64`);
  return missing;
}

Deno.test({
  name: `${RECORDS} generated records are laid out as in C for aarch64`,
  ignore: noAarch64Compiler(),
  async fn() {
    const header = Deno.makeTempFileSync();
    try {
      for (const seed of SEEDS) {
        const flags = writeHeader(header, generate(seed, { unnamedBitsAlign: true }));
        const args = ["-fsyntax-only", "-Wall", "-Werror", ...flags];
        const source = path("tests/c/struct_generated.c");
        const { code, stderr } = await run(AARCH64_CC, [...args, source]);
        assertEquals([code, stderr], [0, ""], `seed ${seed}`);
      }
    } finally {
      Deno.removeSync(header);
    }
  },
});
