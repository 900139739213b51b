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

  // key, msgflg
  msgget: { name: "msgget", parameters: ["i32", "i32"], result: "i32" },
  // msqid, msgp, msgsz, msgflg
  msgsnd: { name: "msgsnd", parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  // msqid, msgp, msgsz, msgtyp, msgflg; C's result is an ssize_t, but no message has 2 GiB
  msgrcv: { name: "msgrcv", parameters: ["i32", "buffer", "usize", "i64", "i32"], result: "i32" },
  // msqid, cmd, buf
  msgctl: { name: "msgctl", parameters: ["i32", "i32", "buffer"], result: "i32" },

  // name, oflag, mode, value: variadic, and SEM_FAILED isn't 0 everywhere
  sem_open: { name: "sem_open", parameters: ["buffer", "i32", "u32", "u32"], result: "usize" },
  // sem
  sem_close: { name: "sem_close", parameters: ["usize"], result: "i32" },
  // name
  sem_unlink: { name: "sem_unlink", parameters: ["buffer"], result: "i32" },
  // sem, pshared, value
  sem_init: { name: "sem_init", parameters: ["usize", "i32", "u32"], result: "i32" },
  // sem
  sem_destroy: { name: "sem_destroy", parameters: ["usize"], result: "i32" },
  // sem, sval
  sem_getvalue: { name: "sem_getvalue", parameters: ["usize", "buffer"], result: "i32" },
  // sem
  sem_post: { name: "sem_post", parameters: ["usize"], result: "i32" },
  // sem
  sem_trywait: { name: "sem_trywait", parameters: ["usize"], result: "i32" },
  // sem
  sem_wait: { name: "sem_wait", parameters: ["usize"], result: "i32" },
  // sem, clockid, abstime; glibc has it since 2.30, musl and macOS have none
  sem_clockwait: {
    name: "sem_clockwait",
    parameters: ["usize", "i32", "buffer"],
    result: "i32",
    optional: true,
  },
  sem_clockwait_nonblocking: {
    name: "sem_clockwait",
    parameters: ["usize", "i32", "buffer"],
    result: "i32",
    nonblocking: true,
    optional: true,
  },
  // sem, abs_timeout; macOS has none
  sem_timedwait: {
    name: "sem_timedwait",
    parameters: ["usize", "buffer"],
    result: "i32",
    optional: true,
  },
  sem_timedwait_nonblocking: {
    name: "sem_timedwait",
    parameters: ["usize", "buffer"],
    result: "i32",
    nonblocking: true,
    optional: true,
  },
  // clockid, tp
  clock_gettime: { name: "clock_gettime", parameters: ["i32", "buffer"], result: "i32" },
  // (void); whoever has it is glibc
  gnu_get_libc_version: {
    name: "gnu_get_libc_version",
    parameters: [],
    result: "pointer",
    optional: true,
  },

  // addr, length, prot, flags, fd, offset
  mmap: {
    name: "mmap",
    parameters: ["usize", "usize", "i32", "i32", "i32", "i64"],
    result: "usize",
  },
  // addr, length
  munmap: { name: "munmap", parameters: ["usize", "usize"], result: "i32" },
  // old_address, old_size, new_size, flags, new_address; macOS has none
  mremap: {
    name: "mremap",
    parameters: ["usize", "usize", "usize", "i32", "usize"],
    result: "usize",
    optional: true,
  },
  // addr, len, prot
  mprotect: { name: "mprotect", parameters: ["usize", "usize", "i32"], result: "i32" },
  // addr, length, flags
  msync: { name: "msync", parameters: ["usize", "usize", "i32"], result: "i32" },
  msync_nonblocking: {
    name: "msync",
    parameters: ["usize", "usize", "i32"],
    result: "i32",
    nonblocking: true,
  },
  // addr, length, advice
  madvise: { name: "madvise", parameters: ["usize", "usize", "i32"], result: "i32" },
  // addr, len
  mlock: { name: "mlock", parameters: ["usize", "usize"], result: "i32" },
  // addr, len
  munlock: { name: "munlock", parameters: ["usize", "usize"], result: "i32" },
  // addr, length, vec
  mincore: { name: "mincore", parameters: ["usize", "usize", "buffer"], result: "i32" },

  // fd, statbuf; glibc has it since 2.33, and before ...
  fstat: { name: "fstat", parameters: ["i32", "buffer"], result: "i32", optional: true },
  // ... ver, fd, statbuf
  __fxstat: {
    name: "__fxstat",
    parameters: ["i32", "i32", "buffer"],
    result: "i32",
    optional: true,
  },
  // fd, buf; asked on Linux only
  fstatfs: { name: "fstatfs", parameters: ["i32", "buffer"], result: "i32", optional: true },
  // fd, length
  ftruncate: { name: "ftruncate", parameters: ["i32", "i64"], result: "i32" },
  // fd, mode, offset, len; macOS has none
  fallocate: {
    name: "fallocate",
    parameters: ["i32", "i32", "i64", "i64"],
    result: "i32",
    optional: true,
  },
  // fd, offset, whence
  lseek: { name: "lseek", parameters: ["i32", "i64", "i32"], result: "i64" },
  // fd, cmd, arg: variadic; here an int ...
  fcntl: { name: "fcntl", parameters: ["i32", "i32", "i32"], result: "i32" },
  // ... and here a struct flock
  fcntl_flock: { name: "fcntl", parameters: ["i32", "i32", "buffer"], result: "i32" },
  // resource, rlim
  getrlimit: { name: "getrlimit", parameters: ["i32", "buffer"], result: "i32" },
  // fd, operation
  flock: { name: "flock", parameters: ["i32", "i32"], result: "i32" },
  // fd
  close: { name: "close", parameters: ["i32"], result: "i32" },

  // name; addresses of a DIR and of a struct dirent, 0 for none
  opendir: { name: "opendir", parameters: ["buffer"], result: "usize" },
  // dirp
  readdir: { name: "readdir", parameters: ["usize"], result: "pointer" },
  // dirp
  closedir: { name: "closedir", parameters: ["usize"], result: "i32" },

  // pathname, flags, mode: variadic; for the system's own files
  open: { name: "open", parameters: ["buffer", "i32", "u32"], result: "i32" },
  // fd, buf, count; C's result is an ssize_t, but nothing here reads 2 GiB
  read: { name: "read", parameters: ["i32", "buffer", "usize"], result: "i32" },
  // pathname, buf, bufsiz; as with read
  readlink: { name: "readlink", parameters: ["buffer", "buffer", "usize"], result: "i32" },
  // pid, sig
  kill: { name: "kill", parameters: ["i32", "i32"], result: "i32" },

  // number, uaddr, futex_op, val, timeout: the system calls that libc has no function for
  syscall_futex: {
    name: "syscall",
    parameters: ["i64", "usize", "i32", "u32", "buffer"],
    result: "i32",
  },
  // number, waiters, nr_futexes, flags, timeout, clockid
  syscall_futex_waitv: {
    name: "syscall",
    parameters: ["i64", "buffer", "u32", "u32", "buffer", "i32"],
    result: "i32",
  },
  syscall_futex_waitv_nonblocking: {
    name: "syscall",
    parameters: ["i64", "buffer", "u32", "u32", "buffer", "i32"],
    result: "i32",
    nonblocking: true,
  },
  // number
  syscall_gettid: { name: "syscall", parameters: ["i64"], result: "i32" },

  // attr
  pthread_mutexattr_init: {
    name: "pthread_mutexattr_init",
    parameters: ["buffer"],
    result: "i32",
  },
  // attr, pshared
  pthread_mutexattr_setpshared: {
    name: "pthread_mutexattr_setpshared",
    parameters: ["buffer", "i32"],
    result: "i32",
  },
  // attr, type
  pthread_mutexattr_settype: {
    name: "pthread_mutexattr_settype",
    parameters: ["buffer", "i32"],
    result: "i32",
  },
  // attr, robustness; macOS has none
  pthread_mutexattr_setrobust: {
    name: "pthread_mutexattr_setrobust",
    parameters: ["buffer", "i32"],
    result: "i32",
    optional: true,
  },
  // mutex, mutexattr
  pthread_mutex_init: {
    name: "pthread_mutex_init",
    parameters: ["buffer", "buffer"],
    result: "i32",
  },
  // mutex
  pthread_mutex_lock: { name: "pthread_mutex_lock", parameters: ["usize"], result: "i32" },
  // mutex
  pthread_mutex_trylock: { name: "pthread_mutex_trylock", parameters: ["usize"], result: "i32" },
  // mutex, clockid, abstime; glibc has it since 2.30, musl and macOS have none
  pthread_mutex_clocklock: {
    name: "pthread_mutex_clocklock",
    parameters: ["usize", "i32", "buffer"],
    result: "i32",
    optional: true,
  },
  // mutex, abstime; macOS has none
  pthread_mutex_timedlock: {
    name: "pthread_mutex_timedlock",
    parameters: ["usize", "buffer"],
    result: "i32",
    optional: true,
  },
  // mutex
  pthread_mutex_unlock: { name: "pthread_mutex_unlock", parameters: ["usize"], result: "i32" },
  // mutex; macOS has none
  pthread_mutex_consistent: {
    name: "pthread_mutex_consistent",
    parameters: ["usize"],
    result: "i32",
    optional: true,
  },

  // name, flags; macOS has none
  memfd_create: {
    name: "memfd_create",
    parameters: ["buffer", "u32"],
    result: "i32",
    optional: true,
  },
  // name, oflag, mode
  shm_open: { name: "shm_open", parameters: ["buffer", "i32", "u32"], result: "i32" },
  // name
  shm_unlink: { name: "shm_unlink", parameters: ["buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;
