import { currentTask, isFuture, type Task } from '../coroutines/index.ts';
import { locateGenerators } from './generator-location.ts';
import { RecordedStack } from './recorded-stack.ts';
import { framesOfTask, isPlumbing, parseStack, type StackFrame } from './stack.ts';
import { suspensionFrames } from './suspension-stacks.ts';

/** Where a task stands: running now, waiting, ready to go on, or awaiting something that no loop knows of. */
export type TaskState = 'running' | 'waiting' | 'ready' | 'foreign' | 'done';

export function stateOf(task: Task<unknown>): TaskState {
  if (task.done()) return 'done';
  if (task === currentTask()) return 'running';
  if (task.awaiting().of.some((awaited) => !isFuture(awaited) || !awaited.done())) return 'waiting';
  return task.isAsync ? 'foreign' : 'ready';
}

/** The name of what a task drives; '' where it has none or has ended. */
export function coroutineName(task: Task<unknown>): string {
  const name: unknown = (task.getCoroutine() as { name?: unknown } | null)?.name;
  return typeof name === 'string' ? name : '';
}

/**
 * The stacks of tasks, innermost frame first.
 *
 * The present task's is the one at hand; others' as recorded in debug mode; else the place of their outermost generator,
 * if the runtime can tell; else nothing.
 *
 * @param places whether the runtime is to be asked
 */
export function framesOf(tasks: readonly Task<unknown>[], places = true): Map<Task<unknown>, StackFrame[]> {
  const frames = new Map<Task<unknown>, StackFrame[]>();
  const unknown: { task: Task<unknown>; generator: object }[] = [];
  const current = currentTask();
  for (const task of tasks) {
    const known =
      task === current
        ? framesOfTask(parseStack(new RecordedStack().text))
        : stateOf(task) === 'waiting'
          ? suspensionFrames(task)
          : null;
    if (known !== null) frames.set(task, known);
    else if (task.generator !== null) unknown.push({ task, generator: task.generator });
  }
  if (!places) return frames;
  const found = locateGenerators(unknown.map(({ generator }) => generator));
  for (const [index, { task }] of unknown.entries()) {
    const place = found[index] ?? null;
    if (place === null || isPlumbing(place.file)) continue;
    frames.set(task, [{ ...place, name: coroutineName(task) || place.name }]);
  }
  return frames;
}
