import type { Future } from '../interface/index.ts';

/** Tells the outcome of a task to code that waits for nothing: now if it is there, else in the turn in which it comes. */
export function whenDone<T>(
  future: Future<T>,
  succeeded: (value: T) => void,
  failed: (error: unknown) => void,
): void {
  const tell = () => {
    let value: T;
    try {
      value = future.result();
    } catch (error) {
      failed(error);
      return;
    }
    succeeded(value);
  };
  if (future.done()) tell();
  else future.addDoneCallback(tell);
}
