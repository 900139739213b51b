// Random records with random values, in TypeScript and in C: for tests that hold the layouts to the C
// compiler. The same seed makes the same records.

import { array } from "../../struct/array.ts";
import { bytes } from "../../struct/bytes.ts";
import { aligned, bits, type BitsBase, padding, paddingBits } from "../../struct/members.ts";
import type { Abi } from "../../struct/record_layout.ts";
import {
  bool,
  char,
  cString,
  f32,
  f64,
  i16,
  i32,
  i64,
  i8,
  u16,
  u32,
  u64,
  u8,
} from "../../struct/scalars.ts";
import type { RecordType } from "../../struct/record_type.ts";
import { defineRecord } from "../../struct/struct.ts";
import type { Fields, FieldType, Member } from "../../struct/types.ts";

/** Statements in C for a value at an lvalue. */
type ToC = (lvalue: string, value: unknown) => string[];

/** A type, with values for it, and C that writes and checks them. */
interface Sort<T = FieldType> {
  readonly type: T;
  value(): unknown;
  readonly fill: ToC;
  readonly check: ToC;
}

/** A record with a value for each of its fields. */
export interface Generated {
  readonly type: RecordType;
  readonly value: Record<string, unknown>;
  /** C functions `fill_<name>` and `check_<name>`. */
  readonly functions: string;
}

/** Random numbers from a seed (mulberry32). */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed | 0;
  return (below) => {
    state = state + 0x6d2b79f5 | 0;
    let t = Math.imul(state ^ state >>> 15, 1 | state);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return Math.floor(((t ^ t >>> 14) >>> 0) / 2 ** 32 * below);
  };
}

const simple = (literal: (value: never) => string): Pick<Sort, "fill" | "check"> => ({
  fill: (lvalue, value) => [`${lvalue} = ${literal(value as never)};`],
  check: (lvalue, value) => [`expect(${lvalue} == ${literal(value as never)}, "${lvalue}");`],
});

/** For what lies the other way round: C writes it in its own order first. */
const reversed = (c: string, literal: (value: never) => string): Pick<Sort, "fill" | "check"> => {
  const each = (call: (own: string, lvalue: string) => string): ToC => (lvalue, value) => [
    `{ ${c} own = ${literal(value as never)}; ${call("&own", `(char *)&${lvalue}`)} }`,
  ];
  return {
    fill: each((own, to) => `put_reversed(${to}, ${own}, sizeof(${c}));`),
    check: (lvalue, value) =>
      each((own, to) => `expect(is_reversed(${to}, ${own}, sizeof(${c})), "${lvalue}");`)(
        lvalue,
        value,
      ),
  };
};

const hexEscapes = (data: Uint8Array): string =>
  `"${Array.from(data, (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("")}"`;

function integerLiteral(value: bigint | number): string {
  if (BigInt(value) === -(2n ** 63n)) return "INT64_MIN";
  return BigInt(value) < 0n ? `INT64_C(${value})` : `UINT64_C(${value})`;
}

const INTEGERS = { i8, u8, i16, u16, i32, u32, i64, u64 };

const WORDS = ["", "a", "grüße", "пингвин", "日本", "👋👋", "The quick brown fox jumps"];

/** Makes records; each may have those made before it as fields. */
export class Generator {
  readonly #random: (below: number) => number;
  readonly #abi: Abi | undefined;
  readonly #records: Sort<RecordType>[] = [];

  constructor(seed: number, abi?: Abi) {
    this.#random = randomFrom(seed);
    this.#abi = abi;
  }

  #one<T>(list: readonly T[]): T {
    return list[this.#random(list.length)];
  }

  /** An integer of some bits, often at the ends of its range. */
  #integer(width: number, signed: boolean): bigint {
    const min = signed ? -(2n ** BigInt(width - 1)) : 0n;
    const max = 2n ** BigInt(signed ? width - 1 : width) - 1n;
    const random = BigInt(this.#random(2 ** 32)) << 32n | BigInt(this.#random(2 ** 32));
    const any = signed ? BigInt.asIntN(width, random) : BigInt.asUintN(width, random);
    return this.#one([min, max, any, any, any]);
  }

  #integerSort(): Sort {
    const [name, basis] = this.#one(Object.entries(INTEGERS));
    const width = Number(name.slice(1));
    const signed = name[0] === "i";
    const c = `${signed ? "" : "u"}int${width}_t`;
    const value = () => {
      const integer = this.#integer(width, signed);
      return width === 64 ? integer : Number(integer);
    };
    switch (this.#random(6)) {
      case 0:
        return { type: basis.bigEndian(), value, ...reversed(c, integerLiteral) };
      case 1:
        if (width !== 64) break;
        return {
          type: (signed ? i64 : u64).asNumber(),
          value: () => Number(this.#integer(53, false)) * (signed && this.#random(2) ? -1 : 1),
          ...simple(integerLiteral),
        };
    }
    return { type: basis, value, ...simple(integerLiteral) };
  }

  #floatSort(): Sort {
    const value = () => (this.#random(2 ** 24) - 2 ** 23) / 2 ** this.#random(12);
    const little = this.#random(4) > 0;
    const literal = (value: number) => value === 0 ? "0.0" : `${value}${value % 1 ? "" : ".0"}`;
    const [type, c] = this.#random(2) ? [f64, "double"] : [f32, "float"];
    return little
      ? { type, value, ...simple(literal) }
      : { type: type.bigEndian(), value, ...reversed(c, literal) };
  }

  #textSort(): Sort {
    const size = 1 + this.#random(24);
    const padded = this.#random(2) === 0;
    const type = cString(size, { padded, truncate: true });
    const encoded = (value: unknown) => new TextEncoder().encode(value as string);
    return {
      type,
      // What the field keeps of a word.
      value: () => defineRecord("struct", "s", { s: type }, {}).create({ s: this.#one(WORDS) }).s,
      fill: (lvalue, value) => {
        const data = encoded(value);
        return data.length === 0 ? [] : [`memcpy(${lvalue}, ${hexEscapes(data)}, ${data.length});`];
      },
      check: (lvalue, value) => {
        const data = encoded(value);
        const end = data.length < size ? ` && ${lvalue}[${data.length}] == 0` : "";
        return [
          `expect(memcmp(${lvalue}, ${hexEscapes(data)}, ${data.length}) == 0${end}, "${lvalue}");`,
        ];
      },
    };
  }

  #bytesSort(): Sort {
    const size = 1 + this.#random(12);
    return {
      type: bytes(size),
      value: () => Uint8Array.from({ length: size }, () => this.#random(256)),
      fill: (lvalue, value) => [
        `memcpy(${lvalue}, ${hexEscapes(value as Uint8Array)}, ${size});`,
      ],
      check: (lvalue, value) => [
        `expect(memcmp(${lvalue}, ${hexEscapes(value as Uint8Array)}, ${size}) == 0, "${lvalue}");`,
      ],
    };
  }

  #arraySort(depth: number): Sort {
    const element = this.#sort(depth + 1);
    const length = 1 + this.#random(4);
    const each = (statements: ToC): ToC => (lvalue, value) =>
      (value as unknown[]).flatMap((one, index) => statements(`${lvalue}[${index}]`, one));
    return {
      type: array(element.type, length),
      value: () => Array.from({ length }, () => element.value()),
      fill: each(element.fill),
      check: each(element.check),
    };
  }

  /** A type that a field, or an element of an array, can have. */
  #sort(depth = 0): Sort {
    switch (this.#random(depth < 3 ? 10 : 7)) {
      case 0:
      case 1:
      case 2:
        return this.#integerSort();
      case 3:
        return this.#floatSort();
      case 4:
        return this.#textSort();
      case 5:
        return this.#bytesSort();
      case 6:
        return this.#random(2)
          ? {
            type: bool,
            value: () => this.#random(2) === 1,
            ...simple((value: boolean) => value ? "1" : "0"),
          }
          : {
            type: char,
            value: () => String.fromCharCode(this.#random(256)),
            ...simple((value: string) => `(char)${value.charCodeAt(0)}`),
          };
      case 7:
        return this.#arraySort(depth);
      default:
        return this.#records.length === 0 ? this.#integerSort() : this.#one(this.#records);
    }
  }

  #bitsSort(): Sort<Member> {
    if (this.#random(8) === 0) {
      return {
        type: bits(bool, 1),
        value: () => this.#random(2) === 1,
        ...simple((value: boolean) => value ? "1" : "0"),
      };
    }
    const [name, basis] = this.#one(Object.entries(INTEGERS));
    const most = Number(name.slice(1));
    const signed = name[0] === "i";
    const width = 1 + this.#random(most);
    const asNumber = most === 64 && width <= 53 && this.#random(2) === 0;
    const type = (asNumber ? (signed ? i64 : u64).asNumber() : basis) as BitsBase;
    return {
      type: bits(type, width),
      value: () => {
        const integer = this.#integer(width, signed);
        return most === 64 && !asNumber ? integer : Number(integer);
      },
      ...simple(integerLiteral),
    };
  }

  /** Bits in a row, and what may come between them. */
  #bitRun(): (Sort<Member> | Member)[] {
    return Array.from({ length: 1 + this.#random(6) }, () => {
      if (this.#random(6) > 0) return this.#bitsSort();
      const [name, type] = this.#one([...Object.entries(INTEGERS), ["u1", bool] as const]);
      return paddingBits(type as BitsBase, this.#random(Number(name.slice(1)) + 1));
    });
  }

  #members(): (Sort<Member> | Member)[] {
    const members: (Sort<Member> | Member)[] = [];
    const count = 1 + this.#random(7);
    while (members.length < count) {
      switch (this.#random(8)) {
        case 0:
        case 1:
          members.push(...this.#bitRun());
          break;
        case 2:
          if (this.#random(2)) members.push(padding(1 + this.#random(7)));
          break;
        case 3: {
          const sort = this.#sort();
          if (this.#random(2)) members.push(sort);
          else members.push({ ...sort, type: aligned(sort.type, 2 ** this.#random(7)) });
          break;
        }
        default:
          members.push(this.#sort());
      }
    }
    return members;
  }

  /** The next record. */
  next(name: string): Generated {
    const union = this.#random(8) === 0;
    const sorts = new Map<string, Sort<Member>>();
    const fields: Record<string, Member> = {};
    for (const [index, member] of this.#members().entries()) {
      const field = `f${index}`;
      fields[field] = "value" in member ? member.type : member;
      if ("value" in member) sorts.set(field, member);
    }
    if (sorts.size === 0) {
      fields.last = u8;
      sorts.set("last", { type: u8, value: () => 7, ...simple(integerLiteral) });
    }
    const type = this.#define(union ? "union" : "struct", name, fields);
    const names = [...sorts.keys()];
    const value = () => {
      const chosen = union ? [this.#one(names)] : names;
      return Object.fromEntries(chosen.map((name) => [name, sorts.get(name)?.value()]));
    };
    const each = (verb: "fill" | "check"): ToC => (lvalue, values) =>
      Object.entries(values as object).flatMap(([name, value]) =>
        sorts.get(name)?.[verb](`${lvalue}.${name}`, value) ?? []
      );
    const sort = { type, value, fill: each("fill"), check: each("check") };
    this.#records.push(sort);
    const own = value();
    const c = `${type.kind} ${name}`;
    const body = (verb: "fill" | "check", constant: string) =>
      `static void ${verb}_${name}(${constant}void *p) {\n  ${constant}${c} *r = p;\n${
        sort[verb]("(*r)", own).map((line) => `  ${line}\n`).join("")
      }  (void)r;\n}\n`;
    return { type, value: own, functions: body("fill", "") + body("check", "const ") };
  }

  #define(kind: "struct" | "union", name: string, fields: Fields): RecordType {
    const packed = this.#random(4) === 0;
    const align = this.#random(5) === 0 ? 2 ** this.#random(7) : undefined;
    try {
      return defineRecord(kind, name, fields, { packed, align }, this.#abi);
    } catch (error) {
      if (!(error instanceof RangeError) || !error.message.includes("align")) throw error;
      return defineRecord(kind, name, fields, { packed }, this.#abi); // it needs more than that
    }
  }
}

/** The file that tests/c/struct_generated.c includes. */
export function generatedHeader(declarations: string, records: readonly Generated[]): string {
  const functions = records.map(({ functions }) => functions).join("\n");
  const entries = records.map(({ type: { kind, name } }) =>
    `  {"${name}", sizeof(${kind} ${name}), fill_${name}, check_${name}},\n`
  ).join("");
  return `${declarations}\n${functions}\nstatic const struct entry entries[] = {\n${entries}};\n`;
}
