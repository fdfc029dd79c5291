import { currentTask, isFuture, type Task } from '../coroutines/index.ts';
import { placesOfCode } from './code-place.ts';
import { deepStack } from './deep-stack.ts';
import { locateGenerators } from './generator-location.ts';
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

/** What a task's code is made of: the function, if it was made of one, else the generator; null: it has ended. */
export function codeOf(task: Task<unknown>): object | null {
  const source = task.getCoroutine();
  return typeof source === 'function' ? source : task.generator;
}

/** The names of what tasks drive. @param places whether those without one are told by the place where they stand */
export function coroutineNames(tasks: readonly Task<unknown>[], places: boolean): string[] {
  const names = tasks.map((task) => coroutineName(task));
  if (!places) return names;
  const nameless = [...names.entries()].flatMap(([index, name]) => {
    const code = name === '' ? codeOf(tasks[index] as Task<unknown>) : null;
    return code === null ? [] : [{ index, code }];
  });
  const found = placesOfCode(nameless.map(({ code }) => code));
  for (const [at, { index }] of nameless.entries()) names[index] = found[at] ?? '';
  return names;
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
        ? framesOfTask(parseStack(deepStack().text))
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
