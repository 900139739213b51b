// Hooks for tests: what a process that is killed just there leaves behind, and positions that are
// about to wrap around. Without a test in the process they do nothing.

/** What tests change. */
export const points: {
  /** Called at each numbered point. */
  hook: ((point: number) => void) | undefined;
  /** Where the positions of a new channel start, in bytes, a multiple of 8. */
  start: number;
} = { hook: undefined, start: 0 };

/** A place in the code at which a test may end the process. */
export function point(number: number): void {
  if (points.hook !== undefined) points.hook(number);
}
