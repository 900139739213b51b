/** How often to try to open or create what others remove and create at the same time. */
const TRIES = 100;

/**
 * Opens something or creates it. Between the two tries another process may remove it, or create it;
 * then it all starts anew.
 */
export function openOrCreate<T>(open: () => T, create: () => T): T {
  for (let tries = 1;; tries++) {
    try {
      return open();
    } catch (error) {
      // A symbolic link to nothing can neither be opened nor created, for ever.
      if (!(error instanceof Deno.errors.NotFound) || tries === TRIES) throw error;
    }
    try {
      return create();
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
  }
}
