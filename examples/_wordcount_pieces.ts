// Counts files through memory mappings, piece by piece.

import { mapFile, SharedMemory } from "../mod.ts";
import type { Counts } from "./_wordcount_counts.ts";
import { Counter, type Kernel, WORKSPACE } from "./_wordcount_counter.ts";

/** A part of a file that is mapped and counted at once. */
export interface Piece {
  readonly path: string;
  readonly offset: number;
  readonly length: number;
  /** How many bytes behind it to look at, for a character that goes on there. */
  readonly ahead: number;
}

/** A character has up to three bytes behind its first one. */
const AHEAD = 3;

/** Cuts a file into pieces, at any bytes. */
export function cut(path: string, size: number, pieceSize: number): Piece[] {
  return Array.from({ length: Math.ceil(size / pieceSize) }, (_, i) => {
    const offset = i * pieceSize;
    const length = Math.min(pieceSize, size - offset);
    return { path, offset, length, ahead: Math.min(AHEAD, size - offset - length) };
  });
}

/** Maps a piece, and counts it. */
export function countPiece(kernel: Kernel, { path, offset, length, ahead }: Piece): Counts {
  // A private copy, which is never made, because the kernel writes into its workspace only: a
  // SharedMemory must be writable, and this needs no permission to write the file.
  using map = mapFile(path, { access: "copy", offset, length: length + ahead, populate: true });
  using shared = SharedMemory.from(map, { extra: WORKSPACE });
  const counter = new Counter(kernel, shared.wasm, shared.extraOffset);
  const end = shared.byteOffset + length;
  return counter.count(shared.byteOffset, end, end + ahead);
}
