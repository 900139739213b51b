/**
 * How the bytes at an offset of a view become a plain value, and back. Nothing in it knows of
 * records: the view reaches far enough, and the offset is the field's.
 */
export interface Codec<V = unknown> {
  /** The value. */
  read(view: DataView, at: number): V;
  /** Writes what `check` lets pass. */
  write(view: DataView, at: number, value: unknown): void;
  /** Throws a `BadValue` unless `write` takes the value. */
  check(value: unknown): unknown;
}

/** A codec of values that a property can have. */
export interface ScalarCodec<V = unknown> extends Codec<V> {
  /** Returns what the field holds for a value, or throws a `BadValue`. */
  check(value: unknown): V;
  /**
   * Reads a property, as fast as can be: where it throws, it throws anything at all, and `read`
   * gives the value, or the reason.
   */
  get(view: DataView, at: number): V;
  /**
   * Writes a property, as fast as can be: it throws anything at all for a value that doesn't fit,
   * and writes nothing. `checkProperty()` then tells the reason.
   */
  set(view: DataView, at: number, value: V): void;
}
