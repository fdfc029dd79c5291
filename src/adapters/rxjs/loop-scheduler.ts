import { AsyncResource } from 'node:async_hooks';
import { type SchedulerAction, type SchedulerLike, Subscription } from 'rxjs';
import type { EventLoop, Handle } from '../../interface/index.ts';
import { getRunningLoop } from '../../loop/index.ts';
import { wallClockOf } from '../common/wall-clock.ts';

/**
 * A scheduler for operators and creation functions, by which they wait on the loop: `interval(50, loopScheduler())`.
 *
 * Its `now` is the date at which it was made and the loop's time since. What work throws goes to the loop's exception handler.
 *
 * @param loop the running one unless given
 * @throws {StateError} none runs
 * @see https://rxjs.dev/guide/scheduler
 */
export function loopScheduler(loop: EventLoop = getRunningLoop()): SchedulerLike {
  return new LoopScheduler(loop);
}

type Work<T> = (this: SchedulerAction<T>, state: T) => void;

class LoopScheduler implements SchedulerLike {
  readonly #loop: EventLoop;
  readonly now: () => number;

  constructor(loop: EventLoop) {
    this.#loop = loop;
    this.now = wallClockOf(loop);
  }

  schedule<T>(work: Work<T>, delay = 0, state?: T): Subscription {
    return new LoopAction(this.#loop, work).schedule(state, delay);
  }
}

/** Work that can schedule itself again. Without a delay it is due at the next turn, in the order in which it was scheduled. */
class LoopAction<T> extends Subscription implements SchedulerAction<T> {
  readonly #loop: EventLoop;
  readonly #work: Work<T>;
  /** of whoever subscribed, as with a timer of the host's */
  readonly #scope = new AsyncResource('TulipaRxAction');
  #handle: Handle | null = null;

  constructor(loop: EventLoop, work: Work<T>) {
    super();
    this.#loop = loop;
    this.#work = work;
  }

  schedule(state?: T, delay = 0): Subscription {
    if (this.closed) return this;
    this.#handle?.cancel();
    this.#handle =
      delay > 0 ? this.#loop.callLater(delay, this.#run, state) : this.#loop.callSoon(this.#run, state);
    return this;
  }

  override unsubscribe(): void {
    this.#handle?.cancel();
    this.#handle = null;
    super.unsubscribe();
  }

  readonly #run = (state: T | undefined): void => {
    this.#handle = null;
    try {
      this.#scope.runInAsyncScope(this.#work, this, state as T);
    } catch (error) {
      this.unsubscribe();
      throw error;
    }
  };
}
