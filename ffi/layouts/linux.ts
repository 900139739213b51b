import type { Layouts } from "./types.ts";

/** What x86_64 and aarch64 Linux share, under glibc and musl alike. */
const COMMON = {
  ipc_perm: {
    size: 48,
    fields: {
      key: [0, "i32"],
      uid: [4, "u32"],
      gid: [8, "u32"],
      cuid: [12, "u32"],
      cgid: [16, "u32"],
      mode: [20, "u32"],
      // 16 bits in glibc and in the kernel's own header; musl declares 32, of which the upper are 0.
      seq: [24, "u16"],
    },
  },
  shmid_ds: {
    size: 112,
    fields: {
      shm_segsz: [48, "u64"],
      shm_atime: [56, "i64"],
      shm_dtime: [64, "i64"],
      shm_ctime: [72, "i64"],
      shm_cpid: [80, "i32"],
      shm_lpid: [84, "i32"],
      shm_nattch: [88, "u64"],
    },
  },
  shminfo: {
    size: 72,
    fields: {
      shmmax: [0, "u64"],
      shmmin: [8, "u64"],
      shmmni: [16, "u64"],
      shmseg: [24, "u64"],
      shmall: [32, "u64"],
    },
  },
  shm_info: {
    size: 48,
    fields: {
      used_ids: [0, "i32"],
      shm_tot: [8, "u64"],
      shm_rss: [16, "u64"],
      shm_swp: [24, "u64"],
    },
  },
  seminfo: {
    size: 40,
    fields: {
      semmni: [4, "i32"],
      semmns: [8, "i32"],
      semmnu: [12, "i32"],
      semmsl: [16, "i32"],
      semopm: [20, "i32"],
      semume: [24, "i32"],
      semusz: [28, "i32"],
      semvmx: [32, "i32"],
      semaem: [36, "i32"],
    },
  },
  // The name is a string; this is its first byte.
  dirent: { size: 280, fields: { d_type: [18, "u8"], d_name: [19, "u8"] } },
  flock: {
    size: 32,
    fields: { l_type: [0, "i16"], l_whence: [2, "i16"], l_start: [8, "i64"], l_len: [16, "i64"] },
  },
  // 64 bits, of which the upper are 0; signed in glibc, unsigned in musl.
  statfs: { size: 120, fields: { f_type: [0, "u32"] } },
  sembuf: {
    size: 6,
    fields: { sem_num: [0, "u16"], sem_op: [2, "i16"], sem_flg: [4, "i16"] },
  },
  msqid_ds: {
    size: 120,
    fields: {
      msg_stime: [48, "i64"],
      msg_rtime: [56, "i64"],
      msg_ctime: [64, "i64"],
      msg_cbytes: [72, "u64"],
      msg_qnum: [80, "u64"],
      msg_qbytes: [88, "u64"],
      msg_lspid: [96, "i32"],
      msg_lrpid: [100, "i32"],
    },
  },
  msginfo: {
    size: 32,
    fields: {
      msgpool: [0, "i32"],
      msgmap: [4, "i32"],
      msgmax: [8, "i32"],
      msgmnb: [12, "i32"],
      msgmni: [16, "i32"],
      msgtql: [24, "i32"],
    },
  },
  msgbuf: { size: 16, fields: { mtype: [0, "i64"] } },
  // musl would do with an alignment of 4.
  sem_t: { size: 32, alignment: 8 },
} as const;

// `sem_nsems` is an unsigned long in glibc and 16 bits with padding in musl:
// 16 bits, little-endian, are right for both.

/** x86_64: a reserved word follows each time of `semid_ds`. */
export const LINUX_X86_64: Layouts = {
  ...COMMON,
  pthread_mutex_t: { size: 40, alignment: 8 },
  pthread_mutexattr_t: { size: 4, alignment: 4 },
  semid_ds: {
    size: 104,
    fields: { sem_otime: [48, "i64"], sem_ctime: [64, "i64"], sem_nsems: [80, "u16"] },
  },
  stat: {
    size: 144,
    fields: {
      st_dev: [0, "u64"],
      st_ino: [8, "u64"],
      st_mode: [24, "u32"],
      st_size: [48, "i64"],
      st_blksize: [56, "i64"],
    },
  },
};

/** aarch64: the times of `semid_ds` stand side by side, and `stat` is another. */
export const LINUX_AARCH64: Layouts = {
  ...COMMON,
  // musl would do with 40 and 4; mutexes are glibc's (see ffi/pthread.ts).
  pthread_mutex_t: { size: 48, alignment: 8 },
  pthread_mutexattr_t: { size: 8, alignment: 8 },
  semid_ds: {
    size: 88,
    fields: { sem_otime: [48, "i64"], sem_ctime: [56, "i64"], sem_nsems: [64, "u16"] },
  },
  stat: {
    size: 128,
    fields: {
      st_dev: [0, "u64"],
      st_ino: [8, "u64"],
      st_mode: [16, "u32"],
      st_size: [48, "i64"],
      st_blksize: [56, "i32"],
    },
  },
};
