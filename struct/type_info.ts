import type { Codec, ScalarCodec } from "./codec.ts";
import type { Make } from "./place.ts";

/** How a type is written in C: `<type> <name><suffix>;`, and a remark behind it. */
export interface CType {
  readonly type: string;
  readonly suffix: string;
  readonly note?: string;
}

/** What the library knows of a type of field, and its users don't get to see. */
export interface TypeInfo {
  /** What errors and tables call it. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** In bytes: what C aligns it to. */
  readonly align: number;
  /** What it is called in the text that fingerprints are made of. */
  readonly code: string;
  readonly c: CType;
  /** Plain values, as `toObject()` and `assign()` have them. */
  readonly codec: Codec;
  /** The codec again, for what is a property of its own; other types have accessors. */
  readonly scalar?: ScalarCodec;
  /** Makes an accessor. */
  readonly make?: Make;
  /** How many accessors are made with it. Default: 1. */
  readonly weight?: number;
  /** The record that it is, or that it consists of. */
  readonly record?: RecordInfo;
  /** What must be divisible by what so that its atomic fields are aligned. */
  readonly atomics?: readonly AtomicRule[];
}

/**
 * An atomic field `offset` bytes behind a type's start needs an address that is a multiple of
 * `size`.
 */
export interface AtomicRule {
  /** From the start of the type to the field. */
  readonly path: string;
  readonly offset: number;
  readonly size: number;
}

/** A row of a record's layout: a member, or the gap in front of the next. */
export interface RecordRow {
  /** The member's name; of a gap and of a bit field without a name, `undefined`. */
  readonly name?: string;
  /** The type; of a gap `undefined`. */
  readonly type?: TypeInfo;
  /** The first byte. */
  readonly offset: number;
  /** How many bytes: of a bit field those that it has bits in. */
  readonly size: number;
  /** Of a bit field the first bit, counted from the record's start. */
  readonly position?: number;
  /** Of a bit field the number of bits. */
  readonly bits?: number;
  /** Whether it is padding, be it C's or described. */
  readonly padding: boolean;
  /** The alignment that the member asks for. */
  readonly alignMember?: number;
}

/** What is known of a record. */
export interface RecordInfo {
  readonly kind: "struct" | "union";
  /** Its name, C's tag. */
  readonly tag: string;
  readonly size: number;
  readonly align: number;
  readonly packed: boolean;
  /** The alignment that was asked for. */
  readonly alignRecord?: number;
  readonly rows: readonly RecordRow[];
  readonly fingerprint: bigint;
}
