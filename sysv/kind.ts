/** One kind of System V objects: its words, and the C functions that differ only in name. */
export interface Kind {
  /** What one is called: "segment". */
  readonly noun: string;
  /** The class that stands for it: "Segment". */
  readonly className: string;
  /** The C function that finds or makes one: "shmget". */
  readonly get: string;
  /** The C function that controls one: "shmctl". */
  readonly control: string;
  /** The option of `ipcs` and `ipcrm` for this kind: "-m". */
  readonly flag: string;
  /** The size of its kernel record in bytes. */
  recordSize(): number;
  /** Calls the C function `control` on an id; returns its result or a negated error number. */
  ctl(id: number, cmd: number, record: Uint8Array<ArrayBuffer> | null): number;
}
