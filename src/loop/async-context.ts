import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import type { CancelledError, EventLoop } from '../interface/index.ts';
import type { Context } from './context.ts';

/**
 * Whose work an `async` function's code is. A generator is stepped by its task, which knows itself; an async function is
 * resumed by the engine's microtasks, and only async context remembers on whose behalf.
 */
export interface AsyncOwner {
  /** The context its code runs in; null once the task has ended. */
  readonly asyncContext: Context | null;
  getLoop(): EventLoop;
  /** @internal Its code awaits something: `wait` is what a cancellation must get. */
  waitBegins(wait: OwnedWait): void;
  /** @internal */
  waitEnds(wait: OwnedWait): void;
}

/** One `await` of an `async` function, as its task sees it. */
export interface OwnedWait {
  /** Asks what is awaited to stop; if it does, the `await` throws `error`. False: it has ended already. */
  cancel(error: CancelledError): boolean;
}

const storage = new AsyncLocalStorage<AsyncOwner | null>();

/** The task on whose behalf this code runs by async context; null if none does, or it has ended. */
export function asyncOwner(): AsyncOwner | null {
  const owner = storage.getStore();
  return owner != null && owner.asyncContext !== null ? owner : null;
}

/**
 * Calls back so that everything the callback starts, now and in later microtasks, is `owner`'s.
 *
 * Not by `storage.run`: where stores live in a map that is copied for each change (Node 24 and later), that copies it
 * twice, the second time to put back what was there. A resource puts the map itself back.
 */
export function runOwnedBy<T>(owner: AsyncOwner | null, callback: () => T): T {
  if ((storage.getStore() ?? null) === owner) return callback();
  return new AsyncResource('TulipaTask', unobserved).runInAsyncScope<undefined, T>(
    callOwned as () => T,
    undefined,
    owner,
    callback,
  );
}

const unobserved = { requireManualDestroy: true };

function callOwned<T>(owner: AsyncOwner | null, callback: () => T): T {
  storage.enterWith(owner);
  return callback();
}

/**
 * The present async context, but nobody's: where the code of a loop itself runs. Without it a callback would find the
 * stores, the user's `AsyncLocalStorage`s too, of whoever happened to wake the loop.
 *
 * Nothing that throws out of `process._tickCallback` may pass through its `runInAsyncScope`: a tick that throws leaves
 * its id on Node's stack of them, and Node aborts the process where it next finds another one on top than it expects.
 */
export function unownedScope(): AsyncResource {
  const make = () => new AsyncResource('TulipaLoop');
  // Node 20 makes every promise slower once a store has been used.
  return storage.getStore() == null ? make() : storage.run(null, make);
}
