/**
 * The C constants that Isthmus uses, under their C names. `null` marks what a
 * platform doesn't have.
 */
export interface Constants {
  readonly IPC_CREAT: number;
  readonly IPC_EXCL: number;
  readonly IPC_NOWAIT: number;
  readonly IPC_RMID: number;
  readonly IPC_SET: number;
  readonly IPC_STAT: number;
  readonly IPC_INFO: number | null;

  readonly SHM_RDONLY: number;
  readonly SHM_RND: number;
  readonly SHM_REMAP: number | null;
  readonly SHM_EXEC: number | null;
  readonly SHM_HUGETLB: number | null;
  readonly SHM_HUGE_SHIFT: number | null;
  readonly SHM_NORESERVE: number | null;
  readonly SHM_DEST: number | null;
  readonly SHM_LOCKED: number | null;
  readonly SHM_LOCK: number | null;
  readonly SHM_UNLOCK: number | null;
  readonly SHM_STAT: number | null;
  readonly SHM_STAT_ANY: number | null;
  readonly SHM_INFO: number | null;

  readonly SEM_UNDO: number;
  readonly SEM_STAT: number | null;
  readonly SEM_STAT_ANY: number | null;
  readonly SEM_INFO: number | null;
  readonly GETVAL: number;
  readonly SETVAL: number;
  readonly GETALL: number;
  readonly SETALL: number;
  readonly GETPID: number;
  readonly GETNCNT: number;
  readonly GETZCNT: number;
  /** The largest value of a System V semaphore. No header defines it; the kernels do. */
  readonly SEMVMX: number;

  readonly MSG_NOERROR: number;
  readonly MSG_EXCEPT: number | null;
  readonly MSG_COPY: number | null;
  readonly MSG_STAT: number | null;
  readonly MSG_STAT_ANY: number | null;
  readonly MSG_INFO: number | null;

  /** What `sem_open` returns on failure. */
  readonly SEM_FAILED: number;
  /** The largest value of a POSIX semaphore. */
  readonly SEM_VALUE_MAX: number;
  readonly CLOCK_REALTIME: number;
  readonly CLOCK_MONOTONIC: number;

  readonly PROT_NONE: number;
  readonly PROT_READ: number;
  readonly PROT_WRITE: number;
  readonly PROT_EXEC: number;
  readonly MAP_SHARED: number;
  readonly MAP_PRIVATE: number;
  readonly MAP_FIXED: number;
  readonly MAP_FIXED_NOREPLACE: number | null;
  readonly MAP_ANONYMOUS: number;
  readonly MAP_NORESERVE: number;
  readonly MAP_POPULATE: number | null;
  readonly MAP_HUGETLB: number | null;
  readonly MAP_HUGE_SHIFT: number | null;
  readonly MREMAP_MAYMOVE: number | null;
  readonly MREMAP_FIXED: number | null;
  readonly MS_ASYNC: number;
  readonly MS_SYNC: number;
  readonly MADV_NORMAL: number;
  readonly MADV_RANDOM: number;
  readonly MADV_SEQUENTIAL: number;
  readonly MADV_WILLNEED: number;
  readonly MADV_DONTNEED: number;
  readonly MADV_FREE: number;
  readonly MADV_REMOVE: number | null;
  readonly MADV_COLD: number | null;
  readonly MADV_PAGEOUT: number | null;
  readonly MADV_HUGEPAGE: number | null;
  readonly MADV_NOHUGEPAGE: number | null;
  readonly MADV_DONTDUMP: number | null;
  readonly MADV_DODUMP: number | null;
  readonly MADV_POPULATE_READ: number | null;
  readonly MADV_POPULATE_WRITE: number | null;

  readonly MFD_CLOEXEC: number | null;
  readonly MFD_ALLOW_SEALING: number | null;
  readonly MFD_HUGETLB: number | null;
  readonly F_ADD_SEALS: number | null;
  readonly F_GET_SEALS: number | null;
  readonly F_SEAL_SEAL: number | null;
  readonly F_SEAL_SHRINK: number | null;
  readonly F_SEAL_GROW: number | null;
  readonly F_SEAL_WRITE: number | null;
  readonly F_SEAL_FUTURE_WRITE: number | null;

  readonly F_DUPFD_CLOEXEC: number;
  readonly F_SETFD: number;
  readonly FD_CLOEXEC: number;
  readonly F_OFD_SETLK: number;
  readonly F_WRLCK: number;
  readonly F_UNLCK: number;
  readonly LOCK_SH: number;
  readonly LOCK_EX: number;
  readonly LOCK_NB: number;
  readonly LOCK_UN: number;
  readonly O_RDONLY: number;
  readonly O_RDWR: number;
  readonly O_CREAT: number;
  readonly O_EXCL: number;
  readonly HUGETLBFS_MAGIC: number | null;
  readonly RLIMIT_FSIZE: number;
  readonly SEEK_SET: number;
  readonly SEEK_CUR: number;
  readonly SEEK_END: number;
  readonly S_IFMT: number;
  readonly S_IFREG: number;
  readonly S_IFDIR: number;
  readonly S_IFBLK: number;
  readonly S_IFIFO: number;
  readonly S_IFSOCK: number;
}
