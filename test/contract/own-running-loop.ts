import { getRunningLoop } from '../../src/loop/index.ts';
import type { EventLoop } from '../../src/runtime/index.ts';

/** The loop that runs, which is one of this library. */
export function ownRunningLoop(): EventLoop {
  return getRunningLoop() as EventLoop;
}
