import { type CoroutineObserver, setCoroutineObserver } from '../coroutines/index.ts';
import type { Runnable } from '../interface/index.ts';
import type { LoopObserver } from '../loop/index.ts';
import type { EventLoop } from '../runtime/index.ts';

// The engine has one place for an observer, so that looking whether there is one costs next to nothing. Several that look
// at the same time share it here.

class LoopObservers implements LoopObserver {
  readonly parts = new Set<Partial<LoopObserver>>();

  callbackBegins(runnable: Runnable, now: number): void {
    for (const part of this.parts) part.callbackBegins?.(runnable, now);
  }

  callbackEnds(runnable: Runnable, now: number): void {
    for (const part of this.parts) part.callbackEnds?.(runnable, now);
  }

  nameOf(runnable: Runnable): string | null {
    for (const part of this.parts) {
      const name = part.nameOf?.(runnable) ?? null;
      if (name !== null) return name;
    }
    return null;
  }

  protocolCalled(transport: object, protocol: object, method: string): void {
    for (const part of this.parts) part.protocolCalled?.(transport, protocol, method);
  }

  opened(resource: object): void {
    for (const part of this.parts) part.opened?.(resource);
  }

  closed(resource: object): void {
    for (const part of this.parts) part.closed?.(resource);
  }
}

class CoroutineObservers implements CoroutineObserver {
  readonly parts = new Set<Partial<CoroutineObserver>>();

  taskCreated(task: Parameters<CoroutineObserver['taskCreated']>[0]): void {
    for (const part of this.parts) part.taskCreated?.(task);
  }

  taskEnded(task: Parameters<CoroutineObserver['taskEnded']>[0]): void {
    for (const part of this.parts) part.taskEnded?.(task);
  }

  waitBegins(future: Parameters<CoroutineObserver['waitBegins']>[0]): void {
    for (const part of this.parts) part.waitBegins?.(future);
  }

  coroutineMade(coroutine: Parameters<CoroutineObserver['coroutineMade']>[0]): void {
    for (const part of this.parts) part.coroutineMade?.(coroutine);
  }

  coroutineTaken(coroutine: Parameters<CoroutineObserver['coroutineTaken']>[0]): void {
    for (const part of this.parts) part.coroutineTaken?.(coroutine);
  }
}

/** Ends the looking. Idempotent. */
export type StopObserving = () => void;

/** Looks at what one loop runs and opens. What `part` does must not throw. */
export function observeLoop(loop: EventLoop, part: Partial<LoopObserver>): StopObserving {
  const observers = loop.observer instanceof LoopObservers ? loop.observer : new LoopObservers();
  observers.parts.add(part);
  loop.observer = observers;
  return () => {
    observers.parts.delete(part);
    if (observers.parts.size === 0 && loop.observer === observers) loop.observer = null;
  };
}

const coroutineObservers = new CoroutineObservers();

/** Looks at the tasks and coroutines of this thread. What `part` does must not throw. */
export function observeCoroutines(part: Partial<CoroutineObserver>): StopObserving {
  coroutineObservers.parts.add(part);
  setCoroutineObserver(coroutineObservers);
  return () => {
    coroutineObservers.parts.delete(part);
    if (coroutineObservers.parts.size === 0) setCoroutineObserver(null);
  };
}
