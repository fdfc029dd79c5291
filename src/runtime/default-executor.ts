import type { Executor } from '../interface/index.ts';

/** @internal */
export let makeDefaultExecutor: (() => Executor) | null = null;

/** What makes the executor of each loop that was given none, when one is first asked for; null: there is none then. */
export function setDefaultExecutorFactory(make: (() => Executor) | null): void {
  makeDefaultExecutor = make;
}
