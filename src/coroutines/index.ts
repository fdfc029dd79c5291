/** Futures, tasks, coroutines and what combines them, on any event loop. */
export { asCompleted, type Completions } from './as-completed.ts';
export { CancelScope, type CancelScopeOptions, cancelScope, fromSignal } from './cancel-scope.ts';
export { Coroutine, coroutine, isCoroutine, task } from './coroutine.ts';
export { createTask } from './create-task.ts';
export { ensureFuture, wrapFuture } from './ensure-future.ts';
export { Future, type FutureOptions, isFuture } from './future.ts';
export { type Gathered, type GatheredOutcomes, gather } from './gather.ts';
export { type CoroutineObserver, setCoroutineObserver } from './observer.ts';
export { type RaceOutcome, race, staggeredRace } from './race.ts';
export { runBody, type ScopeBody } from './scope.ts';
export { shield } from './shield.ts';
export { sleep } from './sleep.ts';
export { allTasks, currentTask, Task } from './task.ts';
export { TaskGroup, taskGroup } from './task-group.ts';
export { Timeout, timeout, timeoutAt } from './timeout.ts';
export { type ReturnWhen, type WaitOptions, wait } from './wait.ts';
export { waitFor } from './wait-for.ts';
