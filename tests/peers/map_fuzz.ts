// Does with memory maps whatever can be done, in random sequences, and uses every view that it ever got after each step. Ends
// with code 0 if nothing crashed, and all memory held what it must.
//
// Start it with `deno run --allow-all tests/peers/map_fuzz.ts <sequences> <seed> [first] [directory]`. If it fails it says
// in which sequence, and with which steps. If it crashed, the file `sequence` in the directory tells in which one: start that alone, as
// `map_fuzz.ts 1 <seed> <sequence>`, with the environment variable TRACE to see each step before it is done.

import { Random, sequenceSeed } from "./map_fuzz_model.ts";
import * as changes from "./map_fuzz_changes.ts";
import * as steps from "./map_fuzz_steps.ts";
import {
  compare,
  endSource,
  makeSource,
  openAnonymous,
  openSource,
  outcomes,
  type Source,
  type Subject,
} from "./map_fuzz_subject.ts";
import { makeView, type View } from "./map_fuzz_views.ts";

const [sequences, seed, first] = [0, 1, 2].map((index) => Number(Deno.args[index] ?? 0));
const directory = Deno.args[3] ?? Deno.makeTempDirSync({ prefix: "isthmus-fuzz-" });
const trace = Deno.env.has("TRACE");

const MOST_SUBJECTS = 5;
const MOST_VIEWS = 12;
const MOST_PENDING = 4;

/** What can be done with a map; what is there twice comes twice as often. */
const STEPS: readonly steps.Step[] = [
  steps.view,
  steps.view,
  steps.writeText,
  steps.readText,
  steps.flushSync,
  steps.flush,
  steps.residentPages,
  steps.advise,
  steps.lock,
  steps.unlock,
  steps.discard,
  steps.isTruncated,
  changes.resize,
  changes.resize,
  changes.protect,
  changes.share,
  changes.transfer,
  changes.truncateByOthers,
  changes.writeByOthers,
  changes.useObject,
  changes.close,
];

/** What can be done with what was a map. */
const STEPS_AFTER: readonly steps.Step[] = [
  changes.reuse,
  changes.closeShared,
  changes.writeByOthers,
  changes.truncateByOthers,
  steps.view,
];

/** A view, and when it was taken. */
interface Taken {
  readonly view: View;
  readonly subject: Subject;
  readonly generation: number;
  readonly failures: number;
}

/** How many buffers were transferred away: their memory stays mapped. */
let moved = 0;

/** Some steps, on some maps. */
class Run implements steps.Sequence {
  readonly random: Random;
  readonly pending: Promise<unknown>[] = [];
  readonly steps: string[] = [];
  readonly #name: string;
  readonly #sources: Source[] = [];
  readonly #subjects: Subject[] = [];
  readonly #views: Taken[] = [];
  /** Which of the maps a step is for. */
  #current = 0;

  constructor(index: number) {
    this.random = new Random(sequenceSeed(seed, index));
    this.#name = `${Deno.pid}-${index}`;
  }

  readonly say = (text: string): void => {
    const line = `#${this.#current}: ${text}`;
    this.steps.push(line);
    if (trace) console.error(line);
  };

  readonly takeView = (subject: Subject): void => {
    const view = makeView(subject, this.random);
    if (view === null) return;
    if (this.#views.length === MOST_VIEWS) this.#views.splice(this.random.below(MOST_VIEWS), 1);
    const { generation, failures } = subject;
    this.#views.push({ view, subject, generation, failures });
  };

  async start(): Promise<void> {
    const { random } = this;
    for (let left = 4 + random.below(16); left > 0; left--) {
      const open = this.#subjects.length < MOST_SUBJECTS && random.oneIn(4);
      if (open || this.#subjects.length === 0) this.#open();
      else {
        this.#current = random.below(this.#subjects.length);
        const subject = this.#subjects[this.#current];
        const step = random.pick(subject.state === "mapped" ? STEPS : STEPS_AFTER);
        step(subject, this);
      }
      this.#useViews();
      if (this.pending.length > MOST_PENDING) await Promise.all(this.pending.splice(0));
    }
    if (!random.oneIn(4)) await Promise.all(this.pending.splice(0));
    this.#end();
  }

  #open(): void {
    const { random } = this;
    this.#current = this.#subjects.length;
    const known = this.#sources.filter(({ kind }) => kind !== "anonymous");
    let source = known.length === 0 || random.oneIn(3) ? null : random.pick(known);
    if (source === null) {
      source = makeSource(random, directory, `${this.#name}-${this.#sources.length}`);
      this.#sources.push(source);
    }
    if (source.kind === "anonymous") this.say("map anonymous memory");
    const subject = source.kind === "anonymous"
      ? openAnonymous(source, random)
      : openSource(source, random, this.say);
    if (subject === null) return;
    this.#subjects.push(subject);
    this.takeView(subject);
  }

  #useViews(): void {
    for (const { view, subject, generation, failures } of this.#views) {
      // A failure may have ended it.
      const dead = failures !== subject.failures && view.dead;
      if (dead || generation !== subject.generation) view.useDead();
      else if (subject.state === "closed") view.useAnywhere(this.random);
      else view.use(this.random);
    }
    for (const subject of this.#subjects) compare(subject, trace ? undefined : this.random);
  }

  #end(): void {
    for (const subject of this.#subjects) {
      compare(subject);
      subject.shared?.close();
      if (subject.state === "moved") moved++;
      else subject.map.close();
    }
    for (const { view, subject } of this.#views) if (subject.state === "mapped") view.useDead();
    this.endSources();
  }

  /** Gives up what was mapped, also after a failure. */
  endSources(): void {
    for (const source of this.#sources.splice(0)) endSource(source);
  }
}

/** Fails if descriptors or maps pile up. */
function checkLeaks(): void {
  const descriptors = Array.from(Deno.readDirSync("/proc/self/fd")).length;
  if (descriptors > 100) throw new Error(`${descriptors} descriptors are open`);
  const maps = Deno.readTextFileSync("/proc/self/maps").match(/isthmus/g)?.length ?? 0;
  // A map in parts, which were advised or locked, counts several times.
  if (maps > 10 * moved + 100) throw new Error(`${maps} maps are left, ${moved} were moved away`);
}

const LEAKS_EVERY = 500;
const PROGRESS_EVERY = 10_000;
const encoder = new TextEncoder();
const state = Deno.openSync(`${directory}/sequence`, { write: true, create: true });
let run = new Run(first);
let index = first;
try {
  for (; index < first + sequences; index++) {
    state.seekSync(0, Deno.SeekMode.Start);
    state.writeSync(encoder.encode(`${index}\n`));
    if (trace) console.error(`--- ${index}`);
    run = new Run(index);
    await run.start();
    if ((index + 1) % LEAKS_EVERY === 0) checkLeaks();
    if ((index + 1) % PROGRESS_EVERY === 0) console.log(`${index + 1} sequences`);
  }
  checkLeaks();
  for (const [name, [worked, failed]] of [...outcomes].sort()) {
    console.log(`${name}: ${worked} worked, ${failed} failed`);
  }
  console.log(`all ${sequences} sequences of seed ${seed} ended well`);
} catch (error) {
  console.log(`sequence ${index} of seed ${seed} failed:`, error);
  console.log(run.steps.join("\n"));
  Deno.exitCode = 1;
} finally {
  run.endSources();
  state.close();
  if (Deno.args[3] === undefined) Deno.removeSync(directory, { recursive: true });
}
