// Random numbers for tests, which a failure tells how to get again.

/** Gives a whole number from 0 to below its argument. */
export type Random = (below: number) => number;

/** A random number generator that gives the same numbers for the same seed (mulberry32). */
export function random(seed: number): Random {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor(((t ^ (t >>> 14)) >>> 0) / 2 ** 32 * below);
  };
}

/** The seed that the environment variable SEED names, else another one each time. */
function anySeed(): number {
  const given = Deno.env.get("SEED");
  return given === undefined ? crypto.getRandomValues(new Uint32Array(1))[0] : Number(given) >>> 0;
}

/**
 * Runs a test with random numbers, of some seed or of a given one. If it fails, the error names the
 * seed, with which the environment variable SEED repeats it.
 */
export async function withRandom(
  test: (random: Random) => void | Promise<void>,
  seed: number = anySeed(),
): Promise<void> {
  try {
    await test(random(seed));
  } catch (error) {
    throw new Error(`Failed with the random numbers of SEED=${seed}: ${error}`, { cause: error });
  }
}
