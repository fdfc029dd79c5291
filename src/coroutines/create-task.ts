import type { Task as TaskInterface, TaskOptions, TaskSource } from '../interface/index.ts';
import { getRunningLoop } from '../loop/index.ts';
import type { Task } from './task.ts';

/**
 * Starts a task on the running loop.
 *
 * @throws {StateError} no loop runs
 * @throws {TypeError} nothing a task can drive
 */
export function createTask<T>(source: TaskSource<T>, options?: TaskOptions): Task<T> {
  return getRunningLoop().createTask(source, options) as TaskInterface<T> as Task<T>;
}
