import { ensureFuture, type Future, isFuture } from '../../coroutines/index.ts';
import type { Awaitable, EventLoop, TaskSource } from '../../interface/index.ts';
import { isSource } from '../../runtime/index.ts';

/** What frameworks can be given to wait for. What a task can be made of is started when they begin to wait. */
export type Startable<T> = TaskSource<T> | Awaitable<T>;

/** The future of `source`. @throws {TypeError} nothing that can be run or waited for */
export function start<T>(source: Startable<T>, loop: EventLoop): Future<T> {
  if (isFuture(source)) return source as Future<T>;
  return (isSource(source) ? loop.createTask(source) : ensureFuture(source, { loop })) as Future<T>;
}
