import type { Context } from './context.ts';

/** Something to run on the loop: what `enqueue` takes. Objects that are woken often implement it and save a handle. */
export interface Runnable {
  run(): void;
}

/** A callback on its way to being called. */
export interface Handle {
  /** Makes sure that it is not called. Idempotent; drops the callback and its arguments. */
  cancel(): void;
  /** True if `cancel` came before the call; a handle that has run is not cancelled. */
  cancelled(): boolean;
  /** The context that the callback runs in. */
  getContext(): Context;
}

/** A callback that is called when its time has come. */
export interface TimerHandle extends Handle {
  /** Due time, in the loop's milliseconds; still readable after it fired or was cancelled. */
  when(): number;
  /** Lets the host end although this timer is pending. */
  unref(): this;
  /** Takes `unref` back. */
  ref(): this;
  hasRef(): boolean;
}
