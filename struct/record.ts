import { describe } from "../ffi/check.ts";
import {
  Accessor,
  latePartProperty,
  makeParts,
  nestedScalarProperty,
  partProperty,
  reading,
  scalarProperty,
  writing,
} from "./accessor.ts";
import { distinctRules } from "./array.ts";
import { BadValue, within, wrongType } from "./bad_value.ts";
import { bitCodec } from "./bit_fields.ts";
import { bytesAt } from "./bytes_at.ts";
import type { Codec, ScalarCodec } from "./codec.ts";
import { hex } from "./fingerprint.ts";
import { toJson } from "./json.ts";
import type { Part, Place } from "./place.ts";
import type { PlacedMember, RecordLayout } from "./record_layout.ts";
import type { TypeInfo } from "./type_info.ts";
import type { JsonValue } from "./types.ts";

/** A field that has a value: where it is, and how it is read and written. */
interface Field {
  readonly name: string;
  readonly offset: number;
  readonly codec: Codec;
  /** The codec again, if the field is a property of its own. */
  readonly scalar?: ScalarCodec;
  readonly type: TypeInfo;
}

function fieldOf(member: PlacedMember, recordSize: number): Field {
  const { name = "", type, offset, position, bits, special } = member;
  if (type === undefined) throw new TypeError(`${name} has no type`);
  if (position === undefined || bits === undefined) {
    return { name, offset, codec: type.codec, scalar: type.scalar, type };
  }
  const { signed = false, kind = "number" } = special ?? {};
  const field = bitCodec({ position, width: bits, signed, kind, recordSize });
  return { name, offset: field.offset, codec: field.codec, scalar: field.codec, type };
}

/** Plain objects of a record's values. */
function recordCodec(tag: string, union: boolean, fields: readonly Field[]): Codec<object> {
  const byName = new Map(fields.map((field) => [field.name, field]));

  /** The fields that an object has values for. */
  function given(values: unknown): [Field, unknown][] {
    if (values instanceof Accessor) {
      throw new BadValue(
        TypeError,
        "must be an object of plain values: a record is copied with copyFrom()",
      );
    }
    if (typeof values !== "object" || values === null || Array.isArray(values)) {
      wrongType("an object of values", values);
    }
    const entries = Object.entries(values);
    if (union && entries.length !== 1) {
      throw new BadValue(
        TypeError,
        `is a union, and takes one of its fields at a time: received ${entries.length}`,
      );
    }
    return entries.map(([name, value]) => {
      const field = byName.get(name);
      if (field !== undefined) return [field, value];
      throw new BadValue(
        TypeError,
        `has no field ${describe(name)}: ${tag} has ${[...byName.keys()].join(", ")}`,
      );
    });
  }

  return {
    read: (view, at) => {
      const values: Record<string, unknown> = {}; // no field has a name that an object has
      for (const { name, offset, codec } of fields) {
        try {
          values[name] = codec.read(view, at + offset);
        } catch (error) {
          if (!(error instanceof BadValue)) throw error;
          // What a union holds can't be all of its fields.
          if (!union) throw error.within(`.${name}`);
        }
      }
      return values;
    },
    check: (values) => {
      for (const [{ name, codec }, value] of given(values)) {
        within(`.${name}`, () => codec.check(value));
      }
    },
    write: (view, at, values) => {
      for (const [{ name, offset, codec }, value] of given(values)) {
        within(`.${name}`, () => codec.write(view, at + offset, value));
      }
    },
  };
}

/** The record that an accessor is of; of none it is `undefined`. */
let infoOfRecord: (accessor: unknown) => TypeInfo | undefined;

/** What the records of all types have; each type has a class of its own, with its fields. */
class RecordAccessor extends Accessor {
  readonly #info: TypeInfo;

  static {
    infoOfRecord = (accessor) =>
      typeof accessor === "object" && accessor !== null && #info in accessor
        ? accessor.#info
        : undefined;
  }

  constructor(place: Place, info: TypeInfo) {
    super(place);
    this.#info = info;
  }

  toObject(): unknown {
    return reading(this, this.#info.codec.read);
  }

  toJSON(): JsonValue {
    return toJson(this.toObject());
  }

  assign(values: unknown): void {
    const { codec } = this.#info;
    writing(this, (view, base) => {
      codec.check(values);
      codec.write(view, base, values);
    });
  }

  copyFrom(source: unknown): void {
    const { name, size } = this.#info;
    if (infoOfRecord(source) !== this.#info) {
      throw new TypeError(
        `source must be a record of the type ${name}: received ${describe(source)}`,
      );
    }
    reading(
      source as Accessor,
      (from, at) =>
        writing(this, (to, base) => bytesAt(to, base, size).set(bytesAt(from, at, size))),
    );
  }

  [Symbol.for("Deno.customInspect")](inspect: typeof Deno.inspect, options: object): string {
    try {
      return `${this.#info.name} ${inspect(this.toObject(), options)}`;
    } catch (error) {
      return `${this.#info.name} <${error instanceof Error ? error.message : error}>`;
    }
  }
}
Object.freeze(RecordAccessor);

/**
 * The most accessors that are made with a record; if there were more, they are made when they are
 * asked for.
 */
const MAX_WEIGHT = 1000;

type RecordClass = new (place: Place, info: TypeInfo) => RecordAccessor;

/** The classes of a record that stands for itself, and of one that is a part of another. */
function recordClasses(
  fields: readonly Field[],
  parts: readonly Part[],
  name: string,
  early: boolean,
): [RecordClass, RecordClass] {
  class Own extends RecordAccessor {}
  class Nested extends RecordAccessor {}
  const property = early ? partProperty : latePartProperty;
  const define = (name: string, own: PropertyDescriptor, nested: PropertyDescriptor) => {
    Object.defineProperty(Own.prototype, name, own);
    Object.defineProperty(Nested.prototype, name, nested);
  };
  let slot = 0;
  for (const { name, offset, scalar } of fields) {
    const step = `.${name}`;
    if (scalar === undefined) {
      const part = property(parts, slot++);
      define(name, part, part);
    } else {
      define(
        name,
        scalarProperty(step, scalar, offset),
        nestedScalarProperty(step, scalar, offset),
      );
    }
  }
  for (const Class of [Own, Nested]) {
    Object.defineProperty(Class, "name", { value: name });
    Object.freeze(Class.prototype);
    // Whose parent could be replaced, would hand a record's place to that.
    Object.freeze(Class);
  }
  return [Own, Nested];
}

/** What is known of a record as a type of field. Its classes are made here, once. */
export function recordInfo({ record, members }: RecordLayout): TypeInfo {
  const { kind, tag, size, align } = record;
  const fields = members.map((member) => fieldOf(member, size));
  const parts: Part[] = fields.flatMap(({ name, offset, scalar, type: { make } }) =>
    scalar !== undefined || make === undefined ? [] : [{ step: `.${name}`, make, offset }]
  );
  const weight = 1 + fields.reduce(
    (sum, { scalar, type }) => scalar === undefined ? sum + (type.weight ?? 1) : sum,
    0,
  );
  const early = weight <= MAX_WEIGHT;
  const [Own, Nested] = recordClasses(fields, parts, tag, early);
  const info: TypeInfo = {
    name: tag,
    size,
    align,
    code: `{${hex(record.fingerprint)}}`,
    c: { type: `${kind} ${tag}`, suffix: "" },
    codec: recordCodec(tag, kind === "union", fields),
    make: (place) => {
      const made = new (place.root === undefined ? Own : Nested)(place, info);
      if (early) makeParts(made, parts);
      return made;
    },
    weight,
    record,
    atomics: distinctRules(
      fields.flatMap(({ name, offset, type, scalar }) =>
        scalar !== undefined ? [] : (type.atomics ?? []).map((rule) => ({
          path: `.${name}${rule.path}`,
          offset: offset + rule.offset,
          size: rule.size,
        }))
      ),
    ),
  };
  return info;
}
