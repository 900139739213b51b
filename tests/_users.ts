// Code that runs as another user, or under other limits: its own output tells how its calls went.

import { assertEquals } from "@std/assert";
import { path, run } from "./_process.ts";

/** What code that runs elsewhere reports with: one line for each call. */
export const REPORT = `
  const report = async (call) => {
    try {
      console.log("done", await call() ?? "");
    } catch (error) {
      console.log(error.name, error.code, error.syscall, error.message);
    }
  };`;

/**
 * Runs code as the user nobody, who can't reach root's own files: with a Deno and a copy of the
 * rooms that the imports need. Returns the lines that it printed.
 */
export async function runAsNobody(
  rooms: readonly string[],
  imports: string,
  code: string,
): Promise<string[]> {
  const directory = await Deno.makeTempDir({ prefix: "isthmus-nobody-" });
  try {
    const deno = `${directory}/deno`;
    await Deno.copyFile(Deno.execPath(), deno);
    await Deno.chmod(deno, 0o755);
    for (const room of rooms) await run("cp", ["-r", path(room), directory]);
    await Deno.writeTextFile(`${directory}/main.js`, `${imports}${REPORT}${code}`);
    await run("chmod", ["-R", "a+rX", directory]);
    const NOBODY = "65534";
    const { stdout, stderr } = await run("setpriv", [
      ...[`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"],
      ...[deno, "run", "--no-prompt", "--no-check", "--allow-ffi", `${directory}/main.js`],
    ], { cwd: directory, env: { DENO_DIR: `${directory}/cache`, HOME: directory } });
    assertEquals(stderr, "");
    return stdout.trim().split("\n");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Runs code in an IPC namespace of its own, with the limits that a shell command sets there. */
export async function runInNamespace(
  setUp: string,
  imports: string,
  code: string,
): Promise<string[]> {
  const shell = `${setUp} && exec "$0" eval "$1"`;
  const script = `${imports}${REPORT}${code}`;
  const { stdout, stderr } = await run("unshare", [
    ...["--ipc", "sh", "-c", shell],
    ...[Deno.execPath(), script],
  ]);
  assertEquals(stderr, "");
  return stdout.trim().split("\n");
}
