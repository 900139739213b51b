/**
 * Memory, wherever it came from: bytes, typed arrays, a `DataView` and text,
 * all of which end before the memory does.
 *
 * @module
 */

export { BaseMemory, Memory, ReadonlyMemory } from "./memory.ts";
export type { Discard, PageAdvice, Part } from "./pages.ts";
export { ReadonlyDataView } from "./readonly_data_view.ts";
export { type Element, ReadonlyTypedArray } from "./readonly_typed_array.ts";
export { SharedMemory, type SharedMemoryOptions } from "./shared_memory.ts";
export type { ReadTextOptions, WriteTextOptions } from "./text.ts";
export type {
  ArrayOptions,
  SharedTypedArray,
  TypedArray,
  TypedArrayConstructor,
} from "./typed_array.ts";
