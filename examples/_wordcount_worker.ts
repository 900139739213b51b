// A Worker of wordcount.ts: counts the pieces that it is sent, one after the other.

import type { Kernel } from "./_wordcount_counter.ts";
import type { Counts } from "./_wordcount_counts.ts";
import { countPiece, type Piece } from "./_wordcount_pieces.ts";

/** What a Worker is sent: first the kernel, then pieces. */
export type Order = { readonly kernel: Kernel } | { readonly piece: Piece };

/** What it answers to a piece: an error loses its class on the way. */
export type Answer =
  | { readonly counts: Counts }
  | { readonly failure: { readonly name: string; readonly message: string } };

/** What a Worker sees of its creator; the types of Deno's main thread don't know it. */
const creator = globalThis as unknown as {
  onmessage: ((event: MessageEvent<Order>) => void) | null;
  postMessage(answer: Answer): void;
};

let kernel: Kernel;

creator.onmessage = ({ data: order }) => {
  if ("kernel" in order) kernel = order.kernel;
  else creator.postMessage(answerTo(order.piece));
};

function answerTo(piece: Piece): Answer {
  try {
    return { counts: countPiece(kernel, piece) };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { failure: { name: error.name, message: error.message } };
  }
}
