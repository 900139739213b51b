// What ticker.ts sends, and where its sender and readers meet.

import {
  type Attachment,
  Broadcast,
  type BroadcastSender,
  cString,
  f64,
  ftok,
  type InputOf,
  recordCodec,
  Segment,
  struct,
} from "../mod.ts";
import { integer } from "./_cli.ts";

/** A price. */
export const Tick = struct("tick", {
  /** What it is the price of. */
  symbol: cString(8),
  /** In whatever money. */
  price: f64,
  /** The price before. */
  before: f64,
  /** When it was made, in milliseconds since 1970. */
  time: f64,
});

/** How a price becomes a message. */
export const codec = recordCodec(Tick);

/** There is room for about 500 prices, half a second of them, and for 64 readers. */
export const SIZE = { capacity: 32768, maxReceivers: 64 } as const;

/** The flags that make the key, for --help. */
export const KEY_OPTIONS = `\
  --path <path>         an existing file or directory that the key is made of (default: .)
  --id <1..255>         the project id that the key is made of (default: 0x74)`;

/** The key of the segment. */
export function readKey({ path = ".", id = "0x74" }: { path?: string; id?: string }): number {
  return ftok(path, integer("--id", id, 1, 255));
}

/** What a segment has room for. */
const BYTES = Broadcast.byteLength(SIZE);

/** The place of the sender: leaving it ends the broadcast and removes the segment. */
export interface Studio extends Disposable {
  readonly segment: Segment;
  readonly broadcast: Broadcast;
  readonly sender: BroadcastSender<InputOf<typeof Tick>>;
}

/** Becomes the sender, of a new broadcast or of one whose sender was killed. */
export function occupy(key: number): Studio {
  for (;;) {
    const segment = Segment.openOrCreate(key, BYTES);
    using stack = new DisposableStack();
    const broadcast = Broadcast.openOrCreate(stack.use(segment.attach()), SIZE);
    const sender = stack.use(broadcast.sender({ codec }));
    // Removed by a sender that was just leaving: nobody else will find it.
    if (isRemoved(segment)) continue;
    stack.defer(() => {
      sender.end();
      if (!isRemoved(segment)) segment.remove();
    });
    const held = stack.move();
    return { segment, broadcast, sender, [Symbol.dispose]: () => held.dispose() };
  }
}

/** The place of a reader. */
export interface Seat {
  readonly memory: Attachment;
  readonly broadcast: Broadcast;
}

/** Where a sender sends, if one does. */
export function find(key: number): Seat | undefined {
  try {
    const memory = Segment.open(key, { size: BYTES }).attach();
    try {
      return { memory, broadcast: Broadcast.open(memory) };
    } catch (error) {
      memory.detach();
      throw error;
    }
  } catch (error) {
    if (!isGone(error)) throw error; // else it isn't there, not any more, or not yet
  }
}

/** Whether the segment was removed. Who has attached it has it still. */
function isRemoved(segment: Segment): boolean {
  try {
    return segment.status().destroyed;
  } catch (error) {
    if (isGone(error)) return true;
    throw error;
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.BadResource;
}

const START = { DENO: 42, LIBC: 6.2, POSIX: 1003.1, ISTHMUS: 0.5 };

/** Makes prices that nobody can foretell. */
export class Market {
  readonly #prices = new Map(Object.entries(START));
  readonly #symbols = Object.keys(START);
  #turn = 0;

  next() {
    const symbol = this.#symbols[this.#turn++ % this.#symbols.length];
    const before = this.#prices.get(symbol) ?? 1;
    const price = before * (1 + (Math.random() - 0.5) / 100);
    this.#prices.set(symbol, price);
    return { symbol, price, before, time: Date.now() };
  }
}
