/**
 * What Isthmus binds of libc: one line per C function, the C parameter names in
 * comments. A function that is called in several shapes has a line for each.
 */
export const SYMBOLS = {
  // Results are i32 wherever C allows it: they allocate nothing, so errno, read next, is exact.
  __errno_location: { name: "__errno_location", parameters: [], result: "pointer" },
  getpagesize: { name: "getpagesize", parameters: [], result: "i32" },

  ftok: { name: "ftok", parameters: ["buffer", "i32"], /* pathname, proj_id */ result: "i32" },

  shmget: {
    name: "shmget",
    parameters: ["i32", "usize", "i32"],
    /* key, size, shmflg */ result: "i32",
  },
  shmat: {
    name: "shmat",
    parameters: ["i32", "pointer", "i32"],
    /* shmid, shmaddr, shmflg */ result: "pointer",
  },
  shmdt: { name: "shmdt", parameters: ["pointer"], /* shmaddr */ result: "i32" },
  shmctl: {
    name: "shmctl",
    parameters: ["i32", "i32", "buffer"],
    /* shmid, cmd, buf */ result: "i32",
  },

  semget: {
    name: "semget",
    parameters: ["i32", "i32", "i32"],
    /* key, nsems, semflg */ result: "i32",
  },
  semop: {
    name: "semop",
    parameters: ["i32", "buffer", "usize"],
    /* semid, sops, nsops */ result: "i32",
  },
  semtimedop: {
    name: "semtimedop",
    parameters: ["i32", "buffer", "usize", "buffer"], // semid, sops, nsops, timeout
    result: "i32",
    optional: true, // macOS has none
  },
  semtimedop_nonblocking: {
    name: "semtimedop",
    parameters: ["i32", "buffer", "usize", "buffer"], // semid, sops, nsops, timeout
    result: "i32",
    nonblocking: true,
    optional: true,
  },
  // semctl's last argument is a union: a pointer to a record or to an array ...
  semctl: {
    name: "semctl",
    parameters: ["i32", "i32", "i32", "buffer"], // semid, semnum, cmd, arg.buf
    result: "i32",
  },
  // ... or a value, widened to the union's eight bytes.
  semctl_value: {
    name: "semctl",
    parameters: ["i32", "i32", "i32", "i64"], // semid, semnum, cmd, arg.val
    result: "i32",
  },
} as const satisfies Deno.ForeignLibraryInterface;
