import { type EventLoop, StateError } from '../interface/index.ts';
import { enterTurn, leaveTurn, steppingBegins, steppingEnds } from './current-loop.ts';
import type { Scheduler, Turner } from './scheduler.ts';

/** Who turns a loop one turn at a time, beside others in the same thread. */
export interface Stepper {
  /**
   * From outside of the loop's turns something was queued, or its timers have changed. After a turn the stepper looks for
   * itself.
   */
  wanted(): void;
}

/**
 * Turns the scheduler once whenever it is told to. It never waits and never asks the driver: who drives several loops knows
 * by himself when something has happened, and when time moves on.
 */
export class SteppingRunner implements Turner {
  readonly #scheduler: Scheduler;
  readonly #loop: EventLoop;
  #stepper: Stepper | null = null;
  #turning = false;
  #onStopped: (() => void) | null = null;

  constructor(scheduler: Scheduler, loop: EventLoop) {
    this.#scheduler = scheduler;
    this.#loop = loop;
  }

  get turning(): boolean {
    return this.#turning;
  }

  start(stepper: Stepper): void {
    steppingBegins(this.#loop);
    this.#stepper = stepper;
    this.#scheduler.turner = this;
    if (this.#scheduler.queued > 0 || this.#scheduler.pendingTimers > 0) stepper.wanted();
  }

  /** Calls `onStopped` when the turn that is under way, if one is, has ended. */
  stop(onStopped: () => void): void {
    this.drop();
    if (this.#turning) this.#onStopped = onStopped;
    else onStopped();
  }

  /** Turns it no more, and tells nobody. */
  drop(): void {
    if (this.#stepper === null) return;
    steppingEnds();
    this.#stepper = null;
    this.#scheduler.turner = null;
  }

  /** One turn. @throws {StateError} it is not to turn, or does already */
  step(): void {
    if (this.#stepper === null || this.#turning) {
      throw this.#turning
        ? new StateError('ERR_LOOP_RUNNING', 'Cannot turn the event loop: a turn of it is under way')
        : new StateError('ERR_LOOP_STOPPED', 'Cannot turn the event loop: it was stopped');
    }
    this.#turn();
  }

  turnWanted(): void {
    this.#stepper?.wanted();
  }

  timersChanged(): void {
    this.#stepper?.wanted();
  }

  refsChanged(): void {
    // It ends when its stepper says so.
  }

  pollDescriptorChanged(): void {
    // Nobody watches it.
  }

  turnNow<A>(callback: (argument: A) => void, argument: A): void {
    this.#turn(callback, argument);
  }

  #turn<A>(callback?: (argument: A) => void, argument?: A): void {
    const scheduler = this.#scheduler;
    const previous = enterTurn(this.#loop, scheduler.now());
    this.#turning = true;
    try {
      if (scheduler.check.size > 0) scheduler.runHooks(scheduler.check);
      scheduler.runTurn(callback, argument);
      if (scheduler.prepare.size > 0) scheduler.runHooks(scheduler.prepare);
    } finally {
      this.#turning = false;
      leaveTurn(previous);
    }
    const onStopped = this.#onStopped;
    if (onStopped === null) return;
    this.#onStopped = null;
    onStopped();
  }
}
