// Listening to the death of peers: somebody looks only while somebody listens.

import { assertEquals } from "@std/assert";
import type { PeerDeath } from "../mod.ts";
import { PeerTarget } from "../ring/peer_target.ts";
import { until } from "./_objects.ts";
import { test } from "./_sync.ts";

const DEATH: PeerDeath = { pid: 4711, role: "sender" };

/** An end that counts how often it is asked, and learns of deaths from the test. */
class End extends PeerTarget {
  looks = 0;
  deaths: PeerDeath[] = [];

  protected override newDeaths(): PeerDeath[] {
    this.looks++;
    return this.deaths.splice(0);
  }

  close(): void {
    this.stopLooking();
  }
}

/** Whether nobody looks any more: in twice the time that passes between two looks. */
async function isQuiet(end: End): Promise<boolean> {
  const { looks } = end;
  await new Promise((resolve) => setTimeout(resolve, 250));
  return end.looks === looks;
}

test("who listens for one death hears of one, and is forgotten", async () => {
  const end = new End();
  const heard: number[] = [];
  end.addEventListener("peerdeath", ({ detail }) => heard.push(detail.pid), { once: true });
  end.deaths.push(DEATH);
  await until(() => heard.length > 0, "the event comes");
  assertEquals(await isQuiet(end), true);
  assertEquals(heard, [4711]);
});

test("who listens until a signal aborts is forgotten then", async () => {
  const end = new End();
  const stop = new AbortController();
  end.addEventListener("peerdeath", () => {}, { signal: stop.signal });
  await until(() => end.looks > 0, "somebody looks");
  stop.abort();
  assertEquals(await isQuiet(end), true);
  end.addEventListener("peerdeath", () => {}, { signal: stop.signal }); // too late
  assertEquals(await isQuiet(end), true);
});

test("what was removed and added again is another listener", async () => {
  const end = new End();
  const heard: number[] = [];
  const listener = ({ detail }: CustomEvent<PeerDeath>) => void heard.push(detail.pid);
  const stop = new AbortController();
  end.addEventListener("peerdeath", listener, { signal: stop.signal });
  end.removeEventListener("peerdeath", listener);
  end.addEventListener("peerdeath", listener);
  end.addEventListener("peerdeath", listener, { once: true }); // which changes nothing
  end.addEventListener("peerdeath", listener, { capture: true });
  stop.abort();
  end.removeEventListener("peerdeath", listener, { capture: true });
  for (let i = 1; i < 3; i++) {
    end.deaths.push(DEATH);
    await until(() => heard.length >= i, "the event comes");
  }
  assertEquals(heard, [4711, 4711]);
  end.close();
  end.addEventListener("peerdeath", () => {}); // too late
  assertEquals(await isQuiet(end), true);
});

test("as long as one listens somebody looks", async () => {
  const end = new End();
  const [first, second] = [() => {}, () => {}];
  end.addEventListener("peerdeath", first);
  end.addEventListener("peerdeath", second);
  end.addEventListener("other", first);
  end.removeEventListener("peerdeath", first);
  end.removeEventListener("other", second);
  await until(() => end.looks > 1, "somebody looks");
  end.removeEventListener("peerdeath", second);
  assertEquals(await isQuiet(end), true);
  end.close();
});
