import process from 'node:process';

const events = ['unhandledRejection', 'uncaughtException'] as const;

/**
 * From now on, what nobody catches is told here and to nobody else: neither to the process, which would end, nor to who
 * runs the tests, who could not tell where it comes from.
 *
 * @returns what ends that
 */
export function catchUncaught(onError: (error: unknown, kind: string) => void): () => void {
  const before = events.map((event) => ({ event, listeners: process.rawListeners(event) }));
  const own = events.map((event) => (error: unknown) => onError(error, event));
  for (const [index, event] of events.entries()) {
    process.removeAllListeners(event);
    process.on(event, own[index] as () => void);
  }
  return () => {
    for (const { event, listeners } of before) {
      process.removeAllListeners(event);
      for (const listener of listeners) process.on(event, listener as () => void);
    }
  };
}
