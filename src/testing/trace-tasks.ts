import { currentTask, Future, observeCoroutines, Task } from '../coroutines/index.ts';
import { Reaction } from '../coroutines/reaction.ts';
import type { TaskState, TraceEvent } from '../drivers/simulation/index.ts';
import type { EventLoop as EventLoopInterface, Runnable } from '../interface/index.ts';
import { type LoopTimerHandle, observeLoop, type StopObserving } from '../loop/index.ts';
import { EventLoop } from '../runtime/index.ts';
import { formatDuration } from './event-text.ts';

interface TracedTask {
  readonly host: string;
  readonly number: number;
  /** of what it drives, which it forgets when it has ended */
  readonly coroutine: string;
  /** what has been told of it goes there */
  readonly note: (event: Omit<TraceEvent, 'time'>) => void;
}

const traced = new WeakMap<Task<unknown>, TracedTask>();

/** Its number and name, as the trace has them; null: it is not traced. */
export function describeTracedTask(task: Task<unknown>): string | null {
  const known = traced.get(task);
  if (known === undefined) return null;
  const name = nameOf(task, known);
  return name === '' ? `task ${known.number}` : `task ${known.number} ${name}`;
}

/**
 * Tells of each task of some loops when it is made, goes on, waits, and ends, until the function that it returns is called.
 *
 * @param hostOf on which host a loop runs; null: it is not looked at
 */
export function traceTasks(
  hostOf: (loop: EventLoopInterface) => string | null,
  note: (event: Omit<TraceEvent, 'time'>) => void,
): StopObserving {
  const numbersGiven = new Map<string, number>();
  const loops = new Map<EventLoopInterface, StopObserving>();
  const lastTimers = new WeakMap<EventLoopInterface, LoopTimerHandle>();

  const trace = (task: Task<unknown>, state: TaskState, text: string) => {
    const known = traced.get(task);
    if (known?.note !== note) return;
    const name = nameOf(task, known);
    const who = describeTracedTask(task);
    note({ host: known.host, kind: 'task', text: `${who} ${text}`, task: known.number, name, state });
  };

  const callbackBegins = (runnable: Runnable) => {
    // An `async` function goes on in the microtasks that its reaction leaves.
    const task = runnable instanceof Reaction ? runnable.owner : runnable;
    if (task instanceof Task && !task.done()) trace(task as Task<unknown>, 'running', 'goes on');
  };

  const stopCoroutines = observeCoroutines({
    taskCreated: (task) => {
      const loop = task.getLoop();
      const host = hostOf(loop);
      if (host === null) return;
      if (!loops.has(loop) && loop instanceof EventLoop)
        loops.set(
          loop,
          observeLoop(loop, { callbackBegins, timerSet: (timer) => lastTimers.set(loop, timer) }),
        );
      const number = (numbersGiven.get(host) ?? 0) + 1;
      numbersGiven.set(host, number);
      traced.set(task, { host, number, coroutine: coroutineName(task), note });
      trace(task, 'created', 'is made');
    },
    taskEnded: (task) => {
      if (task.cancelled()) trace(task, 'cancelled', 'is cancelled');
      else if (task.failed())
        trace(task, 'failed', `fails: ${describeError(task.describeOutcome().exception)}`);
      else trace(task, 'done', 'returns');
    },
    waitBegins: (future) => {
      const task = currentTask();
      if (task !== null) trace(task, 'waiting', `waits for ${describeAwaited(future)}`);
    },
  });

  const describeAwaited = (awaited: unknown): string => {
    if (awaited instanceof Task) return describeTracedTask(awaited as Task<unknown>) ?? 'a task';
    if (!(awaited instanceof Future)) return 'a promise';
    // Who sleeps sets his timer and waits at once for the future that it is given.
    const loop = awaited.getLoop();
    const timer = lastTimers.get(loop);
    if (timer?.call?.args.includes(awaited) === true)
      return `${formatDuration(Math.max(0, timer.when() - loop.time()))} to go by`;
    const { what, of } = awaited.awaiting();
    if (what === 'promise') return 'a promise';
    if (of.length === 1 && of[0] !== awaited) return `${what} of ${describeAwaited(of[0])}`;
    if (of.length > 0) return `${what} of ${of.length}`;
    return what === 'future' ? 'a future' : what === 'OperationFuture' ? 'an operation' : what;
  };

  return () => {
    stopCoroutines();
    for (const stop of loops.values()) stop();
    loops.clear();
  };
}

/** Not one that was given by itself: these are counted through the whole process, other simulations included. */
function nameOf(task: Task<unknown>, { coroutine }: TracedTask): string {
  const name = task.getName();
  return /^Task-\d+$/.test(name) ? coroutine : name;
}

function coroutineName(task: Task<unknown>): string {
  const name: unknown = (task.getCoroutine() as { name?: unknown } | null)?.name;
  return typeof name === 'string' ? name : '';
}

/** Never throws, whatever was thrown. */
function describeError(error: unknown): string {
  try {
    return String(error);
  } catch {
    return 'an error without text';
  }
}
