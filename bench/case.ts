// What is measured, and the process that measures it: `<group>.ts <way> <times> <directory>` prints
// a Sample as one line of JSON, as the C program of its group does.

/** Who does the work: C, what Deno has itself, Isthmus. */
export const SIDES = ["c", "deno", "isthmus"] as const;
export type Side = typeof SIDES[number];

/** Work that is done on several sides, and compared. */
export interface Case {
  readonly name: string;
  readonly what: string;
  /** How often to do it in one process. */
  readonly times: number;
  /** Whether to tell by how much the processes' memory grew. */
  readonly memory?: boolean;
  /**
   * The ways to do it in C, in Isthmus, and with what Deno has itself: of several, the fastest
   * counts. By default there is one of the case's name, and none with Deno.
   */
  readonly c?: readonly string[];
  readonly isthmus?: readonly string[];
  readonly deno?: readonly string[];
  /** Shows not the time for one message, but how many pass in a second, or, with their bytes, GB/s. */
  readonly rate?: { readonly bytes?: number };
  /** What Isthmus promises here. */
  readonly promise?: Promised;
}

/** Beside whom: C, what Deno has itself, or Isthmus in another case of the group. */
export type Beside = "c" | "deno" | { readonly case: string };

/**
 * What Isthmus promises: that its time is at most so many times another's, or so many nanoseconds
 * more; that it does at least such a part of what another does in the same time; that it takes at
 * most so many nanoseconds, or does at least so much in a second, whatever the machine.
 */
export type Promised =
  | { readonly beside: Beside; readonly times: number }
  | { readonly beside: Beside; readonly more: number }
  | { readonly beside: Beside; readonly rate: number }
  | { readonly nanoseconds: number }
  | { readonly perSecond: number };

/** A case again, beside C that asks as long as Isthmus before it sleeps, which is another way. */
export function besideSpinning({ name, times }: Case): Case {
  return {
    name: `${name}, C spins`,
    times,
    c: [`${name}, spinning`],
    isthmus: [name],
    what: "the same figure, beside C that asks again and again as long as Isthmus may",
  };
}

/** Cases that share a TypeScript and a C program, called `<name>.ts` and `<name>.c`. */
export interface Group {
  readonly name: string;
  /** The permissions of its TypeScript program. */
  readonly permissions: readonly string[];
  readonly cases: readonly Case[];
  /** Makes the files that the ways find in the directory. */
  prepare?(directory: string): void;
}

/** What a measuring process found. */
export interface Sample {
  /** For doing it once. */
  readonly nanoseconds: number;
  /** What the work came to: the same on all sides. */
  readonly checksum: string;
  /** By how much the process's memory (RSS) grew meanwhile, in kB. */
  readonly memory: number;
}

/** Does the work so many times, and returns its checksum. */
export type Body = (times: number) => number | bigint | Promise<number | bigint>;

/** Measures a body, after a warm-up: by default the body itself, less often. */
export type Measure = (body: Body, warmUp?: () => unknown) => Promise<void>;

/** What a way is started with. */
export interface Setting {
  readonly times: number;
  readonly directory: string;
}

/** A way: sets up, measures its body, and cleans up at the end of its scope. */
export type Way = (measure: Measure, setting: Setting) => Promise<void>;

/** Enough for the optimising compiler to have seen the loop. */
export const WARM_UP = 20_000;

/** The measuring process. */
export async function measureOne(
  ways: Readonly<Record<string, Way>>,
  args: readonly string[],
): Promise<void> {
  const [name, times, directory] = [args[0], Number(args[1]), args[2]];
  await ways[name](async (body, warmUp = () => body(Math.min(times, WARM_UP))) => {
    await warmUp();
    const before = Deno.memoryUsage().rss;
    const start = performance.now();
    const checksum = await body(times);
    const nanoseconds = (performance.now() - start) * 1e6 / times;
    const memory = (Deno.memoryUsage().rss - before) / 1024;
    const sample: Sample = { nanoseconds, checksum: String(checksum), memory };
    console.log(JSON.stringify(sample));
  }, { times, directory });
}
