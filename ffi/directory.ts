import { cString } from "./c_string.ts";
import { libc } from "./libc.ts";
import { platform } from "./platform.ts";

/** `DT_REG`, what `d_type` says of an ordinary file. */
const DT_REG = 8;

/**
 * The names of the ordinary files in a directory, by `opendir(const char *name)` and `readdir(DIR
 * *dirp)`; a negated error number if it can't be opened, `-ENOSYS` where there is no table of
 * `struct dirent`.
 *
 * For the system's own directories: a user's is opened by Deno's permissions.
 * See {@linkcode https://man7.org/linux/man-pages/man3/readdir.3.html readdir(3)}.
 */
export function listFiles(directory: string): string[] | number {
  const { c, errno } = libc();
  const { layouts: { dirent }, errno: { ENOENT, ENOSYS } } = platform();
  if (dirent === null) return -ENOSYS;
  const { d_type: [typeOffset], d_name: [nameOffset] } = dirent.fields;
  const dirp = c.opendir(cString(directory));
  if (dirp === 0n) return -(errno[0] || ENOENT);
  const names: string[] = [];
  for (;;) {
    const entry = c.readdir(dirp);
    if (entry === null) break;
    const view = new Deno.UnsafePointerView(entry);
    if (view.getUint8(typeOffset) === DT_REG) names.push(view.getCString(nameOffset));
  }
  c.closedir(dirp);
  return names;
}
