import { cString } from "./c_string.ts";
import { libc } from "./libc.ts";

/**
 * `key_t ftok(const char *pathname, int proj_id)`
 *
 * Returns the key and the error number, 0 if there was none: every 32-bit value
 * is a possible key, -1 too, so only `errno` tells a failure.
 *
 * See {@linkcode https://man7.org/linux/man-pages/man3/ftok.3.html ftok(3)}.
 */
export function ftok(pathname: string, projId: number): { key: number; errno: number } {
  const { c, errno } = libc();
  const path = cString(pathname);
  errno[0] = 0;
  const key = c.ftok(path, projId);
  // Before the result's object is allocated: a collection would leave its own error there.
  const error = errno[0];
  return { key, errno: key === -1 ? error : 0 };
}
