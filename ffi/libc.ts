import { platform } from "./platform.ts";
import { SYMBOLS } from "./symbols.ts";

/** libc's functions, and the cell that they leave their error number in. */
export interface Libc {
  readonly c: Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];
  /**
   * This thread's `errno`, at index 0. Read it in the expression that follows
   * the call: an allocation in between lets a garbage collection overwrite it.
   */
  readonly errno: Int32Array;
}

/** Loads a library. */
function load(library: string, table: typeof SYMBOLS): Libc["c"] {
  try {
    return Deno.dlopen(library, table).symbols;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) {
      throw new Deno.errors.NotCapable(
        `${error.message}. Grant it without a path: --allow-ffi`,
        { cause: error },
      );
    }
    // With --allow-ffi=<path> Deno looks for the library under the current directory.
    throw new Error(
      `Cannot open ${library}, which has libc's functions. Grant --allow-ffi without a path`,
      { cause: error },
    );
  }
}

/** Opens libc: needs `--allow-ffi`, without a path, since views on foreign memory do too. */
function open(): Libc {
  const { library, symbolNames } = platform();
  const table = Object.fromEntries(
    Object.entries(SYMBOLS).map(([key, symbol]) => [
      key,
      { ...symbol, name: symbolNames[key] ?? symbol.name },
    ]),
  ) as unknown as typeof SYMBOLS;
  const c = load(library, table);
  const location = c.__errno_location();
  if (location === null) throw new Error(`Cannot use ${library}: it has no errno`);
  const errno = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(location, 4));
  return { c, errno };
}

// One for each thread: a Worker evaluates this module for itself, as errno is its own.
let opened: Libc | undefined;

/** libc, opened at the first call. */
export function libc(): Libc {
  return opened ??= open();
}
