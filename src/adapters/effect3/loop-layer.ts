import { Layer } from 'effect';
import type { EventLoop } from '../../interface/index.ts';
import { getRunningLoop } from '../../loop/index.ts';
import { loopClock } from './loop-clock.ts';
import { loopScheduler } from './loop-scheduler.ts';

/**
 * Has a program's fibers run on the loop and sleep by its clock: `program.pipe(Effect.provide(loopLayer()))`.
 *
 * @param loop the running one unless given
 * @throws {StateError} none runs
 */
export function loopLayer(loop: EventLoop = getRunningLoop()): Layer.Layer<never> {
  return Layer.merge(Layer.setScheduler(loopScheduler(loop)), Layer.setClock(loopClock(loop)));
}
