import { checkBoolean, checkInteger, checkMode, checkOptions } from "../ffi/check.ts";
import { reserve, setSize } from "./backing_file.ts";
import { giveSize } from "./first_size.ts";
import { mapDescriptor, type Settings } from "./map.ts";
import type { AnyMapping, Mapping, ReadonlyMapping, ReservedMapping } from "./mapping.ts";
import { openOrCreate } from "./open_or_create.ts";
import {
  checkAccess,
  checkedLength,
  checkedMapOptions,
  type MapAccess,
  type MapOptions,
} from "./options.ts";
import { PathSource } from "./path_source.ts";
import { descriptorSource, type Source, statusOf } from "./source.ts";

/** Options of {@linkcode mapFile}. */
export interface MapFileOptions extends MapOptions {
  /** What the mapping may be used for. Default: `"read"`. */
  readonly access?: MapAccess;
  /**
   * Makes the file at least this many bytes long, with `access: "readwrite"`. Default: it stays as
   * it is.
   */
  readonly size?: number;
  /**
   * Whether the first `size` bytes get blocks on the disk (`fallocate`): a full disk is an error
   * then. A write to a byte that has none, in a hole of the file, kills the process (SIGBUS) if the
   * disk is full by then. Default: `true`.
   */
  readonly reserve?: boolean;
}

/** Options of {@linkcode mapNewFile} and {@linkcode mapOrCreateFile}. */
export interface MapNewFileOptions extends MapOptions {
  /**
   * Permission bits of a file that is made, less the process's umask. Default: `0o600`, this user
   * alone.
   */
  readonly mode?: number;
  /**
   * Whether to reserve blocks on the disk, as {@linkcode MapFileOptions.reserve} says. Default:
   * `true`.
   */
  readonly reserve?: boolean;
}

const ACCESSES: readonly MapAccess[] = ["read", "readwrite", "copy", "none"];

/** A descriptor is a non-negative int. */
const MAX_DESCRIPTOR = 2 ** 31 - 1;

/**
 * Maps a file that exists, by its path or by a descriptor that is open.
 *
 * A path is opened under Deno's permissions (`--allow-read`, and `--allow-write` for
 * `"readwrite"`), and closed again as soon as the mapping exists. A descriptor stays the caller's.
 * An empty file, or a `length` of 0, gives an empty mapping.
 *
 * @example
 * ```ts
 * import { mapFile } from "@isthmus/isthmus";
 *
 * using map = mapFile("README.md");
 * console.log(map.byteLength, map.bytes.indexOf("\n".charCodeAt(0)));
 * ```
 *
 * @throws {TypeError} If an argument is of the wrong type.
 * @throws {RangeError} If `offset` and `length` reach beyond the end of the file.
 * @throws {Deno.errors.NotFound} If there is no such file.
 * @throws {Deno.errors.PermissionDenied} If this user, or the descriptor, has less access than is
 * asked for.
 * @throws {Deno.errors.NotCapable} If Deno was not started with the permission.
 * @throws {Deno.errors.IsADirectory} If it is a directory.
 * @throws {Deno.errors.NotSupported} If it is a pipe or a socket.
 * @throws {Deno.errors.BadResource} If the descriptor isn't open.
 * @throws {Error} With code `ENOSPC` if there is no room for `size` bytes. With code `ENOMEM`
 * if there is not enough memory or address space.
 *
 * @see {@linkcode https://man7.org/linux/man-pages/man2/mmap.2.html mmap(2)}
 */
export function mapFile(
  source: string | URL | number,
  options: MapFileOptions & { readonly access: "readwrite" | "copy" },
): Mapping;
/** Maps a file for reading. */
export function mapFile(
  source: string | URL | number,
  options?: MapFileOptions & { readonly access?: "read" },
): ReadonlyMapping;
/** Reserves address space for a file. */
export function mapFile(
  source: string | URL | number,
  options: MapFileOptions & { readonly access: "none" },
): ReservedMapping;
/** Maps a file for a use known at run time only. */
export function mapFile(source: string | URL | number, options: MapFileOptions): AnyMapping;
export function mapFile(
  source: string | URL | number,
  options: MapFileOptions = {},
): AnyMapping {
  const settings = checkedMapOptions(options);
  const { access = "read", size } = options;
  const blocks = checkBoolean("reserve", options.reserve, true);
  checkAccess(access, ACCESSES);
  if (size !== undefined) {
    checkInteger("size", size, 0);
    if (access !== "readwrite") {
      throw new TypeError('size needs access: "readwrite": it may have to make the file longer');
    }
  }
  const origin = typeof source === "number"
    ? descriptorSource(checkInteger("descriptor", source, 0, MAX_DESCRIPTOR))
    : new PathSource(source);
  return origin.lend(access === "readwrite" ? "readwrite" : "read", (fd) => {
    return size === undefined
      ? mapDescriptor(origin, fd, access, settings)
      : mapWithSize(origin, fd, size, blocks, settings);
  });
}

/**
 * Creates a file of `size` bytes, all zero, and maps it for reading and writing.
 *
 * @example
 * ```ts
 * import { mapNewFile } from "@isthmus/isthmus";
 *
 * const directory = Deno.makeTempDirSync();
 * using map = mapNewFile(`${directory}/samples`, 65536);
 * map.view.setUint32(0, 1, true);
 * Deno.removeSync(directory, { recursive: true }); // the mapping lives on without its name
 * ```
 *
 * @throws {Deno.errors.AlreadyExists} If the file exists.
 * @throws {Error} With code `ENOSPC` if there is no room; then there is no file. Where the mapping
 * alone fails, the file stays.
 * @see {@linkcode mapFile} for what else may go wrong.
 */
export function mapNewFile(
  path: string | URL,
  size: number,
  options: MapNewFileOptions = {},
): Mapping {
  const { settings, mode, blocks } = checkedNew(size, options);
  const source = new PathSource(path);
  return createAndMap(source, size, mode, blocks, settings);
}

/**
 * Maps a file for reading and writing that has at least `size` bytes: creates it, or makes it
 * longer, if need be. The mapping's `created` says whether it was created.
 *
 * @example
 * ```ts
 * import { mapOrCreateFile } from "@isthmus/isthmus";
 *
 * const directory = Deno.makeTempDirSync();
 * using map = mapOrCreateFile(`${directory}/state`, 4096);
 * console.log(map.created); // true: nobody has made it yet
 * Deno.removeSync(directory, { recursive: true });
 * ```
 *
 * @see {@linkcode mapFile} for what may go wrong.
 */
export function mapOrCreateFile(
  path: string | URL,
  size: number,
  options: MapNewFileOptions = {},
): Mapping {
  const { settings, mode, blocks } = checkedNew(size, options);
  const source = new PathSource(path);
  return openOrCreate(
    () => source.lend("readwrite", (fd) => mapExisting(source, fd, size, blocks, settings)),
    () => createAndMap(source, size, mode, blocks, settings),
  );
}

function checkedNew(size: number, options: MapNewFileOptions) {
  checkInteger("size", size, 1);
  const { mode = 0o600, reserve } = checkOptions(options);
  const blocks = checkBoolean("reserve", reserve, true);
  return { settings: checkedMapOptions(options), mode: checkMode(mode), blocks };
}

/**
 * Creates the file and maps it. Who finds it before it has its size gives it one, or waits, as
 * `giveSize` says.
 */
function createAndMap(
  source: PathSource,
  size: number,
  mode: number,
  blocks: boolean,
  settings: Settings,
): Mapping {
  checkedLength(source.name, size, settings); // before anything is made
  return source.create(mode, (fd, remove) => {
    giveSize(fd, size, blocks, source.name, { remove });
    return mapDescriptor(source, fd, "readwrite", settings, true) as Mapping;
  });
}

/** Maps a file that exists, long enough. */
function mapExisting(
  source: PathSource,
  fd: number,
  size: number,
  blocks: boolean,
  settings: Settings,
): Mapping {
  const { name } = source;
  if (statusOf(fd, name).size === 0) {
    giveSize(fd, size, blocks, name, { isCurrent: () => source.isStill(fd) });
  }
  return mapWithSize(source, fd, size, blocks, settings);
}

/** Makes the file long enough, then maps it. */
function mapWithSize(
  source: Source,
  fd: number,
  size: number,
  blocks: boolean,
  settings: Settings,
): Mapping {
  const { name } = source;
  const { size: oldSize } = statusOf(fd, name);
  checkedLength(name, Math.max(size, oldSize), settings); // before anything is changed
  if (blocks && size > 0) reserve(fd, 0, size, name);
  else if (size > oldSize) setSize(fd, size, name);
  return mapDescriptor(source, fd, "readwrite", settings) as Mapping;
}
