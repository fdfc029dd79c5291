import { AsyncResource } from 'node:async_hooks';
import { action, type Operation } from 'effection';
import type { EventLoop } from '../../interface/index.ts';
import { getRunningLoop } from '../../loop/index.ts';

/**
 * As Effection's `sleep`, by the loop's time.
 *
 * @param duration milliseconds
 * @param loop the one that runs when the operation does unless given
 */
export function sleep(duration: number, loop?: EventLoop): Operation<void> {
  return action((resolve) => {
    const handle = (loop ?? getRunningLoop()).callLater(
      duration,
      AsyncResource.bind(() => resolve()),
    );
    return () => handle.cancel();
  }, `sleep(${duration})`);
}
