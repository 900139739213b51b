// What comes of an attempt to lock. Numbers: they are compared each time.

/** Somebody else has it. */
export const BUSY = 0;
/** This thread has it from now on. */
export const LOCKED = 1;
/** So it has, and the last owner died with it. */
export const OWNER_DIED = 2;

/** What comes of an attempt to lock. */
export type LockResult = typeof BUSY | typeof LOCKED | typeof OWNER_DIED;

/** What locking gave, if it did. */
export type Locked = Exclude<LockResult, typeof BUSY>;
