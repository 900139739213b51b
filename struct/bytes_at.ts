/**
 * Throws if bytes reach beyond a view: a walk's cursor may stand in front of its first element. A
 * `DataView` checks that itself; typed arrays on its buffer don't.
 */
export function checkInside(view: DataView, at: number, length: number): void {
  if (at < 0 || at > view.byteLength - length) throw new RangeError("there is no element yet");
}

/** The bytes of a part of a view, and never of what surrounds that in its buffer. */
export function bytesAt(view: DataView, at: number, length: number): Uint8Array {
  checkInside(view, at, length);
  return new Uint8Array(view.buffer, view.byteOffset + at, length);
}
