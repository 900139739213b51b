import { checkInteger, checkOptions, describe } from "../ffi/check.ts";
import { BaseMemory, Memory, ReadonlyMemory, regionOf } from "../memory/memory.ts";
import { SharedMemory } from "../memory/shared_memory.ts";
import type { Place } from "./place.ts";
import type { TypeInfo } from "./type_info.ts";

/** Memory that a record can stand on, and be written in. */
export type WritableRecordMemory = Memory | SharedMemory | ArrayBufferLike | ArrayBufferView;

/** Memory that a record can stand on. */
export type RecordMemory = WritableRecordMemory | ReadonlyMemory;

/** Where in a memory a record starts. */
export interface PlaceOptions {
  /** The first byte. Default: 0. */
  readonly offset?: number;
}

/** All bytes of a memory, and whether they may be written. */
interface Bytes {
  readonly buffer: ArrayBufferLike;
  readonly byteOffset: number;
  readonly byteLength: number;
  readonly readonly?: boolean;
}

const isDetached = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, "detached")?.get as (
  this: ArrayBufferLike,
) => boolean;

function isBuffer(value: unknown): value is ArrayBufferLike {
  return value instanceof ArrayBuffer || value instanceof SharedArrayBuffer;
}

function gone(name: string): Error {
  return new Deno.errors.BadResource(
    `Cannot place ${name}: its memory is gone (unmapped, or its buffer transferred away)`,
  );
}

/** What has the buffer of a memory that may be written. */
function writableBytes(name: string, source: unknown): Bytes {
  if (source instanceof Memory) return source.view; // which throws if the memory is gone
  if (source instanceof SharedMemory) {
    if (!source.mapped) throw gone(name);
    return source;
  }
  if (isBuffer(source)) return { buffer: source, byteOffset: 0, byteLength: source.byteLength };
  if (ArrayBuffer.isView(source)) return source;
  throw new TypeError(
    source instanceof BaseMemory
      ? `Cannot place ${name}: its memory may be neither read nor written`
      : `memory must be an attachment, a mapping, a SharedMemory, a buffer or a view on one: received ${
        describe(source)
      }`,
  );
}

function bytesOf(name: string, source: unknown): Bytes {
  if (source instanceof ReadonlyMemory) {
    const region = regionOf(source);
    if (region.detached) throw gone(name);
    const { buffer, byteOffset, byteLength } = region.newBytes();
    return { buffer, byteOffset, byteLength, readonly: true };
  }
  const bytes = writableBytes(name, source);
  const { buffer } = bytes;
  // Asked first: some views throw an error of their own when they are asked for their length.
  if (buffer instanceof ArrayBuffer && isDetached.call(buffer)) throw gone(name);
  return { buffer, byteOffset: bytes.byteOffset, byteLength: bytes.byteLength };
}

/**
 * Refuses a place where an atomic field would be misaligned: some processors end the process for
 * it.
 */
function checkAtomics({ name, atomics = [] }: TypeInfo, address: number, offset: number): void {
  for (const rule of atomics) {
    if ((address + rule.offset) % rule.size === 0) continue;
    throw new RangeError(
      `Cannot place ${name} at offset ${offset}: its atomic field ${name}${rule.path} would not be aligned to ${rule.size} bytes`,
    );
  }
}

/** How many elements of a size fit behind an offset. */
export function countFitting(source: unknown, type: TypeInfo, offset: number): number {
  const { byteLength } = bytesOf(type.name, source);
  return Math.max(0, Math.floor((byteLength - offset) / type.size));
}

/** The offset of options, checked. */
export function checkedOffset(options: PlaceOptions): number {
  return checkInteger("offset", checkOptions(options).offset ?? 0, 0);
}

/**
 * The place of a type in a memory, all of it checked: what stands there needs no check afterwards.
 */
export function placeIn(source: unknown, type: TypeInfo, offset: number): Place {
  const { name, size } = type;
  const bytes = bytesOf(name, source);
  // Not offset + size > byteLength, which could round.
  if (offset > bytes.byteLength || size > bytes.byteLength - offset) {
    throw new RangeError(
      `Cannot place ${name} at offset ${offset}: its ${size} bytes reach beyond the memory's ${bytes.byteLength}`,
    );
  }
  // A buffer starts at an aligned address, be it the engine's or a mapping's: what counts is the
  // place in it.
  checkAtomics(type, bytes.byteOffset + offset, offset);
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, size);
  // `root` too: an inherited property would be asked for it, and so get hold of the view.
  return { name, view, writable: bytes.readonly ? undefined : view, base: 0, root: undefined };
}
