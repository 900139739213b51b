// Message queues of other users, and the system's limits on them.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { MessageQueue } from "../mod.ts";
import { freshKey, notRootOnLinux } from "./_objects.ts";
import { path } from "./_process.ts";
import { runAsNobody, runInNamespace } from "./_users.ts";

const ignore = notRootOnLinux("another user's message queues, and the limits on them");

const ROOMS = ["ffi", "sysv", "wait", "msg"];
const IMPORT = 'import { MessageQueue } from "./msg/mod.ts";';
const IMPORT_BY_PATH = `import { MessageQueue } from ${
  JSON.stringify(`file://${path("msg/mod.ts")}`)
};`;

/** A line's first words: the error's class, its code and C's function. */
function start(line: string): string {
  return line.split(" ").slice(0, 3).join(" ").trim();
}

Deno.test({
  name: "another user's queue: permission denied, nothing lost, and the mode decides",
  ignore,
  async fn() {
    const options = { removeOnDispose: true };
    using closed = MessageQueue.create(freshKey(), options);
    using inbox = MessageQueue.create(freshKey(), { mode: 0o622, ...options });
    using outbox = MessageQueue.create(freshKey(), { mode: 0o644, ...options });
    for (const queue of [closed, inbox, outbox]) queue.sendSync(1, new Uint8Array(4));
    inbox.set({ maxBytes: 10 });
    const lines = await runAsNobody(
      ROOMS,
      IMPORT,
      `
      const bytes = new Uint8Array(6);
      const closed = MessageQueue.open(${closed.key});
      await report(() => MessageQueue.create(${closed.key}));
      await report(() => MessageQueue.openOrCreate(${closed.key}).created);
      await report(() => closed.trySend(1, bytes));
      await report(() => closed.send(1, bytes));
      await report(() => closed.tryReceive());
      await report(() => closed.receive());
      await report(() => closed.receiveSync({ timeout: 5 }));
      await report(() => closed.peek());
      await report(() => closed.status());
      await report(() => closed.set({ mode: 0o666 }));
      await report(() => closed.set({ uid: 0, gid: 0, mode: 0o666, maxBytes: 1 }));
      await report(() => closed.remove());

      const inbox = MessageQueue.fromId(${inbox.id});
      await report(() => inbox.key);
      await report(() => inbox.trySend(2, bytes));
      await report(() => inbox.trySend(2, bytes));
      await report(() => inbox.sendSync(2, new Uint8Array(100), { timeout: 5 }));
      await report(() => inbox.tryReceive());

      const outbox = MessageQueue.open(${outbox.key});
      await report(() => outbox.status().messages);
      await report(() => outbox.tryReceive().bytes.length);
      await report(() => outbox.trySend(1, bytes));
      console.log(MessageQueue.list().some(({ id }) => id === ${closed.id}));
    `,
    );
    assertEquals(lines.map(start), [
      "AlreadyExists EEXIST msgget",
      "done false",
      "PermissionDenied EACCES msgsnd",
      "PermissionDenied EACCES msgsnd",
      "PermissionDenied EACCES msgrcv",
      "PermissionDenied EACCES msgrcv",
      "PermissionDenied EACCES msgrcv",
      "PermissionDenied EACCES msgrcv",
      "PermissionDenied EACCES msgctl",
      "PermissionDenied EACCES msgctl",
      "PermissionDenied EPERM msgctl",
      "PermissionDenied EPERM msgctl",
      "done 0",
      "done true",
      "done false",
      "TimedOut EAGAIN msgsnd",
      "PermissionDenied EACCES msgrcv",
      "done 1",
      "done 4",
      "PermissionDenied EACCES msgsnd",
      "true",
    ]);
    assertStringIncludes(lines[2], "its mode does not let this user send");
    assertStringIncludes(lines[4], "its mode does not let this user receive");
    assertStringIncludes(lines[9], "Give uid, gid, mode and maxBytes, all four");
    assertEquals([closed, inbox, outbox].map((queue) => queue.status().messages), [1, 2, 0]);
  },
});

Deno.test({
  name: "an owner repairs what his mode doesn't let him read, and makes it no larger than allowed",
  ignore,
  async fn() {
    const lines = await runAsNobody(
      ROOMS,
      IMPORT,
      `
      const { msgmnb } = MessageQueue.limits();
      const queue = MessageQueue.create(0, { mode: 0o200 });
      queue.sendSync(1, new Uint8Array(2));
      await report(() => queue.tryReceive());
      await report(() => queue.set({ mode: 0o600 }));
      await report(() => queue.set({ uid: 65534, gid: 65534, mode: 0o600, maxBytes: 1000 }));
      await report(() => queue.status().maxBytes);
      await report(() => queue.set({ maxBytes: msgmnb }));
      await report(() => queue.set({ maxBytes: msgmnb + 1 }));
      await report(() => queue.tryReceive().bytes.length);
      queue.remove();
    `,
    );
    assertEquals(lines.map(start), [
      "PermissionDenied EACCES msgrcv",
      "PermissionDenied EACCES msgctl",
      "done",
      "done 1000",
      "done",
      "PermissionDenied EPERM msgctl",
      "done 2",
    ]);
    assertStringIncludes(lines[5], "hold more than the system's kernel.msgmnb");
  },
});

Deno.test({
  name: "the limit on queues is a clear error that names it, and nothing is lost",
  ignore,
  async fn() {
    const lines = await runInNamespace(
      "echo 2 > /proc/sys/kernel/msgmni",
      IMPORT_BY_PATH,
      `
      const made = [MessageQueue.create(0), MessageQueue.create(0)];
      await report(() => MessageQueue.create(0));
      await report(() => MessageQueue.openOrCreate(5));
      made[0].remove();
      await report(() => void MessageQueue.create(0));
      console.log(MessageQueue.usage().queues, MessageQueue.limits().msgmni);
    `,
    );
    for (const line of lines.slice(0, 2)) {
      assert(line.startsWith("Error ENOSPC msgget Cannot create"), line);
      assert(/\(msgmni\).*`ipcs -q`.*kernel\.msgmni/.test(line), line);
    }
    assertEquals(lines.slice(2).map(start), ["done", "2 2"]);
  },
});

Deno.test({
  name:
    "long messages are received whole where the limits were raised, and after they were lowered",
  ignore,
  async fn() {
    const lines = await runInNamespace(
      "echo 3000000 > /proc/sys/kernel/msgmax && echo 9000000 > /proc/sys/kernel/msgmnb",
      IMPORT_BY_PATH,
      `
      const queue = MessageQueue.create(0);
      const bytes = Uint8Array.from({ length: 3_000_000 }, (_, index) => index % 251);
      const same = (other) => other.length === bytes.length && other.every((b, i) => b === bytes[i]);
      const send = () => queue.sendSync(1, bytes);
      send();
      await report(() => same(queue.peek().bytes));
      await report(() => same(queue.receiveSync().bytes));
      send();
      await report(() => queue.receiveSync({ maxLength: 2_999_999 }));
      await report(() => queue.receiveSync({ maxLength: 2_000_000, truncate: true }).bytes.length);
      send();
      await report(async () => same((await queue.receive({ into: new Uint8Array(4e6) })).bytes));
      await report(() => queue.trySend(1, new Uint8Array(3_000_001)));

      send();
      Deno.writeTextFileSync("/proc/sys/kernel/msgmax", "100");
      await report(() => queue.trySend(1, new Uint8Array(101)));
      await report(() => queue.peek());
      await report(() => same(queue.receiveSync().bytes));
    `,
    );
    assertEquals(lines.map(start), [
      "done true",
      "done true",
      "Error E2BIG msgrcv",
      "done 2000000",
      "done true",
      "Error EINVAL msgsnd",
      "Error EINVAL msgsnd",
      "Error EINVAL msgrcv",
      "done true",
    ]);
    assertStringIncludes(lines[6], "does not allow a message of 101 bytes");
    assertStringIncludes(lines[7], "longer than the system allows by now (kernel.msgmax)");
  },
});
