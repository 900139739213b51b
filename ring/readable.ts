/**
 * A stream for which nothing is received before it is read. `receive` waits for the next message
 * until the signal aborts, and passes it on in the step in which it takes it: a stream that is
 * cancelled in between would lose it. It gives `false` at the end.
 */
export function readableOf<T>(
  receive: (pass: (message: T) => void, signal: AbortSignal) => Promise<boolean>,
): ReadableStream<T> {
  const cancelled = new AbortController();
  const { signal } = cancelled;
  return new ReadableStream<T>({
    pull: async (controller) => {
      try {
        const received = await receive((message) => controller.enqueue(message), signal);
        if (!received && !signal.aborted) controller.close();
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    },
    cancel: (reason) => cancelled.abort(reason),
  }, { highWaterMark: 0 });
}
