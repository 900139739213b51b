import { libc } from "./libc.ts";

// Each function returns what C returns, or the negated error number (-ENOMSG) in
// place of -1. Arguments are the caller's to check: the call truncates silently.

/** Where the bytes of a `struct msgbuf` start: behind its type, which is a `long`. */
export const MTEXT = 8;

/**
 * `int msgget(key_t key, int msgflg)`
 *
 * See {@linkcode https://man7.org/linux/man-pages/man2/msgget.2.html msgget(2)}.
 */
export function msgget(key: number, msgflg: number): number {
  const { c, errno } = libc();
  const id = c.msgget(key, msgflg);
  return id === -1 ? -errno[0] : id;
}

/**
 * `int msgsnd(int msqid, const void *msgp, size_t msgsz, int msgflg)`
 *
 * `msgp` is a `struct msgbuf`: the type, a `long`, and behind it at least `msgsz` bytes.
 * See {@linkcode https://man7.org/linux/man-pages/man2/msgsnd.2.html msgsnd(2)}.
 */
export function msgsnd(
  msqid: number,
  msgp: Uint8Array<ArrayBuffer>,
  msgsz: bigint,
  msgflg: number,
): number {
  const { c, errno } = libc();
  return c.msgsnd(msqid, msgp, msgsz, msgflg) === -1 ? -errno[0] : 0;
}

/**
 * `ssize_t msgrcv(int msqid, void *msgp, size_t msgsz, long msgtyp, int msgflg)`
 *
 * `msgp` is a `struct msgbuf`, with room for `msgsz` bytes behind the type. Returns how many came.
 * See {@linkcode https://man7.org/linux/man-pages/man2/msgrcv.2.html msgrcv(2)}.
 */
export function msgrcv(
  msqid: number,
  msgp: Uint8Array<ArrayBuffer>,
  msgsz: bigint,
  msgtyp: bigint,
  msgflg: number,
): number {
  const { c, errno } = libc();
  const length = c.msgrcv(msqid, msgp, msgsz, msgtyp, msgflg);
  return length === -1 ? -errno[0] : length;
}

/**
 * `int msgctl(int msqid, int cmd, struct msqid_ds *buf)`
 *
 * See {@linkcode https://man7.org/linux/man-pages/man2/msgctl.2.html msgctl(2)}.
 */
export function msgctl(msqid: number, cmd: number, buf: Uint8Array<ArrayBuffer> | null): number {
  const { c, errno } = libc();
  const result = c.msgctl(msqid, cmd, buf);
  return result === -1 ? -errno[0] : result;
}
