import type { Runnable } from '../interface/index.ts';
import type { LoopTimerHandle } from './handle.ts';
import type { LoopObserver } from './scheduler.ts';

// A loop has one place for an observer, so that looking whether there is one costs next to nothing. Several share it here.
class LoopObservers implements LoopObserver {
  readonly parts = new Set<Partial<LoopObserver>>();

  callbackBegins(runnable: Runnable, now: number): void {
    for (const part of this.parts) part.callbackBegins?.(runnable, now);
  }

  callbackEnds(runnable: Runnable, now: number): void {
    for (const part of this.parts) part.callbackEnds?.(runnable, now);
  }

  timerSet(timer: LoopTimerHandle): void {
    for (const part of this.parts) part.timerSet?.(timer);
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

/** Ends the looking. Idempotent. */
export type StopObserving = () => void;

/** Looks at what one loop runs and opens, beside whoever else does. What `part` does must not throw. */
export function observeLoop(
  loop: { observer: LoopObserver | null },
  part: Partial<LoopObserver>,
): StopObserving {
  const observers = loop.observer instanceof LoopObservers ? loop.observer : new LoopObservers();
  observers.parts.add(part);
  loop.observer = observers;
  return () => {
    observers.parts.delete(part);
    if (observers.parts.size === 0 && loop.observer === observers) loop.observer = null;
  };
}
