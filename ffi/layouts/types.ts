/** The C integer types that occur in the kernel's structures. */
export type FieldType = "u8" | "i16" | "u16" | "i32" | "u32" | "i64" | "u64";

/** Where a field stands in its structure, and as what. */
export type Field = readonly [offset: number, type: FieldType];

/** A C structure: its size and the fields that Isthmus uses, under their C names. */
export interface Struct<Name extends string> {
  readonly size: number;
  readonly fields: Readonly<Record<Name, Field>>;
}

/** `struct ipc_perm`, which opens the record of every System V object (at offset 0). */
export type IpcPerm = Struct<"key" | "uid" | "gid" | "cuid" | "cgid" | "mode" | "seq">;

/** A C type of which Isthmus needs no field. */
export interface Opaque {
  readonly size: number;
  /** What its address is a multiple of. */
  readonly alignment: number;
}

/** The structures of one platform. `null` marks what a platform doesn't have. */
export interface Layouts {
  readonly ipc_perm: IpcPerm;
  readonly shmid_ds: Struct<
    | "shm_segsz"
    | "shm_atime"
    | "shm_dtime"
    | "shm_ctime"
    | "shm_cpid"
    | "shm_lpid"
    | "shm_nattch"
  >;
  readonly shminfo: Struct<"shmmax" | "shmmin" | "shmmni" | "shmseg" | "shmall"> | null;
  readonly shm_info: Struct<"used_ids" | "shm_tot" | "shm_rss" | "shm_swp"> | null;
  readonly semid_ds: Struct<"sem_otime" | "sem_ctime" | "sem_nsems">;
  readonly seminfo:
    | Struct<
      | "semmni"
      | "semmns"
      | "semmnu"
      | "semmsl"
      | "semopm"
      | "semume"
      | "semusz"
      | "semvmx"
      | "semaem"
    >
    | null;
  readonly sembuf: Struct<"sem_num" | "sem_op" | "sem_flg">;
  readonly msqid_ds: Struct<
    | "msg_stime"
    | "msg_rtime"
    | "msg_ctime"
    | "msg_cbytes"
    | "msg_qnum"
    | "msg_qbytes"
    | "msg_lspid"
    | "msg_lrpid"
  >;
  readonly msginfo: Struct<"msgpool" | "msgmap" | "msgmax" | "msgmnb" | "msgmni" | "msgtql"> | null;
  /** A message: its bytes follow its type. */
  readonly msgbuf: Struct<"mtype">;
  readonly sem_t: Opaque;
  readonly pthread_mutex_t: Opaque;
  readonly pthread_mutexattr_t: Opaque;
  readonly stat: Struct<"st_dev" | "st_ino" | "st_mode" | "st_size" | "st_blksize">;
  readonly dirent: Struct<"d_type" | "d_name"> | null;
  readonly flock: Struct<"l_type" | "l_whence" | "l_start" | "l_len">;
  readonly statfs: Struct<"f_type"> | null;
}
