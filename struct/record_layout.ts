// From the fields of a record to where they are.

import { describe } from "../ffi/check.ts";
import { unnamedBitsAlign } from "./abi.ts";
import { checkType } from "./field_type.ts";
import { canonicalText, fnv1a64 } from "./fingerprint.ts";
import { layOut, type Shape } from "./layout.ts";
import { checkAlign, type SpecialMember, specialMember } from "./members.ts";
import { checkFieldName } from "./names.ts";
import type { RecordInfo, RecordRow, TypeInfo } from "./type_info.ts";

/** How the fields of a record are laid out. */
export interface RecordOptions {
  /** Whether there are no gaps between them (`__attribute__((packed))`). Default: `false`. */
  readonly packed?: boolean;
  /**
   * What the record is aligned to at least, a power of two (`__attribute__((aligned))`). Default:
   * what its fields need, in a packed record 1.
   */
  readonly align?: number;
}

/** A member before it has a place. */
interface Draft extends SpecialMember {
  readonly name: string;
  readonly type?: TypeInfo;
}

/** A member in its place, with what a bit field's codec needs. */
export interface PlacedMember extends RecordRow {
  readonly special: SpecialMember | undefined;
}

/** A record's layout, and its members that have a value. */
export interface RecordLayout {
  readonly record: RecordInfo;
  readonly members: readonly PlacedMember[];
}

function checkFields(record: string, fields: unknown): [string, unknown][] {
  if (typeof fields !== "object" || fields === null || Array.isArray(fields)) {
    throw new TypeError(
      `fields of ${record} must be an object with a type for each name: received ${
        describe(fields)
      }`,
    );
  }
  const prototype = Object.getPrototypeOf(fields);
  if (prototype !== null && prototype !== Object.prototype) {
    // { __proto__: f64 } has no field of that name.
    throw new TypeError(
      `fields of ${record} must be a plain object, without a prototype of its own`,
    );
  }
  const entries = Object.entries(fields);
  if (entries.length === 0) throw new RangeError(`${record} must have a field at least`);
  return entries;
}

function draft(record: string, name: string, member: unknown): Draft {
  checkFieldName(record, name);
  const special = specialMember(member);
  if (special !== undefined) return { ...special, name };
  return { name, type: checkType(`${record}.${name}`, member) };
}

function shapeOf({ type, bits, padding, alignMember }: Draft): Shape {
  if (bits !== undefined && type !== undefined) {
    return { size: type.size, align: type.align, bits, unnamed: padding !== undefined };
  }
  return { size: type?.size ?? padding ?? 0, align: type?.align ?? 1, alignMember };
}

function rowOf(draft: Draft, position: number): PlacedMember {
  const { name, type, bits, padding, alignMember } = draft;
  const offset = Math.floor(position / 8);
  const common = { offset, padding: padding !== undefined, special: draft };
  if (bits === undefined) {
    return { ...common, name, type, alignMember, size: type?.size ?? padding ?? 0 };
  }
  return {
    ...common,
    name: padding === undefined ? name : undefined,
    type,
    position,
    bits,
    size: Math.ceil((position % 8 + bits) / 8),
  };
}

/** The rows, and between them the gaps. */
function withGaps(rows: readonly RecordRow[], size: number, union: boolean): RecordRow[] {
  const all: RecordRow[] = [];
  let end = 0;
  const gapUntil = (next: number) => {
    if (next > end) all.push({ offset: end, size: next - end, padding: true });
  };
  for (const row of rows) {
    if (!union) gapUntil(row.offset);
    all.push(row);
    end = Math.max(end, row.offset + row.size);
  }
  gapUntil(size);
  return all;
}

/** So that positions in bits are safe integers. */
const MAX_SIZE = Math.floor(Number.MAX_SAFE_INTEGER / 16);

function checkedOptions(
  tag: string,
  { packed = false, align }: RecordOptions,
): { packed: boolean; align: number | undefined } {
  if (typeof packed !== "boolean") {
    throw new TypeError(`packed must be a boolean: received ${describe(packed)}`);
  }
  if (align === undefined) return { packed, align };
  try {
    return { packed, align: checkAlign(align) };
  } catch (cause) {
    throw cause instanceof RangeError ? new RangeError(`${tag}: ${cause.message}`) : cause;
  }
}

/** What the ABI of the processor decides. */
export interface Abi {
  /** Whether bit fields without a name count for the record's alignment. */
  readonly unnamedBitsAlign: boolean;
}

/** Lays out the fields of a record, by default for the processor that this runs on. */
export function layOutRecord(
  kind: "struct" | "union",
  tag: string,
  fields: unknown,
  options: RecordOptions,
  abi?: Abi,
): RecordLayout {
  const { packed, align: alignRecord } = checkedOptions(tag, options);
  const drafts = checkFields(tag, fields).map(([name, member]) => draft(tag, name, member));
  const shapes = drafts.map(shapeOf);
  const hasUnnamed = shapes.some(({ unnamed }) => unnamed);
  const { size, align, positions } = layOut(shapes, {
    union: kind === "union",
    packed,
    align: alignRecord ?? 1,
    // Asked for only if it matters: the rest works on any platform.
    unnamedBitsAlign: abi?.unnamedBitsAlign ?? (hasUnnamed && unnamedBitsAlign()),
  });
  if (size === 0) throw new RangeError(`${tag} must have a field with a size`);
  if (size > MAX_SIZE) throw new RangeError(`${tag} is too large: it would have ${size} bytes`);
  if (alignRecord !== undefined && align > alignRecord) {
    throw new RangeError(
      `${tag}: align can only be more than what its fields need, which is ${align}: received ${alignRecord}`,
    );
  }
  const members = drafts.map((draft, index) => rowOf(draft, positions[index]));
  const rows = withGaps(members, size, kind === "union");
  const basis = { kind, tag, size, align, packed, alignRecord, rows };
  const record = { ...basis, fingerprint: fnv1a64(canonicalText(basis)) };
  return { record, members: members.filter(({ padding }) => !padding) };
}
