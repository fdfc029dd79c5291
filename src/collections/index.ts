/** Data structures that know nothing of loops. */
export { RunQueue } from './run-queue.ts';
export { TimerHeap } from './timer-heap.ts';
