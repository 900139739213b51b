// C programs as peers, compiled when a test needs them.

import { path, run } from "./_process.ts";

/** The C compiler, or `null` where there is none. */
export const CC: string | null = findCompiler();

function findCompiler(): string | null {
  for (const cc of ["cc", "gcc", "clang"]) {
    try {
      if (
        new Deno.Command(cc, { args: ["--version"], stdout: "null", stderr: "null" }).outputSync()
          .success
      ) {
        return cc;
      }
    } catch {
      // Not this one.
    }
  }
  return null;
}

/** Says once why a test is skipped that needs the compiler; for `ignore`. */
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
  const { code, stderr } = await run(CC, [
    "-O2",
    "-Wall",
    "-Werror",
    ...flags,
    "-o",
    file,
    path(`tests/c/${name}.c`),
  ]);
  if (code !== 0) throw new Error(stderr);
  return { file, [Symbol.dispose]: () => Deno.removeSync(file) };
}
