// What `map_fuzz.ts` maps, and what becomes of its maps.

import { closeSync, openSync } from "node:fs";
import {
  type AnyMapping,
  isSystemError,
  mapAnonymous,
  mapFile,
  mapMemfd,
  mapNewFile,
  type MapOptions,
  mapOrCreateFile,
  Mapping,
  Memfd,
  PosixSharedMemory,
  ReadonlyMapping,
  type SharedMemory,
} from "../../mod.ts";
import { CAPACITY, Content, PAGE, type Random, Window } from "./map_fuzz_model.ts";

/** Something that can be mapped. */
export interface Source {
  readonly kind: "path" | "descriptor" | "memfd" | "posix" | "anonymous";
  readonly content: Content;
  readonly path: string;
  /** The user's descriptor; -1 if there is none. */
  readonly fd: number;
  /** What somebody else has of it, to change its size and bytes; `null` if nobody can. */
  readonly other: Deno.FsFile | null;
  readonly object: Memfd | PosixSharedMemory | null;
}

/** A map, and all that becomes of it. */
export interface Subject {
  readonly source: Source;
  readonly window: Window;
  map: AnyMapping;
  state: "mapped" | "closed" | "shared" | "moved";
  shared: SharedMemory | null;
  /** The buffer that its own was transferred to. */
  moved: Uint8Array | null;
  /** Counts what ends its views. */
  generation: number;
  /** Counts failures, which may end its views. */
  failures: number;
  /** Whether the system may have made its pages its own, all at once. */
  eager: boolean;
}

/** What was tried in all sequences, and how often it worked and didn't. */
export const outcomes = new Map<string, [worked: number, failed: number]>();

/** What errors say that aren't the library's. */
const FOREIGN = /is not a function|undefined|not iterable|null|NaN/;

/** Does something that may fail, but only with an error of the library's. */
export function attempt<T>(name: string, call: () => T): { readonly value: T } | null {
  const outcome = outcomes.get(name) ?? [0, 0];
  outcomes.set(name, outcome);
  try {
    const value = call();
    outcome[0]++;
    return { value };
  } catch (error) {
    outcome[1]++;
    const known = isSystemError(error) || error instanceof RangeError ||
      error instanceof TypeError || error instanceof DOMException ||
      Object.values(Deno.errors).some((errorClass) => error instanceof errorClass);
    if (known && !FOREIGN.test((error as Error).message)) return null;
    throw new Error(`${name} failed in an unknown way`, { cause: error });
  }
}

/** Makes a file or a memory object with something in it. */
export function makeSource(random: Random, directory: string, id: string): Source {
  const kind = random.pick(["path", "path", "descriptor", "memfd", "posix", "anonymous"] as const);
  if (kind === "anonymous") {
    return { kind, content: new Content(CAPACITY), path: "", fd: -1, other: null, object: null };
  }
  const isFile = kind === "path" || kind === "descriptor";
  const size = isFile && random.oneIn(12) ? 0 : 1 + random.bytes(6 * PAGE);
  const content = new Content(size);
  const open = (path: string) => Deno.openSync(path, { read: true, write: true });
  if (isFile) {
    const path = `${directory}/${id}`;
    fill(path, random, content);
    const fd = kind === "path" ? -1 : openSync(path, "r+");
    return { kind, content, path, fd, other: open(path), object: null };
  }
  const name = `/isthmus-fuzz-${id}`;
  const object = kind === "memfd"
    ? Memfd.create(size)
    : PosixSharedMemory.create(name, size, { removeOnDispose: true });
  const path = kind === "memfd" ? `/proc/self/fd/${object.descriptor}` : `/dev/shm${name}`;
  return { kind, content, path, fd: -1, other: open(path), object };
}

function fill(path: string, random: Random, { bytes, size }: Content): void {
  for (let index = 0; index < size; index++) bytes[index] = random.below(256);
  const held = bytes.subarray(0, size);
  if (size === 0 || !random.oneIn(4)) return Deno.writeFileSync(path, held);
  using map = mapNewFile(path, size, { reserve: random.oneIn(2) });
  map.bytes.set(held);
}

/** Gives up a file or a memory object. */
export function endSource({ kind, path, fd, other, object }: Source): void {
  object?.[Symbol.dispose]();
  other?.close();
  if (fd >= 0) closeSync(fd);
  if (kind === "path" || kind === "descriptor") Deno.removeSync(path);
}

/** Takes the size that the system tells: something may have changed it, or not. */
export function adoptSize({ other, content }: Source): void {
  if (other !== null) content.resize(other.statSync().size);
}

/** Maps memory without a file. */
export function openAnonymous(source: Source, random: Random): Subject {
  const length = 1 + random.bytes(6 * PAGE);
  const options = { shared: random.oneIn(2), populate: random.oneIn(4) };
  const map = random.oneIn(8)
    ? mapAnonymous(length, { ...options, access: "none" })
    : mapAnonymous(length, options);
  return subject(source, new Window(source.content, 0, length, !options.shared), map);
}

/** Maps a source in one of the ways that there are; `say` is told which. */
export function openSource(
  source: Source,
  random: Random,
  say: (text: string) => void,
): Subject | null {
  const { content } = source;
  const access = random.pick(["read", "readwrite", "readwrite", "copy", "none"] as const);
  const offset = random.oneIn(2) ? 0 : random.bytes(content.size);
  const rest = random.oneIn(5) ? 8 * PAGE : content.size - offset;
  const length = random.oneIn(2) ? undefined : random.bytes(rest);
  const options = { offset, length, allowBeyondEnd: random.oneIn(8), populate: random.oneIn(8) };
  const size = access === "readwrite" && source.object === null && random.oneIn(4)
    ? random.bytes(8 * PAGE)
    : undefined;
  say(`map ${source.kind} of ${content.size}: ${access} ${size} ${JSON.stringify(options)}`);
  const map = attempt(`map ${access}`, () => mapSource(source, random, access, options, size));
  if (map === null) {
    adoptSize(source);
    return null;
  }
  if (size !== undefined) content.resize(Math.max(size, content.size));
  const whole = Math.max(0, content.size - offset);
  const isCopy = access === "copy";
  return subject(source, new Window(content, offset, length ?? whole, isCopy), map.value);
}

function mapSource(
  { kind, path, fd, object }: Source,
  random: Random,
  access: "read" | "readwrite" | "copy" | "none",
  options: MapOptions,
  size: number | undefined,
): AnyMapping {
  if (object instanceof Memfd && random.oneIn(2)) {
    return mapMemfd(object.handle, { ...options, access });
  }
  if (object !== null) return object.map({ ...options, access });
  if (kind === "descriptor") return mapFile(fd, { ...options, access, size });
  if (size !== undefined && size > 0 && random.oneIn(2)) {
    return mapOrCreateFile(path, size, options);
  }
  const place = random.oneIn(2) ? path : new URL(`file://${path}`);
  return mapFile(place, { ...options, access, size });
}

function subject(source: Source, window: Window, map: AnyMapping): Subject {
  if (map.byteLength !== window.length) {
    throw new Error(`the map has ${map.byteLength} bytes instead of ${window.length}`);
  }
  return {
    source,
    window,
    map,
    state: "mapped",
    shared: null,
    moved: null,
    generation: 0,
    failures: 0,
    eager: false,
  };
}

/** All bytes of a map, whatever became of it; `null` if they are gone or may not be read. */
export function bytesOf({ state, map, shared, moved }: Subject): Uint8Array | null {
  if (state === "closed") return null;
  if (state === "shared") return shared?.bytes ?? null;
  if (state === "moved") return moved;
  if (map instanceof Mapping) return map.bytes;
  return map instanceof ReadonlyMapping ? map.unsafeBytes : null;
}

/** Holds what a map shows against what it must, everywhere or at some places. */
export function compare(subject: Subject, random?: Random): void {
  const { window, source: { kind } } = subject;
  const bytes = bytesOf(subject);
  if (bytes === null) return;
  if (bytes.length !== window.length) {
    throw new Error(`${kind} shows ${bytes.length} bytes instead of ${window.length}`);
  }
  const count = random === undefined ? window.live : Math.min(5, window.live);
  for (let each = 0; each < count; each++) {
    const index = random?.below(window.live) ?? each;
    if (bytes[index] === window.at(index)) continue;
    throw new Error(
      `${kind}: byte ${index} of ${window.length} at ${window.offset} is ${
        bytes[index]
      } instead of ${window.at(index)}`,
    );
  }
}

/** Makes pages a private map's own that the system, once they are locked, copies when it likes. */
export function ownPages({ eager, window, map }: Subject): void {
  if (!eager || window.copy === null || !(map instanceof Mapping)) return;
  const { bytes } = map;
  for (const index of window.livePages()) {
    window.copy.own(window.offset + index);
    bytes.copyWithin(index, index, index + 1); // the write copies the page
  }
}
