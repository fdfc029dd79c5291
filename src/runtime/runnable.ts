import { isCoroutine, isFuture } from '../coroutines/index.ts';
import type { Awaitable, TaskSource } from '../interface/index.ts';

/** Whether this can be run, or waited for, at all. */
export function isRunnable(main: unknown): boolean {
  if (typeof main === 'function') return true;
  if (typeof main !== 'object' || main === null) return false;
  return (
    typeof (main as { then?: unknown }).then === 'function' ||
    typeof (main as { next?: unknown }).next === 'function'
  );
}

/** True for what is not running yet, and becomes a task. */
export function isSource<T>(main: Awaitable<T> | TaskSource<T>): main is TaskSource<T> {
  return typeof main === 'function' || isCoroutine(main) || 'next' in main;
}

/**
 * What has no coroutine of ours inside: promise reactions, which the host runs, take it from step to step.
 */
export function needsMicrotasks(main: unknown): boolean {
  if (typeof main === 'function') return main.constructor?.name === 'AsyncFunction';
  return !isFuture(main) && !isSource(main as TaskSource<unknown>);
}
