/** Effect 3: its fibers and its clock on our loop, effects in coroutines, and what waits here as effects. */
export { type EffectFromOptions, effectFrom } from './effect-from.ts';
export { fx } from './fx.ts';
export { loopClock } from './loop-clock.ts';
export { loopLayer } from './loop-layer.ts';
export { loopScheduler } from './loop-scheduler.ts';
