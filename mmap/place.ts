import { type Advice, systemError } from "../ffi/errors.ts";
import { hasMremap, mmap, mremap, munmap } from "../ffi/mman.ts";
import { type Place, roundUp, span } from "../ffi/pages.ts";
import { platform } from "../ffi/platform.ts";
import { Region } from "../ffi/region.ts";

/** What errors of mmap and mremap mean. */
const ADVICE: Advice = {
  EACCES: [
    "it was opened for reading or for writing only, or is append-only",
    'Open it for reading and writing, or map it with access "read" or "copy".',
  ],
  EAGAIN: ["more memory is locked than this user may (RLIMIT_MEMLOCK)"],
  EFAULT: [
    "the system keeps parts of it apart, since they were advised or locked differently",
    "Advise and lock all of it, or nothing.",
  ],
  EINVAL: ["the system can't map it so"],
  ENODEV: [
    "it is nothing that can be mapped",
    "Read it instead.",
  ],
  ENOMEM: [
    "not enough memory, address space or mappings (vm.max_map_count) for it",
    'Map less at once; access "copy" of much more than there is memory takes noReserve.',
  ],
  EOVERFLOW: ["there are no such addresses"],
  EPERM: [
    "it is sealed against writing, or lies where nothing may be executed",
    'Map it with access "read" or "copy", and without execute.',
  ],
};

/** What to map. */
export interface Request {
  /** -1 for anonymous memory. */
  readonly fd: number;
  readonly offset: number;
  readonly byteLength: number;
  readonly prot: number;
  readonly flags: number;
  readonly pageSize: number;
  /** Completes "Cannot map ...". */
  readonly name: string;
  readonly advice?: Advice;
}

/** What was mapped. */
interface Mapped {
  /** Completes "Cannot unmap ...". */
  readonly name: string;
  readonly pageSize: number;
  readonly flags: number;
  ended?(): void;
}

/** Maps something, and returns where its first byte lies; no byte needs no mapping. */
export function mapPlace(request: Request): Place {
  const { fd, offset, byteLength, prot, flags, pageSize, name } = request;
  if (byteLength === 0) return { address: 0n, byteLength };
  const before = offset % pageSize;
  const length = roundUp(before + byteLength, pageSize);
  const address = mmap(0n, length, prot, flags, fd, offset - before);
  if (typeof address === "bigint") return { address: address + BigInt(before), byteLength };
  throw systemError({
    errno: -address,
    syscall: "mmap",
    action: `map ${name}`,
    advice: { ...ADVICE, ...request.advice },
  });
}

/** Gives the pages of a place back. */
export function unmapPlace(place: Place, pageSize: number, name: string): void {
  const { address, byteLength } = span(place, pageSize);
  if (byteLength === 0) return;
  const result = munmap(address, byteLength);
  if (result < 0) throw systemError({ errno: -result, syscall: "munmap", action: `unmap ${name}` });
}

/** A region on mapped memory, which unmaps it in the end; `ended` is called then. */
export function regionAt(
  place: Place,
  { name, pageSize, flags, ended }: Mapped,
): Region {
  const unmap = (last: Place) => unmapPlace(last, pageSize, name);
  const isPrivate = (flags & platform().constants.MAP_PRIVATE) !== 0;
  return new Region({ ...place, name, pageSize, isPrivate, unmap, ended });
}

/** Makes a mapping longer or shorter; where it lies may change. No view may be left on it. */
export function resizePlace(
  place: Place,
  byteLength: number,
  pageSize: number,
  name: string,
): Place {
  const old = span(place, pageSize);
  const wanted = span({ address: place.address, byteLength }, pageSize);
  if (wanted.byteLength === old.byteLength) return { address: place.address, byteLength };
  if (!hasMremap()) {
    if (wanted.byteLength > old.byteLength) {
      throw new Deno.errors.NotSupported(
        `Cannot make ${name} longer: this platform has no mremap. Map it anew`,
      );
    }
    const surplus = old.byteLength - wanted.byteLength;
    unmapPlace(
      { address: old.address + BigInt(wanted.byteLength), byteLength: surplus },
      pageSize,
      name,
    );
    return { address: place.address, byteLength };
  }
  const { MREMAP_MAYMOVE } = platform().constants;
  const moved = mremap(old.address, old.byteLength, wanted.byteLength, MREMAP_MAYMOVE ?? 0);
  if (typeof moved === "bigint") {
    return { address: moved + (place.address - old.address), byteLength };
  }
  throw systemError({
    errno: -moved,
    syscall: "mremap",
    action: `resize ${name}`,
    advice: ADVICE,
  });
}
