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

/** The task whose step it is, if it is one. */
export function taskOf(runnable: Runnable): Task<unknown> | null {
  if (runnable instanceof Task) return runnable;
  // An `async` function goes on in the microtasks that this leaves.
  return runnable instanceof Reaction ? runnable.owner : null;
}

/** To be asked before it runs: outside debug mode, handles forget their callbacks. */
export function describeStep(runnable: Runnable): RunnableInfo {
  const task = taskOf(runnable);
  if (task !== null) return { kind: 'step', name: task.getName(), task };
  if (runnable instanceof LoopHandle) {
    const kind = runnable instanceof LoopTimerHandle ? 'timer' : 'callback';
    return { kind, name: runnable.callbackName || '(anonymous)', task: null };
  }
  const text = describeRunnable(runnable);
  const io = /^<I\/O(?:: | of | )#?(.*)>$/.exec(text)?.[1];
  if (io !== undefined) return { kind: 'io', name: io, task: null };
  // Made where it was queued, of nothing but what to run.
  return { kind: 'callback', name: text === '<Object>' ? '(anonymous)' : text, task: null };
}

/** `EchoProtocol.dataReceived`. */
export function protocolMethodName(protocol: object, method: string): string {
  const name = protocol.constructor?.name;
  // One written as `{ dataReceived() {} }` has no name of its own.
  return `${name === undefined || name === '' || name === 'Object' ? 'protocol' : name}.${method}`;
}

/** `task 3 worker (crawl)`, `timer onTimeout`. */
export function describeCulprit(
  { kind, name, task }: RunnableInfo,
  coroutine = task === null ? '' : coroutineName(task),
): string {
  if (task === null) return `${kind === 'io' ? 'I/O callback' : kind} ${name}`;
  return `task ${taskId(task)} ${name}${coroutine === '' ? '' : ` (${coroutine})`}`;
}
