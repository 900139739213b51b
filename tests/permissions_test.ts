// Other users, the system's limits, Deno's permissions, and the module imported from a URL.

import { assert, assertEquals } from "@std/assert";
import { IPC_PRIVATE, Segment, SemaphoreSet } from "../mod.ts";
import { freshKey, notRootOnLinux } from "./_objects.ts";
import { path, run } from "./_process.ts";

const MODULE = JSON.stringify(`file://${path("mod.ts")}`);

const ignore = notRootOnLinux("another user's objects, and the system's limits");

/** What `tests/peers/*.ts` and evaluated code report: one line for each call. */
const REPORT = `
  const report = async (call) => {
    try {
      await call();
      console.log("done");
    } catch (error) {
      console.log(error.name, error.code, error.syscall, error.message);
    }
  };`;

/** Runs code as the user nobody, who can't reach root's own files: with a Deno and a module of his own. */
async function runAsNobody(code: string): Promise<string[]> {
  const directory = await Deno.makeTempDir({ prefix: "isthmus-nobody-" });
  try {
    const deno = `${directory}/deno`;
    await Deno.copyFile(Deno.execPath(), deno);
    const bundle = await bundled(directory);
    await Deno.writeTextFile(
      `${directory}/main.js`,
      `import { Segment, SemaphoreSet } from "${bundle}";${REPORT}${code}`,
    );
    await Deno.chmod(deno, 0o755);
    await run("chmod", ["-R", "a+rX", directory]);
    const NOBODY = "65534";
    const { stdout, stderr } = await run("setpriv", [
      `--reuid=${NOBODY}`,
      `--regid=${NOBODY}`,
      "--clear-groups",
      deno,
      "run",
      "--no-prompt",
      "--no-check",
      "--allow-ffi",
      `${directory}/main.js`,
    ], { cwd: directory, env: { DENO_DIR: `${directory}/cache`, HOME: directory } });
    assertEquals(stderr, "");
    return stdout.trim().split("\n");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Copies the library where everybody may read it; returns the path of its module. */
async function bundled(directory: string): Promise<string> {
  const rooms = "ffi memory sysv wait shm mmap sem msg struct sync ring".split(" ");
  for (const room of ["mod.ts", ...rooms]) await run("cp", ["-r", path(room), directory]);
  return `${directory}/mod.ts`;
}

Deno.test({
  name: "another user's segment and set: permission denied, nothing lost, and the mode decides",
  ignore,
  async fn() {
    const key = freshKey();
    using segment = Segment.create(key, 4096, { removeOnDispose: true });
    using set = SemaphoreSet.create(key, [1], { removeOnDispose: true });
    using open = Segment.create(freshKey(), 4096, { mode: 0o644, removeOnDispose: true });
    using openSet = SemaphoreSet.create(freshKey(), [1], { mode: 0o644, removeOnDispose: true });
    const lines = await runAsNobody(`
      await report(() => Segment.open(${key}));
      await report(() => Segment.openOrCreate(${key}, 4096));
      await report(() => Segment.fromId(${segment.id}));
      await report(() => SemaphoreSet.open(${key}));
      await report(() => SemaphoreSet.openOrCreate(${key}, [1]));
      await report(() => Segment.create(${key}, 4096));
      const segment = Segment.open(${open.key});
      await report(() => segment.attach({ access: "read" }).readText());
      await report(() => segment.attach());
      await report(() => segment.set({ mode: 0o666 }));
      await report(() => segment.remove());
      const set = await SemaphoreSet.open(${openSet.key});
      await report(() => set.values());
      await report(() => set.at(0).lockSync());
      await report(() => set.at(0).lock());
      await report(() => set.setValues([5]));
      await report(() => set.remove());
      console.log(Segment.list().some(({ id }) => id === ${segment.id}));
    `);
    const start = (line: string) => line.split(" ").slice(0, 3).join(" ");
    assertEquals(lines.map(start), [
      "PermissionDenied EACCES shmctl",
      "PermissionDenied EACCES shmctl",
      "PermissionDenied EACCES shmctl",
      "PermissionDenied EACCES semctl",
      "PermissionDenied EACCES semctl",
      "AlreadyExists EEXIST shmget",
      "done",
      "PermissionDenied EACCES shmat",
      "PermissionDenied EPERM shmctl",
      "PermissionDenied EPERM shmctl",
      "done",
      "PermissionDenied EACCES semop",
      "PermissionDenied EACCES semop",
      "PermissionDenied EACCES semctl",
      "PermissionDenied EPERM semctl",
      "true",
    ]);
    assert(lines[0].includes("Cannot open segment"), lines[0]);
    assert(lines[7].includes('Ask for access: "read"'), lines[7]);
    assert(lines[8].includes("Only its owner, its creator or root may do that"), lines[8]);
    assertEquals([segment.status().nattch, set.values(), openSet.values()], [0, [1], [1]]);
  },
});

Deno.test({
  name:
    "an owner repairs or removes what its mode doesn't let him read, and leaves nothing that failed",
  ignore,
  async fn() {
    const lines = await runAsNobody(`
      const segment = Segment.create(0, 4096, { mode: 0 });
      await report(() => segment.attach());
      await report(() => segment.set({ mode: 0o600 }));
      await report(() => segment.set({ uid: 65534, gid: 65534, mode: 0o600 }));
      await report(() => segment.attach().detach());
      segment.remove();
      const hidden = Segment.openOrCreate(${freshKey()}, 4096, { mode: 0o200 });
      await report(() => Segment.fromId(hidden.id));
      await report(() => Segment.remove(Segment.findId(hidden.key)));
      const before = SemaphoreSet.list().length;
      await report(() => SemaphoreSet.create(0, [1], { mode: 0 }));
      console.log(SemaphoreSet.list().length - before);
    `);
    assert(lines[0].startsWith("PermissionDenied EACCES shmat"), lines[0]);
    assert(lines[1].includes("Give uid, gid and mode, all three"), lines[1]);
    assertEquals([lines[2], lines[3]], ["done", "done"]);
    assert(lines[4].startsWith("PermissionDenied EACCES shmctl Cannot open segment"), lines[4]);
    assertEquals(lines[5], "done");
    assert(lines[6].startsWith("PermissionDenied EACCES semctl Cannot set the values"), lines[6]);
    assertEquals(lines[7], "0");
  },
});

/** Runs code in an IPC namespace of its own, with the limits that `setUp` sets there. */
async function runInNamespace(setUp: string, code: string): Promise<string[]> {
  const script = `import { Segment, SemaphoreSet } from ${MODULE};${REPORT}${code}`;
  const { stdout, stderr } = await run("unshare", [
    "--ipc",
    "sh",
    "-c",
    `${setUp} && exec "$0" eval "$1"`,
    Deno.execPath(),
    script,
  ]);
  assertEquals(stderr, "");
  return stdout.trim().split("\n");
}

Deno.test({
  name: "the limit on segments is a clear error that names the limits, and nothing is lost",
  ignore,
  async fn() {
    const lines = await runInNamespace(
      "echo 2 > /proc/sys/kernel/shmmni",
      `
      const made = [Segment.create(${IPC_PRIVATE}, 1), Segment.create(${IPC_PRIVATE}, 1)];
      await report(() => Segment.create(${IPC_PRIVATE}, 1));
      await report(() => Segment.openOrCreate(5, 1));
      made[0].remove();
      await report(() => Segment.create(${IPC_PRIVATE}, 1));
      console.log(Segment.usage().segments);
    `,
    );
    for (const line of lines.slice(0, 2)) {
      assert(line.startsWith("Error ENOSPC shmget Cannot create"), line);
      assert(
        line.includes("(shmmni)") && line.includes("`ipcs -m`") && line.includes("kernel.shmmni"),
        line,
      );
    }
    assertEquals(lines.slice(2), ["done", "2"]);
  },
});

Deno.test({
  name: "the limits on pages and on size are clear errors",
  ignore,
  async fn() {
    const lines = await runInNamespace(
      "echo 4 > /proc/sys/kernel/shmall && echo 100000 > /proc/sys/kernel/shmmax",
      `
      await report(() => Segment.create(${IPC_PRIVATE}, 5 * 4096));
      await report(() => Segment.create(${IPC_PRIVATE}, 100_001));
    `,
    );
    assert(lines[0].startsWith("Error ENOSPC shmget"), lines[0]);
    assert(lines[1].startsWith("Error EINVAL shmget") && lines[1].includes("shmmax"), lines[1]);
  },
});

Deno.test({
  name: "the limit on semaphore sets is a clear error that names the limits",
  ignore,
  async fn() {
    const lines = await runInNamespace(
      "echo 250 32000 3 1 > /proc/sys/kernel/sem",
      `
      SemaphoreSet.create(${IPC_PRIVATE}, [1]);
      await report(() => SemaphoreSet.create(${IPC_PRIVATE}, [1]));
      const [{ id }] = SemaphoreSet.list();
      const operation = { index: 0, change: 1 };
      await report(() => SemaphoreSet.fromId(id).opSync(Array(4).fill(operation)));
    `,
    );
    assert(lines[0].startsWith("Error ENOSPC semget") && lines[0].includes("kernel.sem"), lines[0]);
    assert(lines[1].startsWith("Error E2BIG semop Cannot operate on semaphore set"), lines[1]);
  },
});

Deno.test("the module imported over HTTP needs --allow-ffi and the permission to import, no other", async () => {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const file = path(`.${new URL(request.url).pathname}`);
      try {
        return new Response(await Deno.readTextFile(file), {
          headers: { "content-type": "application/typescript" },
        });
      } catch {
        return new Response(null, { status: 404 });
      }
    },
  );
  const directory = await Deno.makeTempDir();
  try {
    const { port } = server.addr;
    const file = `${directory}/main.ts`;
    await Deno.writeTextFile(
      file,
      `import { ftok, Segment, SemaphoreSet } from "http://127.0.0.1:${port}/mod.ts";
      using segment = Segment.create(0, ftok(".", 1) === 0 ? 1 : 4096, { removeOnDispose: true });
      using set = SemaphoreSet.create(0, [1], { removeOnDispose: true });
      using memory = segment.attach();
      {
        using _guard = await set.at(0).lock();
        memory.writeText("over HTTP");
      }
      console.log(memory.readText());`,
    );
    const { code, stdout, stderr } = await run(Deno.execPath(), [
      "run",
      "--no-prompt",
      "--check",
      "--no-lock",
      "--allow-ffi",
      `--allow-import=127.0.0.1:${port}`,
      file,
    ], { cwd: directory });
    assertEquals([code, stdout], [0, "over HTTP\n"], stderr);
  } finally {
    await Deno.remove(directory, { recursive: true });
    await server.shutdown();
  }
});

/** Runs code that reports, with some of Deno's permissions. */
async function runWith(flags: string[], code: string): Promise<string> {
  const directory = await Deno.makeTempDir();
  try {
    const file = `${directory}/main.ts`;
    await Deno.writeTextFile(file, `import { Segment } from ${MODULE};${REPORT}${code}`);
    const args = ["run", "--no-prompt", "--no-check", "--no-lock", ...flags, file];
    return (await run(Deno.execPath(), args)).stdout;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("without --allow-ffi the first use is Deno's own error, and the import is none", async () => {
  const stdout = await runWith([], "await report(() => Segment.create(0, 1));");
  assert(/^NotCapable .*Requires ffi access/.test(stdout), stdout);
});

Deno.test("with --allow-ffi for a path the error says to grant it without one", async () => {
  const stdout = await runWith(
    ["--allow-ffi=librt.so.1"],
    "await report(() => Segment.create(0, 1));",
  );
  assert(stdout.includes("Grant --allow-ffi without a path"), stdout);
});

Deno.test("when the permission is revoked meanwhile, nothing stays attached", async () => {
  using segment = Segment.create(freshKey(), 4096, { removeOnDispose: true });
  const stdout = await runWith(
    ["--allow-ffi"],
    `const segment = Segment.fromId(${segment.id});
    Deno.permissions.revokeSync({ name: "ffi" });
    await report(() => segment.attach());
    console.log(segment.status().nattch);`,
  );
  assert(/^NotCapable .*\n0\n$/s.test(stdout), stdout);
});
