import { describe } from "../ffi/check.ts";
import { type Advice, systemError } from "../ffi/errors.ts";
import { platform } from "../ffi/platform.ts";
import { isMapped, Region } from "../ffi/region.ts";
import { getpagesize } from "../ffi/pages.ts";
import { shmat, shmdt } from "../ffi/sysv_shm.ts";

/** How a segment may be used once it is attached. */
export type Access = "read" | "readwrite";

/** Options of `Segment.attach()`. */
export interface AttachOptions {
  /** `"read"` (`SHM_RDONLY`) or `"readwrite"`. Default: `"readwrite"`. */
  readonly access?: Access;
  /**
   * Where to attach, a multiple of `SHMLBA`, the page size. Default: where the system likes.
   * Nothing mapped is replaced, but right below the stack or the heap it may leave them no room to
   * grow.
   */
  readonly address?: bigint;
  /** Rounds `address` down to a multiple of `SHMLBA` (`SHM_RND`). Default: `false`. */
  readonly round?: boolean;
  /** Lets code in the segment be executed (`SHM_EXEC`; Linux). Default: `false`. */
  readonly execute?: boolean;
  /**
   * Replaces whatever is mapped at `address` (`SHM_REMAP`; Linux). Default: `false`.
   *
   * Unsafe: only for a range that this program reserved for itself. Laid over anything
   * else, it replaces memory that Deno is using.
   */
  readonly unsafeRemap?: boolean;
}

const MAX_ADDRESS = 2n ** 64n - 1n;

/** The address to hand to C, checked and rounded as `options` say; 0 is where the system likes. */
function targetAddress(options: AttachOptions, size: number): bigint {
  const { address, round = false, unsafeRemap = false } = options;
  if (address === undefined) {
    if (round || unsafeRemap) {
      throw new TypeError(`${round ? "round" : "unsafeRemap"} needs an address`);
    }
    return 0n;
  }
  if (typeof address !== "bigint") {
    throw new TypeError(`address must be a bigint: received ${describe(address)}`);
  }
  if (address <= 0n || address > MAX_ADDRESS) {
    throw new RangeError(`address must be a positive 64-bit integer: received ${address}`);
  }
  const SHMLBA = BigInt(getpagesize());
  const excess = address % SHMLBA;
  if (excess !== 0n && !round) {
    throw new RangeError(
      `address must be a multiple of ${SHMLBA} (SHMLBA), or round be set: received 0x${
        address.toString(16)
      }`,
    );
  }
  const rounded = address - excess;
  if (rounded === 0n) throw new RangeError(`address must not round to 0: received ${address}`);
  if (unsafeRemap && isMapped(rounded, size)) {
    throw new RangeError(
      `address 0x${
        rounded.toString(16)
      } is that of an attachment or mapping in use: end that first`,
    );
  }
  return rounded;
}

/** The flags that `options` stand for. */
function attachFlags(options: AttachOptions): number {
  const { access = "readwrite", round, execute, unsafeRemap } = options;
  const { SHM_RDONLY, SHM_RND, SHM_EXEC, SHM_REMAP } = platform().constants;
  if (access !== "read" && access !== "readwrite") {
    throw new TypeError(`access must be "read" or "readwrite": received ${describe(access)}`);
  }
  if ((execute && SHM_EXEC === null) || (unsafeRemap && SHM_REMAP === null)) {
    throw new Deno.errors.NotSupported(
      `Cannot attach segment: this platform has no ${execute ? "SHM_EXEC" : "SHM_REMAP"}`,
    );
  }
  return (access === "read" ? SHM_RDONLY : 0) |
    (round ? SHM_RND : 0) |
    (execute && SHM_EXEC !== null ? SHM_EXEC : 0) |
    (unsafeRemap && SHM_REMAP !== null ? SHM_REMAP : 0);
}

/** What errors of shmat mean. */
function attachAdvice({ access, execute, address }: AttachOptions): Advice {
  return {
    EACCES: [
      "its mode does not let this user attach it so",
      execute || access === "read"
        ? "Its owner or root may change its mode."
        : 'Ask for access: "read" if that is enough, or let its owner change its mode.',
    ],
    EINVAL: [
      address === undefined
        ? "the system refuses"
        : "something is mapped there already, or a process has no such address",
      "Leave the address to the system.",
    ],
    ENOMEM: ["not enough memory or address space for it"],
  };
}

/** What is attached, for errors and for the check that it is what was meant. */
export interface AttachTarget {
  readonly id: number;
  readonly size: number;
  /** Completes "Cannot detach ...". */
  readonly name: string;
  /** The segment's size now; throws if it is gone. */
  currentSize(): number;
  /** Makes the error for an error number. */
  fail(errno: number, advice: Advice): Error;
}

/** Attaches a segment. */
export function attachSegment(target: AttachTarget, options: AttachOptions): Region {
  const { id, size, name } = target;
  const flags = attachFlags(options);
  const address = shmat(id, targetAddress(options, size), flags);
  if (typeof address === "number") throw target.fail(-address, attachAdvice(options));
  const detach = () => {
    const result = shmdt(address);
    if (result < 0) {
      throw systemError({ errno: -result, syscall: "shmdt", action: `detach ${name}` });
    }
  };
  try {
    // Ids are used again after some millions of segments. From here on this one can't be; if its
    // size is another, so was the segment, and a buffer of the old size would reach beyond it.
    if (target.currentSize() !== size) throw target.fail(platform().errno.EIDRM, {});
  } catch (error) {
    detach();
    throw error;
  }
  return new Region({ address, byteLength: size, name, unmap: detach });
}
