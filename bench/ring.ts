// Channels between processes, beside bench/ring.c.

import { type Case, type Group, measureOne, type Way } from "./case.ts";
import { joined } from "./pair.ts";
import { lengthOf, ONE_WAY, receiving, sending } from "./ring_one_way.ts";
import { answering, asking, ROUND_TRIP } from "./ring_round_trip.ts";
import { receivingAsOneOfMany, sendingToMany, TO_MANY } from "./ring_to_many.ts";

function oneWay(name: string, times: number, rate: number, more: Partial<Case> = {}): Case {
  const bytes = lengthOf(name);
  return {
    name,
    times,
    rate: bytes < 65536 ? {} : { bytes },
    what: `messages of ${name} from one process to another, copied in and out`,
    promise: { beside: "c", rate },
    ...more,
  };
}

/** Where several take turns by a mutex; in C once without and once with spinning for it. */
function ofMany(name: string, more: Pick<Case, "what"> & Partial<Case>): Case {
  return { name, times: 4_000_000, rate: {}, c: [name, `${name}, spinning`], ...more };
}

/** The group. */
export const RING: Group = {
  name: "ring",
  permissions: ["--allow-ffi", "--allow-run", "--allow-sys"],
  cases: [
    {
      name: "round trip, spin",
      times: 200_000,
      isthmus: ["round trip, spin", "round trip, try"],
      what: "8 bytes there and back, copied in and out on both sides; nobody sleeps",
      promise: { beside: "c", times: 1.3 },
    },
    {
      name: "round trip, asleep",
      times: 10_000,
      what: "the same, where both sleep in the kernel each time",
      promise: { beside: "c", times: 1.2 },
    },
    {
      name: "round trip, await",
      times: 100_000,
      c: ["round trip, spin"],
      what: "the same by promises, where the answer comes while one still spins",
      promise: { nanoseconds: 2000 },
    },
    {
      name: "round trip, await, asleep",
      times: 10_000,
      c: ["round trip, asleep"],
      what: "the same by promises, both really asleep",
      promise: { nanoseconds: 35_000 },
    },
    oneWay("64 B", 10_000_000, 0.3, { memory: true }),
    oneWay("64 B, 100 M", 100_000_000, 0, {
      c: [],
      isthmus: ["64 B"],
      memory: true,
      what: "100 M messages: is the cost the same, and the memory flat?",
      promise: undefined,
    }),
    oneWay("1 KiB", 2_000_000, 0.5),
    oneWay("64 KiB", 50_000, 0.9),
    oneWay("1 MiB", 3000, 0.9),
    {
      name: "in place, 64 B",
      times: 20_000_000,
      rate: {},
      what: "written and read where they lie, 64 at a time",
      promise: { beside: "c", rate: 0.5 },
    },
    {
      name: "for await, 64 B",
      times: 5_000_000,
      rate: {},
      c: ["64 B"],
      what: "received by the asynchronous iterator, an array each",
      promise: { perSecond: 3e6 },
    },
    ofMany("4 senders, 64 B", {
      what: "from four processes at once, by their robust mutex",
      promise: { beside: { case: "64 B" }, rate: 0.5 },
    }),
    ...[2, 8].map((count) =>
      ofMany(`${count} senders, 64 B`, {
        what: "the same from so many: what does each one more cost?",
      })
    ),
    ofMany("4 senders, batches, 64 B", {
      c: ["4 senders, 64 B", "4 senders, 64 B, spinning"],
      what: "the same by sendBatchSync() of 16; C: one by one",
    }),
    ...[2, 4, 8].map((count) =>
      ofMany(`${count} receivers, 64 B`, {
        what: "to so many processes at once, each message to one of them",
      })
    ),
    oneWay("64 B, busy", 10_000_000, 1 / 3, {
      what: "the same as 64 B, while a foreign process keeps a processor busy",
      promise: { beside: { case: "64 B" }, rate: 1 / 3 },
    }),
  ],
};

const WAYS: Readonly<Record<string, Way>> = {
  ...Object.fromEntries(Object.keys(ROUND_TRIP).map((way) => [way, asking(way)])),
  ...Object.fromEntries(Object.keys(ONE_WAY).map((way) => [way, receiving(way)])),
  ...Object.fromEntries(Object.keys(TO_MANY).map((way) => [way, sendingToMany(way)])),
};

if (import.meta.main) {
  const party = joined(Deno.args);
  const [way, times] = [Deno.args[0], Number(Deno.args[1])];
  if (party === undefined) await measureOne(WAYS, Deno.args);
  else if (way in ONE_WAY) sending(way, party, times);
  else if (way in TO_MANY) receivingAsOneOfMany(party);
  else await answering(way, party, times);
}
