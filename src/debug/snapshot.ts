import { isMainThread, threadId } from 'node:worker_threads';
import { allTasks } from '../coroutines/index.ts';
import type { EventLoop as EventLoopInterface } from '../interface/index.ts';
import { getRunningLoop } from '../loop/index.ts';
import { EventLoop } from '../runtime/index.ts';
import { AwaitGraph } from './await-graph.ts';
import { describeAwaited, timersByFuture } from './describe-awaited.ts';
import type { StackFrame } from './stack.ts';
import { taskId } from './task-id.ts';
import { coroutineNames, framesOf, stateOf, type TaskState } from './task-insight.ts';

/** What is known of a task, as plain data: it crosses processes. */
export interface TaskRow {
  /** no other task of the thread has it */
  readonly id: number;
  readonly name: string;
  /** the function's name, or the place where it stands if it has none: 'main.ts:12'; '' if nobody knows */
  readonly coroutine: string;
  readonly state: TaskState;
  /** asked to stop, and not there yet */
  readonly cancelling: boolean;
  /** what it waits for, in words; empty if it does not wait */
  readonly awaits: readonly string[];
  /** milliseconds, rough; null if it does not wait */
  readonly waitingFor: number | null;
  /** where, innermost first; as much as is known */
  readonly frames: readonly StackFrame[];
  readonly awaitedBy: readonly AwaiterRow[];
}

export interface AwaiterRow {
  readonly id: number;
  /** through what it waits: ['gather'] */
  readonly via: readonly string[];
}

/** A loop at one moment. */
export interface LoopSnapshot {
  readonly pid: number;
  /** 0 for the main thread */
  readonly thread: number;
  readonly node: string;
  readonly driver: string;
  readonly debug: boolean;
  /** where relative paths begin */
  readonly directory: string;
  /** the tasks there are; `tasks` may have fewer */
  readonly taskCount: number;
  readonly tasks: readonly TaskRow[];
}

export interface SnapshotOptions {
  /** tasks that are told of, the oldest first; all unless given */
  tasksMax?: number | undefined;
  /**
   * whether to find out where the generators of tasks stand, of which no stack was recorded, and where functions that
   * have no name; true unless given. It stops
   * the program, for some 50 ms at the first time, and for 0.2 ms a task
   */
  places?: boolean | undefined;
}

/** Looks at all tasks of a loop. @throws {StateError} no loop was given and none runs */
export function takeSnapshot(
  loop: EventLoopInterface = getRunningLoop(),
  options: SnapshotOptions = {},
): LoopSnapshot {
  const now = loop.time();
  const all = [...allTasks(loop)];
  const graph = new AwaitGraph(all);
  const shown = all.slice(0, options.tasksMax ?? all.length);
  const places = options.places !== false;
  const frames = framesOf(shown, places);
  const names = coroutineNames(shown, places);
  const timers = timersByFuture(loop instanceof EventLoop ? loop.inspect().timers : []);
  const tasks = shown.map((task, index): TaskRow => {
    const state = stateOf(task);
    const awaited = state === 'waiting' ? task.awaiting().of : [];
    return {
      id: taskId(task),
      name: task.getName(),
      coroutine: names[index] ?? '',
      state,
      cancelling: task.cancelling() > 0,
      awaits: awaited.map((each) => describeAwaited(each, timers, now)),
      waitingFor: state === 'waiting' ? Math.max(0, now - task.waitingSince) : null,
      frames: frames.get(task) ?? [],
      awaitedBy: graph.awaitersOf(task).map((link) => ({ id: taskId(link.task), via: link.via })),
    };
  });
  return {
    pid: process.pid,
    thread: isMainThread ? 0 : threadId,
    node: process.version,
    driver: loop instanceof EventLoop ? loop.driverName : loop.constructor.name,
    debug: loop.getDebug(),
    directory: process.cwd(),
    taskCount: all.length,
    tasks,
  };
}
