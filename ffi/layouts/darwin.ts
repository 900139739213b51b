import type { Layouts } from "./types.ts";

/**
 * macOS, x86_64 and arm64 alike. The headers pack these structures to 4 bytes,
 * so 64-bit fields are not 8-aligned.
 */
export const DARWIN: Layouts = {
  ipc_perm: {
    size: 24,
    fields: {
      uid: [0, "u32"],
      gid: [4, "u32"],
      cuid: [8, "u32"],
      cgid: [12, "u32"],
      mode: [16, "u16"],
      seq: [18, "u16"],
      key: [20, "i32"],
    },
  },
  shmid_ds: {
    size: 76,
    fields: {
      shm_segsz: [24, "u64"],
      shm_lpid: [32, "i32"],
      shm_cpid: [36, "i32"],
      shm_nattch: [40, "u16"],
      shm_atime: [44, "i64"],
      shm_dtime: [52, "i64"],
      shm_ctime: [60, "i64"],
    },
  },
  shminfo: null,
  shm_info: null,
  semid_ds: {
    size: 72,
    fields: { sem_nsems: [28, "u16"], sem_otime: [32, "i64"], sem_ctime: [44, "i64"] },
  },
  seminfo: null,
  sembuf: {
    size: 6,
    fields: { sem_num: [0, "u16"], sem_op: [2, "i16"], sem_flg: [4, "i16"] },
  },
  sem_t: { size: 4, alignment: 4 },
  stat: {
    size: 144,
    fields: {
      st_dev: [0, "i32"],
      st_ino: [8, "u64"],
      st_mode: [4, "u16"],
      st_size: [96, "i64"],
      st_blksize: [112, "i32"],
    },
  },
  statfs: null,
};
