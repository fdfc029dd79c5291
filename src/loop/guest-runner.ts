import type { EventLoop } from '../interface/index.ts';
import { unownedScope } from './async-context.ts';
import { enterTurn, leaveTurn, turnsGoOn } from './current-loop.ts';
import type { Scheduler, Turner } from './scheduler.ts';

/** The loop of the runtime that we are a guest of. Delays in whole milliseconds. */
export interface Host {
  /** After the host has looked at its I/O once. */
  setImmediate(callback: () => void): unknown;
  clearImmediate(immediate: unknown): void;
  setAlarm(callback: () => void, delay: number): unknown;
  clearAlarm(alarm: unknown): void;
  refAlarm(alarm: unknown, ref: boolean): void;
  /** null where the runtime cannot: microtasks then run when we return to the host. */
  readonly drainMicrotasks: (() => void) | null;
}

/**
 * How long turns may follow each other before the host gets its own I/O in, in milliseconds. Going through the host for
 * every turn costs some 2 µs, a turn of our own 0.05 µs; a millisecond is what the host's timers are late by anyway.
 */
const budget = 1;

/** The clock costs as much as a short turn: look at it once in so many. */
const turnsPerLook = 16;

/** setTimeout's longest delay; a longer one is due at once, and is therefore cut and armed again. */
const alarmDelayMax = 2 ** 31 - 1;

/** Turns the scheduler as a guest of the host's loop: in its immediates, its alarms and its I/O callbacks. */
export class GuestRunner implements Turner {
  readonly #scheduler: Scheduler;
  readonly #loop: EventLoop;
  readonly #host: Host;
  /** Where the host is asked for a turn, so that this is also where it makes it. */
  #scope = unownedScope();
  #immediate: unknown = null;
  #alarm: unknown = null;
  #alarmDue = Infinity;
  #alarmRef = true;
  #turning = false;
  #onStopped: (() => void) | null = null;

  constructor(scheduler: Scheduler, loop: EventLoop, host: Host) {
    this.#scheduler = scheduler;
    this.#loop = loop;
    this.#host = host;
  }

  /** True while a turn, or a hook beside it, is under way. */
  get turning(): boolean {
    return this.#turning;
  }

  start(): void {
    this.#scope = unownedScope();
    this.#scheduler.turner = this;
    if (this.#scheduler.queued > 0) this.turnWanted();
    this.timersChanged();
  }

  /** Leaves the host; `onStopped` is called when the turn that is under way, if one is, has ended. */
  stop(onStopped: () => void): void {
    this.#scheduler.turner = null;
    if (this.#immediate !== null) this.#host.clearImmediate(this.#immediate);
    this.#immediate = null;
    this.#clearAlarm();
    if (this.#turning) this.#onStopped = onStopped;
    else onStopped();
  }

  /** One turn, for who embeds a loop that is no guest and turns it by hand. */
  turnOnce(): void {
    this.#hooked();
  }

  turnWanted(): void {
    this.#immediate ??= this.#scope.runInAsyncScope(this.#host.setImmediate, this.#host, this.#onImmediate);
  }

  turnNow<A>(callback: (argument: A) => void, argument: A): void {
    // The host calls from where the socket, or whatever it is, was made or last used.
    this.#scheduler.scope = this.#scope;
    try {
      this.#turns(callback, argument);
    } finally {
      this.#scheduler.scope = null;
    }
  }

  timersChanged(): void {
    const scheduler = this.#scheduler;
    if (scheduler.pendingTimers === 0) {
      this.#clearAlarm();
      return;
    }
    const earliest = scheduler.earliestTimer;
    const ref = scheduler.hasRefdTimers;
    // An alarm that is too early costs one idle turn; only one that is too late must be replaced.
    if (this.#alarm === null || earliest < this.#alarmDue) {
      const left = earliest - scheduler.now();
      // Due already: an alarm would take a millisecond. One that is not to keep the host alive must not do it by this.
      if (left <= 0 && ref) {
        this.turnWanted();
        return;
      }
      this.#clearAlarm();
      this.#alarmDue = earliest;
      // Round up: waking before the timer is due would only arm the alarm again.
      const delay = Math.min(Math.max(Math.ceil(left), 1), alarmDelayMax);
      this.#alarm = this.#scope.runInAsyncScope(this.#host.setAlarm, this.#host, this.#onAlarm, delay);
      this.#alarmRef = true;
    }
    if (ref !== this.#alarmRef) {
      this.#alarmRef = ref;
      this.#host.refAlarm(this.#alarm, ref);
    }
  }

  readonly #onImmediate = (): void => {
    this.#immediate = null;
    this.#turns();
  };

  readonly #onAlarm = (): void => {
    this.#alarm = null;
    this.#alarmDue = Infinity;
    this.#turns();
  };

  #turns<A>(callback?: (argument: A) => void, argument?: A): void {
    try {
      this.#hooked(callback, argument, true);
    } finally {
      this.#afterTurns();
    }
  }

  /** A turn between the hooks; as many as the budget allows, if so wished. */
  #hooked<A>(callback?: (argument: A) => void, argument?: A, more = false): void {
    const scheduler = this.#scheduler;
    const begun = scheduler.now();
    const previous = enterTurn(this.#loop, begun);
    this.#turning = true;
    try {
      if (scheduler.check.size > 0) scheduler.runHooks(scheduler.check);
      scheduler.runTurn(callback, argument);
      if (more && scheduler.queued > 0 && this.#host.drainMicrotasks !== null) {
        for (let turns = 1; scheduler.queued > 0 && scheduler.turner === this; turns++) {
          if (turns % turnsPerLook === 0) {
            const now = scheduler.now();
            if (now >= begun + budget) break;
            turnsGoOn(now);
          }
          scheduler.runTurn();
        }
      }
      if (scheduler.prepare.size > 0) scheduler.runHooks(scheduler.prepare);
    } finally {
      this.#turning = false;
      leaveTurn(previous);
    }
  }

  #afterTurns(): void {
    if (this.#scheduler.turner === this) {
      if (this.#scheduler.queued > 0) this.turnWanted();
      this.timersChanged();
    } else {
      const onStopped = this.#onStopped;
      this.#onStopped = null;
      if (onStopped !== null) this.#scope.runInAsyncScope(onStopped);
    }
  }

  #clearAlarm(): void {
    if (this.#alarm !== null) this.#host.clearAlarm(this.#alarm);
    this.#alarm = null;
    this.#alarmDue = Infinity;
  }
}
