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
  msqid_ds: {
    size: 116,
    fields: {
      msg_cbytes: [32, "u64"],
      msg_qnum: [40, "u64"],
      msg_qbytes: [48, "u64"],
      msg_lspid: [56, "i32"],
      msg_lrpid: [60, "i32"],
      msg_stime: [64, "i64"],
      msg_rtime: [76, "i64"],
      msg_ctime: [88, "i64"],
    },
  },
  msginfo: null,
  // Its headers call it struct mymsg.
  msgbuf: { size: 16, fields: { mtype: [0, "i64"] } },
  sem_t: { size: 4, alignment: 4 },
  pthread_mutex_t: { size: 64, alignment: 8 },
  pthread_mutexattr_t: { size: 16, alignment: 8 },
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
  dirent: null,
  flock: {
    size: 24,
    fields: { l_start: [0, "i64"], l_len: [8, "i64"], l_type: [20, "i16"], l_whence: [22, "i16"] },
  },
  statfs: null,
};
