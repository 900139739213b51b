// System V objects for tests: keys that nobody else uses, and what to expect of errors.

import { assertEquals, assertInstanceOf } from "@std/assert";
import { isSystemError, MessageQueue, PosixSemaphore, Segment, SemaphoreSet } from "../mod.ts";

/** A key that no other test uses. */
export function freshKey(): number {
  for (;;) {
    const [key] = crypto.getRandomValues(new Int32Array(1));
    if (key !== 0) return key;
  }
}

/** Removes whatever has this key when it leaves scope: for objects that other processes make. */
export function cleanup(key: number): Disposable {
  return {
    [Symbol.dispose]() {
      for (const { id } of Segment.list().filter((segment) => segment.key === key)) {
        Segment.fromId(id).remove();
      }
      for (const { id } of SemaphoreSet.list().filter((set) => set.key === key)) {
        SemaphoreSet.fromId(id).remove();
      }
      for (const { id } of MessageQueue.list().filter((queue) => queue.key === key)) {
        MessageQueue.remove(id);
      }
    },
  };
}

/** A name for a POSIX semaphore that no other test uses; whatever has it is removed at the end of the scope. */
export interface FreshName extends Disposable {
  readonly name: string;
}

/** Makes a name for a POSIX semaphore. */
export function freshSemaphoreName(): FreshName {
  const name = `/isthmus-${crypto.randomUUID().slice(0, 18)}`; // macOS takes no longer one
  return {
    name,
    [Symbol.dispose]() {
      try {
        PosixSemaphore.remove(name);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    },
  };
}

/** Checks that a call fails as the operating system said: class, code and C function. */
export function assertSystemError(
  error: unknown,
  errorClass: new (message: string) => Error,
  code: string,
  syscall: string,
): void {
  assertInstanceOf(error, errorClass);
  if (!isSystemError(error)) throw new Error(`not a system error: ${error}`);
  assertEquals({ code: error.code, syscall: error.syscall }, { code, syscall });
}

/**
 * The earliest time, in milliseconds, that the kernel may note for what happens from now on: its
 * clock of whole seconds is a tick late.
 */
export function earliest(): number {
  return Math.floor(Date.now() / 1000 - 1) * 1000;
}

/** Whether the tests run as root; for `ignore` where they must. */
export const IS_ROOT: boolean = Deno.uid() === 0;

/** Says once why a test is skipped that needs Linux and root; for `ignore`. */
export function notRootOnLinux(tests: string): boolean {
  const missing = Deno.build.os !== "linux" || !IS_ROOT;
  if (missing) console.log(`skipped, this is not root on Linux: ${tests}`);
  return missing;
}

/** Waits until a condition holds; the watchdog says which one never did. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const WATCHDOG = 30_000;
  const deadline = performance.now() + WATCHDOG;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
