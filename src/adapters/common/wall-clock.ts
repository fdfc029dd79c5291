import type { EventLoop } from '../../interface/index.ts';

/**
 * Milliseconds since 1970 that pass as the loop's time does: frameworks subtract dates and delays from each other, and a
 * loop's own time begins anywhere.
 */
export function wallClockOf(loop: EventLoop): () => number {
  const origin = Date.now() - loop.time();
  return () => origin + loop.time();
}
