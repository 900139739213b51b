// What `map_fuzz.ts` does with its maps while they stay what they are. Each step does it to the system and to the model.

import { type Discard, Mapping, type PageAdvice, ReadonlyMapping } from "../../mod.ts";
import { PAGE, type Random, type Window } from "./map_fuzz_model.ts";
import { attempt, ownPages, type Subject } from "./map_fuzz_subject.ts";

/** The sequence that a step belongs to. */
export interface Sequence {
  readonly random: Random;
  /** What is under way on other threads. */
  readonly pending: Promise<unknown>[];
  /** Says what is going to be done. */
  say(text: string): void;
  /** Takes a view of a map, and uses it from now on. */
  takeView(subject: Subject): void;
}

/** One thing to do. */
export type Step = (subject: Subject, sequence: Sequence) => void;

const ADVICE: readonly PageAdvice[] = [
  "normal",
  "sequential",
  "random",
  "willneed",
  "populateRead",
  "populateWrite",
  "cold",
  "pageout",
  "hugepage",
  "nohugepage",
  "dontdump",
  "dodump",
];

/** Fails unless something holds. */
export function check(condition: boolean, problem: string): void {
  if (!condition) throw new Error(problem);
}

/** A part of a map, or all of it, seldom one that it doesn't have. */
function part(random: Random, length: number): { offset?: number; length?: number } {
  if (random.oneIn(2)) return {};
  const offset = random.bytes(length);
  return { offset, length: random.bytes(random.oneIn(6) ? length : length - offset) };
}

export function view(subject: Subject, { say, takeView }: Sequence): void {
  say("view");
  takeView(subject);
}

export function writeText({ map, window }: Subject, { random, say }: Sequence): void {
  if (!(map instanceof Mapping)) return;
  const text = "x".repeat(random.below(20));
  const offset = random.bytes(window.live);
  const length = window.live - offset;
  say(`write ${text.length} characters at ${offset} of ${window.live}`);
  const written = attempt("writeText", () => map.writeText(text, { offset, length }));
  for (let index = 0; index < (written?.value ?? 0); index++) {
    window.put(offset + index, index < text.length ? 120 : 0);
  }
}

export function readText({ map, window }: Subject, { random, say }: Sequence): void {
  if (!(map instanceof Mapping || map instanceof ReadonlyMapping)) return;
  const offset = random.bytes(window.live);
  say(`read text at ${offset} of ${window.live}`);
  attempt("readText", () => map.readText({ offset, length: window.live - offset }));
}

export function flushSync({ map, window, source }: Subject, { random, say }: Sequence): void {
  if (!(map instanceof Mapping)) return;
  const offset = random.bytes(window.length);
  say(`flushSync from ${offset}`);
  const mayWork = (window.copy === null || source.kind === "anonymous") && !map.isTruncated();
  const flushed = attempt("flushSync", () => map.flushSync({ offset, async: random.oneIn(3) }));
  check((flushed !== null) === mayWork, "flushSync() worked, or failed, without a reason");
}

export function flush({ map, window }: Subject, { random, say, pending }: Sequence): void {
  if (!(map instanceof Mapping)) return;
  const offset = random.bytes(window.length);
  const timeout = random.oneIn(3) ? random.below(3) : undefined;
  const signal = random.oneIn(5) ? AbortSignal.timeout(random.below(2)) : undefined;
  say(`flush from ${offset} within ${timeout}`);
  const done = map.flush({ offset, timeout, signal });
  pending.push(done.then(
    () => attempt("flush", () => {}),
    (error) =>
      attempt("flush", () => {
        throw error;
      }),
  ));
}

export function residentPages({ map, window }: Subject, { random, say }: Sequence): void {
  const asked = part(random, window.length);
  say(`residentPages ${JSON.stringify(asked)}`);
  const count = attempt("residentPages", () => map.residentPages(asked));
  check((count?.value ?? 0) <= window.length / PAGE + 2, `${count?.value} pages are resident`);
}

export function advise(subject: Subject, { random, say }: Sequence): void {
  const advice = random.pick(ADVICE);
  const asked = part(random, subject.window.length);
  say(`advise ${advice} ${JSON.stringify(asked)}`);
  if (advice === "populateWrite") subject.eager = true;
  attempt(`advise ${advice}`, () => subject.map.advise(advice, asked));
  ownPages(subject);
}

export function lock(subject: Subject, { random, say }: Sequence): void {
  const asked = part(random, subject.window.length);
  say(`lock ${JSON.stringify(asked)}`);
  subject.eager = true;
  attempt("lock", () => subject.map.lock(asked));
  ownPages(subject);
}

export function unlock({ map, window }: Subject, { random, say }: Sequence): void {
  say("unlock");
  attempt("unlock", () => map.unlock(part(random, window.length)));
}

export function discard(subject: Subject, { random, say }: Sequence): void {
  const { map, window } = subject;
  if (!(map instanceof Mapping)) return;
  const how = random.pick<Discard>(["dontneed", "dontneed", "free", "remove"]);
  const firstPage = (PAGE - window.offset % PAGE) % PAGE;
  const offset = random.oneIn(6) ? random.bytes(window.length) : firstPage + PAGE * random.below(2);
  const length = random.oneIn(3) ? undefined : PAGE * random.below(4);
  say(`discard ${how} ${offset} ${length}`);
  const worked = attempt(`discard ${how}`, () => map.discard(how, { offset, length })) !== null;
  const end = Math.min(length === undefined ? window.length : offset + length, window.length);
  for (let start = offset; start < end; start += PAGE) {
    // Where it failed, it may have come as far as some page.
    if (worked || holdsOther(map, window, start)) {
      discardPage(how, map, window, start, Math.min(start + PAGE, end));
    }
  }
  if (worked) return;
  // And where nothing shows whether it did, a write of the same makes it certain.
  subject.eager = true;
  ownPages(subject);
}

/** Whether a page holds something else than it must. */
function holdsOther(map: Mapping, window: Window, start: number): boolean {
  const { bytes } = map;
  for (let index = start; index < Math.min(start + PAGE, window.live); index++) {
    if (bytes[index] !== window.at(index)) return true;
  }
  return false;
}

/** What becomes of a page. */
function discardPage(how: Discard, map: Mapping, window: Window, start: number, end: number): void {
  const { content } = window;
  const [from, to] = [window.offset + start, window.offset + end];
  if (how === "dontneed") window.copy?.drop(from, to);
  else if (how === "remove") content.bytes.fill(0, from, Math.min(to, content.size));
  else {
    // Until the system takes the page it may hold the old bytes; a write ends that.
    map.bytes.fill(0, start, end);
    for (let index = start; index < end; index++) window.put(index, 0);
  }
}

export function isTruncated({ map, window }: Subject, { say }: Sequence): void {
  if (!(map instanceof Mapping || map instanceof ReadonlyMapping)) return;
  say("isTruncated");
  const whole = window.live === window.length;
  check(!(map.isTruncated() && whole), "a file that is whole is said to be truncated");
}
