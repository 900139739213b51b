import { checkBoolean, checkOptions } from "../ffi/check.ts";
import { systemError } from "../ffi/errors.ts";
import { msync, msyncNonblocking } from "../ffi/mman.ts";
import { platform } from "../ffi/platform.ts";
import type { Region } from "../ffi/region.ts";
import { checkedWait, type WaitOptions, within } from "../ffi/wait.ts";
import { pagesOf, type Part } from "../memory/pages.ts";
import { checkWhole, type Origin } from "./origin.ts";

/** Which bytes to write to the file, and whether to wait until they are there. */
export interface FlushOptions extends Part {
  /** Starts the writing and doesn't wait for its end (`MS_ASYNC`). Default: `false` (`MS_SYNC`). */
  readonly async?: boolean;
}

function prepare(region: Region, origin: Origin, { offset, length, async }: FlushOptions) {
  const pages = pagesOf(region, "flush", { offset, length });
  if (region.isPrivate && origin.file !== null) {
    throw new Deno.errors.NotSupported(
      `Cannot flush ${region.name}: with access "copy" its writes stay in this process. Map it with "readwrite"`,
    );
  }
  checkWhole(region, origin, "flush");
  const { MS_ASYNC, MS_SYNC } = platform().constants;
  return { ...pages, flags: checkBoolean("async", async) ? MS_ASYNC : MS_SYNC };
}

function failure(region: Region, errno: number): Error {
  return systemError({
    errno,
    syscall: "msync",
    action: `flush ${region.name}`,
    advice: {
      EIO: ["the disk failed while it was written"],
      ENOMEM: ["a part of it is not mapped any more"],
      ENOSPC: ["its disk is full, and it has no blocks there yet", "Reserve them with size."],
    },
  });
}

/** Writes what was changed to the file, blocking the thread. */
export function flushSync(region: Region, origin: Origin, options: FlushOptions = {}): void {
  const { address, byteLength, flags } = prepare(region, origin, checkOptions(options));
  if (byteLength === 0) return;
  const result = msync(address, byteLength, flags);
  if (result < 0) throw failure(region, -result);
}

/** Writes what was changed to the file, on another thread. */
export async function flush(
  region: Region,
  origin: Origin,
  options: FlushOptions & WaitOptions = {},
): Promise<void> {
  // Every option is read before anything is looked at: a getter could close the mapping.
  const limits = checkedWait(options);
  const { address, byteLength, flags } = prepare(region, origin, { ...options });
  limits.signal?.throwIfAborted();
  if (byteLength === 0) return;
  const letGo = region.hold();
  const done = msyncNonblocking(address, byteLength, flags).then((success) => {
    if (success) return;
    // The other thread's errno can't be read: ask again.
    const result = msync(address, byteLength, flags);
    if (result < 0) throw failure(region, -result);
  }).finally(letGo);
  await within(done, limits, () => {
    return systemError({
      errno: platform().errno.ETIMEDOUT,
      syscall: "msync",
      action: `flush ${region.name}`,
      advice: {
        ETIMEDOUT: [`the disk took more than ${limits.timeout} ms`, "The writing goes on."],
      },
    });
  });
}
