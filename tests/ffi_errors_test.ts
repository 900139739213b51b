import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { errnoName, isSystemError, systemError } from "../ffi/errors.ts";
import { libc } from "../ffi/libc.ts";
import { platform } from "../ffi/platform.ts";
import { ftok } from "../ffi/sysv_ipc.ts";
import { semctl, semget, semop, semtimedop, timespec } from "../ffi/sysv_sem.ts";
import { shmat, shmctl, shmdt, shmget } from "../ffi/sysv_shm.ts";

const { errno } = platform();

Deno.test("systemError() says what was tried, on what, why it failed and what to do", () => {
  const error = systemError({
    errno: errno.EEXIST,
    syscall: "shmget",
    action: "create segment with key 0x6601a2b3",
    advice: { EEXIST: ["it already exists", "Open it with Segment.open()."] },
  });
  assertInstanceOf(error, Deno.errors.AlreadyExists);
  assertEquals(
    error.message,
    "Cannot create segment with key 0x6601a2b3: it already exists (shmget: EEXIST). Open it with Segment.open().",
  );
  assertEquals([error.code, error.errno, error.syscall], ["EEXIST", errno.EEXIST, "shmget"]);
});

Deno.test("systemError() takes the closest class of Deno.errors, else Error", () => {
  const classOf = (name: string) =>
    systemError({ errno: errno[name], syscall: "f", action: "try" }).constructor;
  assertEquals(classOf("EACCES"), Deno.errors.PermissionDenied);
  assertEquals(classOf("EPERM"), Deno.errors.PermissionDenied);
  assertEquals(classOf("ENOENT"), Deno.errors.NotFound);
  assertEquals(classOf("EIDRM"), Deno.errors.BadResource);
  assertEquals(classOf("EINVAL"), Error);
  assertEquals(classOf("ENOSPC"), Error);
});

Deno.test("systemError() keeps an error number that it doesn't know", () => {
  const error = systemError({ errno: 4095, syscall: "shmget", action: "try" });
  assertEquals([error.code, error.errno], ["UNKNOWN", 4095]);
  assertEquals(error.message, "Cannot try: error 4095 (shmget: UNKNOWN)");
});

Deno.test("isSystemError() tells the system's errors from others", () => {
  assert(isSystemError(systemError({ errno: 1, syscall: "f", action: "try" })));
  assert(!isSystemError(new Deno.errors.NotFound("x")));
  assert(!isSystemError("ENOENT"));
});

Deno.test("every C function reports the error of the call itself", async (t) => {
  const KEY_OF_NOBODY = 0x7ffffff1;
  const BAD_ID = 2 ** 31 - 1;
  const one = new Uint8Array(6);
  const calls: [name: string, call: () => number, code: string][] = [
    ["shmget", () => shmget(KEY_OF_NOBODY, 0, 0), "ENOENT"],
    ["shmget", () => shmget(0, 0, 0o600), "EINVAL"],
    ["shmat", () => Number(shmat(BAD_ID, 0n, 0)), "EINVAL"],
    ["shmdt", () => shmdt(4096n), "EINVAL"],
    ["shmctl", () => shmctl(BAD_ID, 2, new Uint8Array(112)), "EINVAL"],
    ["semget", () => semget(KEY_OF_NOBODY, 0, 0), "ENOENT"],
    ["semget", () => semget(0, 0, 0o600), "EINVAL"],
    ["semop", () => semop(BAD_ID, one, 1n), "EINVAL"],
    ["semtimedop", () => semtimedop(BAD_ID, one, 1n, timespec(1)), "EINVAL"],
    ["semctl", () => semctl(BAD_ID, 0, platform().constants.GETVAL, null), "EINVAL"],
    ["ftok", () => -ftok("/nonexistent/file", 1).errno, "ENOENT"],
    ["ftok", () => -ftok("/proc/self/exe/x", 1).errno, "ENOTDIR"],
  ];
  for (const [name, call, code] of calls) {
    await t.step(`${name}: ${code}`, () => {
      for (let repeat = 0; repeat < 20_000; repeat++) {
        // Whatever stood in errno before is overwritten.
        libc().errno[0] = 77;
        const result = call();
        if (result !== -errno[code]) assertEquals(errnoName(-result), code, `call ${repeat}`);
      }
    });
  }
});

Deno.test("a successful call doesn't report an old errno", () => {
  libc().errno[0] = errno.ENOENT;
  assertEquals(ftok("/", 1).errno, 0);
});
