/**
 * The guards that this thread holds, by file: to block for one of those locks would be to wait for
 * itself.
 */
const held = new Map<string, Set<FileGuard>>();

/**
 * A lock on a file that is held until the guard leaves scope. Made by `FileLock.lock()` and its
 * like.
 */
export class FileGuard implements Disposable {
  /** Whether others may hold the lock at the same time. */
  readonly shared: boolean;
  readonly #file: string;
  readonly #give: () => void;
  #held = true;

  /** Guards a lock that was taken on a file; `give` gives it back. */
  constructor(file: string, shared: boolean, give: () => void) {
    this.shared = shared;
    this.#file = file;
    this.#give = give;
    held.set(file, (held.get(file) ?? new Set()).add(this));
  }

  /** Whether the lock is still held. */
  get held(): boolean {
    return this.#held;
  }

  /** Gives the lock back; does nothing the second time. */
  release(): void {
    if (!this.#held) return;
    this.#held = false;
    const guards = held.get(this.#file);
    guards?.delete(this);
    if (guards?.size === 0) held.delete(this.#file);
    this.#give();
  }

  /** Gives the lock back, unless {@linkcode release} did. */
  [Symbol.dispose](): void {
    this.release();
  }
}

/** Whether this thread holds a lock on a file that keeps such a one off. */
export function isHeldHere(file: string, shared: boolean): boolean {
  for (const guard of held.get(file) ?? []) {
    if (!guard.shared || !shared) return true;
  }
  return false;
}
