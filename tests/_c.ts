// C programs as peers, compiled when a test needs them.

import { path, run } from "./_process.ts";

/** Whether a compiler of this name is there. */
export function isInstalled(compiler: string): boolean {
  try {
    return new Deno.Command(compiler, { args: ["--version"], stdout: "null", stderr: "null" })
      .outputSync().success;
  } catch {
    return false;
  }
}

/** The C compiler, or `null` where there is none. */
export const CC: string | null = ["cc", "gcc", "clang"].find(isInstalled) ?? null;

/** Says once why tests are skipped that need the compiler; for `ignore`. */
export function noCompiler(tests: string): boolean {
  if (CC === null) console.log(`skipped, there is no C compiler: ${tests}`);
  return CC === null;
}

/** A C program that is deleted when it leaves scope. */
export interface Program extends Disposable {
  /** The path of the executable. */
  readonly file: string;
}

/** Compiles `tests/c/<name>.c`. */
export async function compile(name: string, flags: string[] = []): Promise<Program> {
  if (CC === null) throw new Error("there is no C compiler");
  const file = Deno.makeTempFileSync({ prefix: `isthmus-${name}-` });
  const source = path(`tests/c/${name}.c`);
  const { code, stderr } = await run(CC, ["-O2", "-Wall", "-Werror", ...flags, "-o", file, source]);
  if (code !== 0) throw new Error(stderr);
  return { file, [Symbol.dispose]: () => Deno.removeSync(file) };
}
