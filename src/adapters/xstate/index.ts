/** XState 5: its delays on our loop, tasks as actors, and actors to wait for. */
export { fromTask } from './from-task.ts';
export { futureFrom } from './future-from.ts';
export { type ActorClock, loopClock } from './loop-clock.ts';
