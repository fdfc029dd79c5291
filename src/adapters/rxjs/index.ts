/** RxJS 7: its schedulers on our loop, futures from observables and observables from what waits here. */
export { type FutureFromOptions, futureFrom } from './future-from.ts';
export { installLoop } from './install-loop.ts';
export { loopScheduler } from './loop-scheduler.ts';
export { type Iterating, type ObservableFromOptions, observableFrom } from './observable-from.ts';
export { timeSourceOf } from './time-source.ts';
