/**
 * What Isthmus binds of libc: one entry for each C function, under the names of
 * its C parameters. A function that is called in several shapes has an entry for each.
 *
 * Results are i32 wherever C allows it: they allocate nothing, so `errno`, read
 * next, is exact. Addresses are integers, since pointer objects can't be looked
 * into without asking for permission.
 */
export const SYMBOLS = {
  // (void)
  __errno_location: { name: "__errno_location", parameters: [], result: "pointer" },
  // (void)
  getpagesize: { name: "getpagesize", parameters: [], result: "i32" },

  // pathname, proj_id
  ftok: { name: "ftok", parameters: ["buffer", "i32"], result: "i32" },

  // key, size, shmflg
  shmget: { name: "shmget", parameters: ["i32", "usize", "i32"], result: "i32" },
  // shmid, shmaddr, shmflg
  shmat: { name: "shmat", parameters: ["i32", "usize", "i32"], result: "usize" },
  // shmaddr
  shmdt: { name: "shmdt", parameters: ["usize"], result: "i32" },
  // shmid, cmd, buf
  shmctl: { name: "shmctl", parameters: ["i32", "i32", "buffer"], result: "i32" },

  // key, nsems, semflg
  semget: { name: "semget", parameters: ["i32", "i32", "i32"], result: "i32" },
  // semid, sops, nsops
  semop: { name: "semop", parameters: ["i32", "buffer", "usize"], result: "i32" },
  // semid, sops, nsops, timeout; macOS has none
  semtimedop: {
    name: "semtimedop",
    parameters: ["i32", "buffer", "usize", "buffer"],
    result: "i32",
    optional: true,
  },
  semtimedop_nonblocking: {
    name: "semtimedop",
    parameters: ["i32", "buffer", "usize", "buffer"],
    result: "i32",
    nonblocking: true,
    optional: true,
  },
  // semid, semnum, cmd, arg: a union; here the address of a record or an array ...
  semctl: { name: "semctl", parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  // ... and here a value, widened to the union's eight bytes
  semctl_value: { name: "semctl", parameters: ["i32", "i32", "i32", "i64"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;
