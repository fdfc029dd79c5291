import { Task } from '../coroutines/index.ts';
import { Reaction } from '../coroutines/reaction.ts';
import type { Runnable } from '../interface/index.ts';
import { describeRunnable, LoopHandle, LoopTimerHandle } from '../loop/index.ts';
import { taskId } from './task-id.ts';
import { coroutineName } from './task-insight.ts';

/** What a loop is about to run. */
export interface RunnableInfo {
  readonly kind: 'step' | 'timer' | 'callback' | 'io';
  readonly name: string;
  /** the task whose step it is */
  readonly task: Task<unknown> | null;
}

/** To be asked before it runs: handles forget their callbacks. */
export function describeStep(runnable: Runnable): RunnableInfo {
  if (runnable instanceof Task) return { kind: 'step', name: runnable.getName(), task: runnable };
  // An `async` function goes on in the microtasks that this leaves.
  if (runnable instanceof Reaction && runnable.owner !== null) {
    return { kind: 'step', name: runnable.owner.getName(), task: runnable.owner };
  }
  if (runnable instanceof LoopHandle) {
    const kind = runnable instanceof LoopTimerHandle ? 'timer' : 'callback';
    return { kind, name: runnable.call?.callback.name || '(anonymous)', task: null };
  }
  const text = describeRunnable(runnable);
  const io = /^<I\/O (.*)>$/.exec(text);
  return io === null
    ? { kind: 'callback', name: text, task: null }
    : { kind: 'io', name: io[1] ?? '', task: null };
}

/** `task 3 worker (crawl)`, `timer onTimeout`. */
export function describeCulprit(runnable: Runnable): string {
  const { kind, name, task } = describeStep(runnable);
  if (task === null) return `${kind === 'io' ? 'I/O callback' : kind} ${name}`;
  const coroutine = coroutineName(task);
  return `task ${taskId(task)} ${name}${coroutine === '' ? '' : ` (${coroutine})`}`;
}
