import { assert, assertEquals, assertThrows } from "@std/assert";
import { bitCodec, type BitsKind } from "../struct/bit_fields.ts";
import {
  bits,
  type BitsBase,
  bool,
  f64,
  i32,
  i64,
  i8,
  paddingBits,
  struct,
  u16,
  u32,
  u64,
  u8,
} from "../struct/mod.ts";
import { randomFrom } from "./peers/struct_generate.ts";

/** A field's bits in a number of them, which is what bytes are in little-endian order. */
function toInteger(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, byte) => sum << 8n | BigInt(byte), 0n);
}

Deno.test("bit fields of every position, width and sign change their own bits only", () => {
  const seed = 4711;
  const random = randomFrom(seed);
  const bytes = new Uint8Array(24);
  const view = new DataView(bytes.buffer);
  for (let position = 0; position < 72; position++) {
    for (let width = 1; width <= 64; width++) {
      for (const signed of [false, true]) {
        const kinds: BitsKind[] = width <= 32 ? ["number", "bigint", "safe"] : ["bigint"];
        if (width > 32 && width <= 53) kinds.push("safe");
        for (const kind of kinds) {
          const { offset, codec } = bitCodec({ position, width, signed, kind, recordSize: 24 });
          for (let i = 0; i < bytes.length; i++) bytes[i] = random(256);
          const before = toInteger(bytes);
          const any = BigInt(random(2 ** 32)) << 32n | BigInt(random(2 ** 32));
          const value = signed ? BigInt.asIntN(width, any) : BigInt.asUintN(width, any);
          codec.set(view, offset, kind === "bigint" ? value : Number(value));
          const mask = 2n ** BigInt(width) - 1n << BigInt(position);
          const after = before & ~mask | BigInt.asUintN(width, value) << BigInt(position);
          const what = `seed ${seed}: ${width} bits at ${position}, ${signed} ${kind}`;
          assert(toInteger(bytes) === after, what);
          assert(BigInt(codec.read(view, offset) as number) === value, what);
        }
      }
    }
  }
});

Deno.test("bit fields touch the bytes that they have bits in, and no others", () => {
  // A peer may write the neighbours at any time: C's memory model gives them to it.
  for (let position = 0; position < 16; position++) {
    for (const width of [1, 5, 8, 13, 17, 20, 24, 31, 32]) {
      const first = Math.floor(position / 8);
      const size = Math.ceil((position % 8 + width) / 8);
      const { offset, codec } = bitCodec({
        position,
        width,
        signed: false,
        kind: "number",
        recordSize: first + size,
      });
      const view = new DataView(new ArrayBuffer(first + size));
      // One that ends with the field: an access to more would throw.
      codec.set(view, offset, 1);
      assertEquals(codec.read(view, offset), 1, `${width} bits at ${position}`);
    }
  }
});

const Flags = struct("flags", {
  mode: bits(u32, 3),
  level: bits(i8, 5),
  on: bits(bool, 1),
  _unit: paddingBits(u32, 0),
  wide: bits(u64, 40),
  count: bits(u64.asNumber(), 20),
  small: bits(u16, 16),
});

Deno.test("bits() are numbers, bigints or booleans, as their type has it", () => {
  const flags = Flags.create({
    mode: 5,
    level: -3,
    on: true,
    wide: 2n ** 39n,
    count: 7,
    small: 65535,
  });
  assertEquals(flags.toObject(), {
    mode: 5,
    level: -3,
    on: true,
    wide: 2n ** 39n,
    count: 7,
    small: 65535,
  });
  const [mode, wide, on]: [number, bigint, boolean] = [flags.mode, flags.wide, flags.on];
  assertEquals([mode, wide, on], [5, 2n ** 39n, true]);
  flags.level = 15;
  flags.on = false;
  assertEquals([flags.mode, flags.level, flags.on], [5, 15, false]);
  assertEquals(Flags.create(JSON.parse(JSON.stringify(flags))).toObject(), flags.toObject());
});

Deno.test("bits() refuse what they can't hold", () => {
  const flags = Flags.create({ mode: 2, level: -1, wide: 9n });
  const before = flags.toObject();
  const set = (name: keyof typeof before, value: unknown) => () => {
    (flags as unknown as Record<string, unknown>)[name] = value;
  };
  for (
    const [name, value] of [["mode", 8], ["mode", -1], ["mode", 1.5], ["level", 16], [
      "level",
      -17,
    ]] as const
  ) {
    assertThrows(set(name, value), RangeError, `flags.${name} must be an integer`);
  }
  assertThrows(
    set("count", 2 ** 20),
    RangeError,
    "flags.count must be an integer from 0 to 1048575",
  );
  assertThrows(set("wide", 2n ** 40n), RangeError, "flags.wide must be an integer");
  for (
    const [name, value] of [["mode", "1"], ["mode", 1n], ["on", 1], ["wide", 5], [
      "count",
      5n,
    ]] as const
  ) {
    assertThrows(set(name, value), TypeError, `flags.${name} must be a`);
  }
  assertEquals(flags.toObject(), before);
});

Deno.test("bit fields have no offset, and their type must be one for bits", () => {
  assertThrows(() => Flags.offsetOf("mode"), TypeError, "flags.mode is a bit field");
  for (const type of [f64, u32.bigEndian(), u32.atomic(), Flags, undefined, 5]) {
    assertThrows(() => bits(type as BitsBase, 1), TypeError, "type must");
  }
  for (
    const [type, width] of [[u8, 9], [i32, 33], [bool, 2], [u64, 65], [u32, 0], [u32, -1], [
      u32,
      1.5,
    ]] as const
  ) {
    assertThrows(() => bits(type as BitsBase, width), RangeError, "width must be");
  }
  assertThrows(() => paddingBits(i64, 65), RangeError, "width must be");
});
