import { Future, isFuture, Task } from '../coroutines/index.ts';

/** That a task waits for something, and through what. */
export interface WaitLink {
  readonly task: Task<unknown>;
  /** what lies in between, the nearest to the waiting task first: ['shield', 'gather'] */
  readonly via: readonly string[];
}

/**
 * Who waits for whom, at this moment.
 *
 * Kept nowhere: each future knows what it waits for, all live tasks are known, and so the other direction is a matter of
 * looking at all of them. That makes waiting as cheap as if nobody ever asked.
 */
export class AwaitGraph {
  readonly #awaiters = new Map<unknown, WaitLink[]>();
  readonly #awaited = new Map<Task<unknown>, WaitLink[]>();

  /** @param tasks all that may wait */
  constructor(tasks: Iterable<Task<unknown>>) {
    const all = [...tasks];
    for (const task of all) this.#follow(task);
    for (const task of all) {
      const parent = task.owner?.parent ?? null;
      if (parent !== null) this.#link(parent, task, ['task group']);
    }
  }

  /** The tasks that wait for a future, a task or a promise. */
  awaitersOf(awaited: unknown): readonly WaitLink[] {
    return this.#awaiters.get(awaited) ?? [];
  }

  /** The tasks that a task waits for. */
  awaitedBy(task: Task<unknown>): readonly WaitLink[] {
    return this.#awaited.get(task) ?? [];
  }

  /** Links `task` with all that it waits for, up to the next tasks. */
  #follow(task: Task<unknown>): void {
    const seen = new Set<unknown>();
    const open: { item: unknown; via: readonly string[] }[] = [];
    const push = (items: readonly unknown[], via: readonly string[]) => {
      for (const item of items) {
        if (seen.has(item) || (isFuture(item) && item.done())) continue;
        seen.add(item);
        open.push({ item, via });
      }
    };
    push(task.awaiting().of, []);
    for (const { item, via } of open) {
      this.#link(task, item, via);
      if (item instanceof Future && !(item instanceof Task)) {
        const { what, of } = item.awaiting();
        push(of, [...via, what]);
      }
    }
  }

  #link(task: Task<unknown>, item: unknown, via: readonly string[]): void {
    const awaiters = this.#awaiters.get(item) ?? [];
    if (awaiters.some((link) => link.task === task)) return;
    awaiters.push({ task, via });
    this.#awaiters.set(item, awaiters);
    if (!(item instanceof Task)) return;
    const awaited = this.#awaited.get(task) ?? [];
    awaited.push({ task: item, via });
    this.#awaited.set(task, awaited);
  }
}
