import type { Future as FutureInterface, Handle, Suspension } from '../interface/index.ts';
import { getRunningLoop } from '../loop/index.ts';
import { Coroutine } from './coroutine.ts';
import { Future, isFuture } from './future.ts';
import { JointWait } from './joint-wait.ts';
import { isThenable } from './kinds.ts';

/** When `wait` is to return; `firstException` is `allCompleted` as long as nothing fails. */
export type ReturnWhen = 'allCompleted' | 'firstCompleted' | 'firstException';

export interface WaitOptions {
  /** milliseconds; no limit unless given */
  timeout?: number | null | undefined;
  /** 'allCompleted' unless given */
  returnWhen?: ReturnWhen | undefined;
}

/**
 * Waits until the futures are done, as many as `returnWhen` says, or until `timeout`, and tells which are.
 *
 * It throws nothing that they throw and cancels nothing, also when it is cancelled itself.
 *
 * @throws {TypeError} something else than futures; coroutines must be made tasks first
 * @throws {RangeError} no futures, or no such mode
 */
export function wait<F extends FutureInterface<unknown>>(
  futures: Iterable<F>,
  options?: WaitOptions,
): Coroutine<{ done: Set<F>; pending: Set<F> }> {
  // A future is an iterable too, an endless one while it is pending.
  if (isThenable(futures) || typeof futures?.[Symbol.iterator] !== 'function') {
    throw new TypeError('Cannot wait: give an iterable of futures');
  }
  const members = new Set(futures);
  for (const member of members) {
    if (!isFuture(member))
      throw new TypeError('Cannot wait for what is no future: make coroutines tasks first');
  }
  if (members.size === 0) throw new RangeError('Cannot wait for no futures at all');
  const returnWhen = options?.returnWhen ?? 'allCompleted';
  if (!['allCompleted', 'firstCompleted', 'firstException'].includes(returnWhen)) {
    throw new RangeError(`Cannot wait until ${String(returnWhen)}: no such mode`);
  }
  const timeout = options?.timeout ?? null;
  if (timeout !== null && typeof timeout !== 'number')
    throw new TypeError('Cannot wait: the timeout is neither a number of milliseconds nor null');
  if (Number.isNaN(timeout)) throw new RangeError('Cannot wait: the timeout is NaN');
  return new Coroutine('wait', waiting(members, returnWhen, timeout));
}

function* waiting<F extends FutureInterface<unknown>>(
  members: Set<F>,
  returnWhen: ReturnWhen,
  timeout: number | null,
): Generator<Suspension, { done: Set<F>; pending: Set<F> }, unknown> {
  const suffices = (member: F) =>
    returnWhen === 'firstCompleted' ||
    (returnWhen === 'firstException' && !member.cancelled() && failed(member));
  let left = 0;
  let enough = false;
  for (const member of members) {
    if (member.done()) {
      handOver(member);
      enough ||= suffices(member);
    } else {
      left++;
    }
  }
  if (left > 0 && !enough) {
    const loop = getRunningLoop();
    const woken = new JointWait(loop, 'wait', members);
    const wake = () => {
      if (!woken.done()) woken.setResult();
    };
    const onDone = (future: FutureInterface<unknown>) => {
      // Cancelled, and about to say so: nobody is going to look.
      if (woken.cancelled()) return;
      left--;
      handOver(future);
      if (left === 0 || suffices(future as F)) wake();
    };
    for (const member of members) if (!member.done()) member.addDoneCallback(onDone);
    const timer: Handle | null = timeout === null ? null : loop.callLater(timeout, wake);
    try {
      yield* woken;
    } finally {
      timer?.cancel();
      for (const member of members) member.removeDoneCallback(onDone);
    }
  }
  const done = new Set<F>();
  const pending = new Set<F>();
  for (const member of members) (member.done() ? done : pending).add(member);
  return { done, pending };
}

/** Whoever called `wait` is to look at it, and gets to run only after a task's failure would have been reported. */
function handOver(future: FutureInterface<unknown>): void {
  if (future instanceof Future) future.handOver();
}

/** Whether it failed, without counting as having looked. */
function failed(future: FutureInterface<unknown>): boolean {
  if (future instanceof Future) return future.failed();
  return future.exception() !== null;
}
