/**
 * A `DataView` that can only be read. Like the real one it throws a
 * `RangeError` outside its bounds, and a `TypeError` once the memory is detached.
 */
export class ReadonlyDataView {
  readonly #view: DataView;

  /** Wraps a `DataView`. */
  constructor(view: DataView) {
    this.#view = view;
  }

  /** The number of bytes. */
  get byteLength(): number {
    return this.#view.byteLength;
  }
  /** Reads a signed 8-bit integer. */
  getInt8(offset: number): number {
    return this.#view.getInt8(offset);
  }
  /** Reads an unsigned 8-bit integer. */
  getUint8(offset: number): number {
    return this.#view.getUint8(offset);
  }
  /** Reads a signed 16-bit integer. */
  getInt16(offset: number, littleEndian?: boolean): number {
    return this.#view.getInt16(offset, littleEndian);
  }
  /** Reads an unsigned 16-bit integer. */
  getUint16(offset: number, littleEndian?: boolean): number {
    return this.#view.getUint16(offset, littleEndian);
  }
  /** Reads a signed 32-bit integer. */
  getInt32(offset: number, littleEndian?: boolean): number {
    return this.#view.getInt32(offset, littleEndian);
  }
  /** Reads an unsigned 32-bit integer. */
  getUint32(offset: number, littleEndian?: boolean): number {
    return this.#view.getUint32(offset, littleEndian);
  }
  /** Reads a signed 64-bit integer. */
  getBigInt64(offset: number, littleEndian?: boolean): bigint {
    return this.#view.getBigInt64(offset, littleEndian);
  }
  /** Reads an unsigned 64-bit integer. */
  getBigUint64(offset: number, littleEndian?: boolean): bigint {
    return this.#view.getBigUint64(offset, littleEndian);
  }
  /** Reads a 16-bit float. */
  getFloat16(offset: number, littleEndian?: boolean): number {
    return this.#view.getFloat16(offset, littleEndian);
  }
  /** Reads a 32-bit float. */
  getFloat32(offset: number, littleEndian?: boolean): number {
    return this.#view.getFloat32(offset, littleEndian);
  }
  /** Reads a 64-bit float. */
  getFloat64(offset: number, littleEndian?: boolean): number {
    return this.#view.getFloat64(offset, littleEndian);
  }
}
