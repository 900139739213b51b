// The ways of bench/ring.ts in which messages go there and back: the parent asks and measures, its
// child answers.

import { Channel } from "../ring/mod.ts";
import { setSpinning } from "../sync/patience.ts";
import type { Way } from "./case.ts";
import { BASE, type Party, pin, start, warmUpOf } from "./pair.ts";
import { Message, type Receiver, type Sender } from "./ring_message.ts";

/** One side of a round trip. */
interface Post {
  readonly out: Sender;
  readonly back: Receiver;
}

/** Asks so often, and returns the sum of the answers; or, without `first`, answers. */
type Talk = (post: Post, times: number, first: boolean) => number | Promise<number>;

function talk({ out, back }: Post, times: number, first: boolean): number {
  const { bytes, words } = new Message(8);
  let sum = 0;
  for (let i = 0; i < times; i++) {
    if (first) words[0] = i;
    else {
      back.receiveIntoSync(bytes);
      words[0]++;
    }
    out.sendSync(bytes);
    if (first) {
      back.receiveIntoSync(bytes);
      sum += words[0];
    }
  }
  return sum;
}

function talkTrying({ out, back }: Post, times: number, first: boolean): number {
  const { bytes, words } = new Message(8);
  let sum = 0;
  for (let i = 0; i < times; i++) {
    if (first) words[0] = i;
    else {
      while (back.tryReceiveInto(bytes) === undefined);
      words[0]++;
    }
    while (!out.trySend(bytes));
    if (first) {
      while (back.tryReceiveInto(bytes) === undefined);
      sum += words[0];
    }
  }
  return sum;
}

async function talkAsync({ out, back }: Post, times: number, first: boolean): Promise<number> {
  const { bytes, words } = new Message(8);
  let sum = 0;
  for (let i = 0; i < times; i++) {
    if (first) words[0] = i;
    else {
      await back.receiveInto(bytes);
      words[0]++;
    }
    await out.send(bytes);
    if (first) {
      await back.receiveInto(bytes);
      sum += words[0];
    }
  }
  return sum;
}

/** How both sides of a way talk. */
interface RoundTrip {
  readonly talk: Talk;
  readonly asleep?: boolean;
}

/** What the ways do. */
export const ROUND_TRIP: Readonly<Record<string, RoundTrip>> = {
  "round trip, spin": { talk },
  "round trip, try": { talk: talkTrying },
  "round trip, asleep": { talk, asleep: true },
  "round trip, await": { talk: talkAsync },
  "round trip, await, asleep": { talk: talkAsync, asleep: true },
};

const POST_CAPACITY = 65536;

/** Both channels' ends of a process. */
function postIn({ memory, index }: Party): Post {
  const options = { capacity: POST_CAPACITY };
  const [there, back] = [0, 1].map((which) => {
    const offset = BASE + which * Channel.byteLength(options);
    return index < 0
      ? Channel.create(memory, { ...options, offset })
      : Channel.open(memory, { offset });
  });
  return index < 0
    ? { out: there.sender(), back: back.receiver() }
    : { out: back.sender(), back: there.receiver() };
}

/** A processor of its own for each side; C does the same. */
function settle(asleep = false, which: 0 | 1): void {
  if (asleep) setSpinning(false);
  pin(which);
}

/** The parent of a way. */
export function asking(way: string): Way {
  return async (measure, { times }) => {
    const { talk, asleep } = ROUND_TRIP[way];
    using parent = start({
      way,
      times,
      byteLength: 2 * Channel.byteLength({ capacity: POST_CAPACITY }),
    });
    const post = postIn(parent);
    await parent.openGate();
    settle(asleep, 0);
    await parent.measure(
      measure,
      (times) => talk(post, times, true),
      () => talk(post, warmUpOf(times), true),
    );
    await parent.ended();
  };
}

/** The child of a way. */
export async function answering(way: string, party: Party, times: number): Promise<void> {
  const { talk, asleep } = ROUND_TRIP[way];
  settle(asleep, 1);
  party.gate.pass();
  const post = postIn(party);
  await talk(post, warmUpOf(times), false);
  party.gate.pass();
  await talk(post, times, false);
}
