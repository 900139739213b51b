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
}
