import { Future, isFuture, Task } from '../coroutines/index.ts';
import type { LoopTimerHandle } from '../loop/index.ts';
import { taskId } from './task-id.ts';

/** The timers that will set a future, by it: that is how `sleep` and its like wait. */
export function timersByFuture(timers: readonly LoopTimerHandle[]): Map<unknown, LoopTimerHandle> {
  const byFuture = new Map<unknown, LoopTimerHandle>();
  for (const timer of timers) {
    for (const argument of timer.call?.args ?? []) if (isFuture(argument)) byFuture.set(argument, timer);
  }
  return byFuture;
}

/** What is waited for, in a few words. Never throws. */
export function describeAwaited(
  awaited: unknown,
  timers: ReadonlyMap<unknown, LoopTimerHandle>,
  now: number,
): string {
  if (awaited instanceof Task) return `task ${taskId(awaited)} ${awaited.getName()}`;
  if (!(awaited instanceof Future)) return `a foreign ${classOf(awaited)}`;
  const timer = timers.get(awaited);
  if (timer !== undefined) return `sleep, due in ${formatDuration(Math.max(0, timer.when() - now))}`;
  const { what, of } = awaited.awaiting();
  const [only] = of;
  if (what === 'promise') return `a foreign ${classOf(only)}`;
  if (of.length === 1 && only !== awaited && (what === 'shield' || what === 'then')) {
    return `${what} of ${describeAwaited(only, timers, now)}`;
  }
  return of.length === 0 ? what : `${what} of ${of.length}`;
}

function classOf(value: unknown): string {
  try {
    const name: unknown = (value as { constructor?: { name?: unknown } } | null)?.constructor?.name;
    return typeof name === 'string' && name !== '' ? name : typeof value;
  } catch {
    return 'thing';
  }
}

/** `3.2 s`, from milliseconds. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 999.5) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 59_950) return `${(milliseconds / 1000).toFixed(1)} s`;
  const minutes = Math.floor(Math.round(milliseconds / 1000) / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(milliseconds / 1000) - minutes * 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
