import { type Driver, type EventLoop, NotSupportedError } from '../interface/index.ts';
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
  /**
   * Calls back, from where turns can be made, each time the host has looked at its I/O and the descriptor was readable; in
   * the async context of this call. null where the host cannot watch one.
   */
  watchDescriptor(descriptor: number, callback: () => void): HostWatch | null;
  /** In this thread a guest cannot live safely, so that a loop owns it unless told otherwise. */
  readonly prefersBlocking: boolean;
  /** null where the runtime cannot: microtasks then run when we return to the host. */
  readonly drainMicrotasks: (() => void) | null;
  /**
   * Whether that runs promise reactions when called from here: not from inside one, and never from the top level of an
   * ES module, which is one.
   */
  drainsHere(): boolean;
}

export interface HostWatch {
  ref(): void;
  unref(): void;
  close(): void;
}

/**
 * How long turns may follow each other before the host gets its own I/O in, in milliseconds. Going through the host for
 * every turn costs some 2 µs, a turn of our own 0.05 µs; a millisecond is what the host's timers are late by anyway.
 */
const budget = 1;

/** The clock costs as much as a short turn: look at it once in so many. */
const turnsPerLook = 16;

/** While turns follow each other, the driver is asked for what has completed no more often than this, in milliseconds. */
const pollInterval = 0.1;

/** setTimeout's longest delay; a longer one is due at once, and is therefore cut and armed again. */
const alarmDelayMax = 2 ** 31 - 1;

/** Turns the scheduler as a guest of the host's loop: in its immediates, its alarms and its I/O callbacks. */
export class GuestRunner implements Turner {
  readonly #scheduler: Scheduler;
  readonly #driver: Driver;
  readonly #loop: EventLoop;
  readonly #host: Host;
  /** Where the host is asked for a turn, so that this is also where it makes it. */
  #scope = unownedScope();
  #immediate: unknown = null;
  #alarm: unknown = null;
  #alarmDue = Infinity;
  #alarmRef = true;
  /** of the driver's descriptor, where it has one */
  #watch: HostWatch | null = null;
  #watchRef = true;
  #turning = false;
  #onStopped: (() => void) | null = null;

  constructor(scheduler: Scheduler, driver: Driver, loop: EventLoop, host: Host) {
    this.#scheduler = scheduler;
    this.#driver = driver;
    this.#loop = loop;
    this.#host = host;
  }

  /** True while a turn, or a hook beside it, is under way. */
  get turning(): boolean {
    return this.#turning;
  }

  /** @throws {NotSupportedError} the host cannot watch the driver's descriptor */
  start(): void {
    this.#scope = unownedScope();
    const { pollDescriptor, name } = this.#driver;
    if (pollDescriptor !== null) {
      // Made now: a timer that waits for descriptors to become free would find none for its alarm.
      this.#driver.alarm?.(null);
      this.#watchDescriptor(pollDescriptor);
      if (this.#watch === null) {
        throw new NotSupportedError(
          'guest',
          name,
          `Cannot run as a guest: nothing here lets the host watch the ${name} driver's descriptor; run it blocking`,
        );
      }
    }
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
    this.#watch?.close();
    this.#watch = null;
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

  refsChanged(): void {
    const watch = this.#watch;
    if (watch === null) return;
    const ref = this.#driver.refs > 0 || (this.#driver.alarm !== null && this.#scheduler.hasRefdTimers);
    if (ref === this.#watchRef) return;
    this.#watchRef = ref;
    if (ref) watch.ref();
    else watch.unref();
  }

  pollDescriptorChanged(): void {
    const { pollDescriptor } = this.#driver;
    if (this.#watch === null || pollDescriptor === null) return;
    this.#watch.close();
    this.#watchDescriptor(pollDescriptor);
    this.refsChanged();
  }

  #watchDescriptor(descriptor: number): void {
    this.#watch = this.#scope.runInAsyncScope(() => this.#host.watchDescriptor(descriptor, this.#onReadable));
    this.#watchRef = true;
  }

  timersChanged(): void {
    const { alarm } = this.#driver;
    if (alarm === null || this.#watch === null) {
      this.#setHostAlarm();
      return;
    }
    this.refsChanged();
    const { earliestTimer } = this.#scheduler;
    // It was used up, or will be: perhaps by a poll in the middle of the turns that have just ended.
    if (this.#alarmDue !== Infinity && this.#alarmDue <= this.#scheduler.now()) this.#alarmDue = Infinity;
    // One that is too early costs an idle turn, to take it back a system call.
    if (earliestTimer < this.#alarmDue) {
      this.#alarmDue = earliestTimer;
      alarm(earliestTimer);
    }
  }

  #setHostAlarm(): void {
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

  readonly #onReadable = (): void => {
    // What it was asked for is done now.
    if (this.#immediate !== null) this.#host.clearImmediate(this.#immediate);
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
      scheduler.poll(0);
      if (scheduler.check.size > 0) scheduler.runHooks(scheduler.check);
      scheduler.runTurn(callback, argument);
      if (more && scheduler.queued > 0 && this.#host.drainMicrotasks !== null) {
        let polled = begun;
        for (let turns = 1; scheduler.queued > 0 && scheduler.turner === this; turns++) {
          if (turns % turnsPerLook === 0) {
            const now = scheduler.now();
            if (now >= begun + budget) break;
            turnsGoOn(now);
            if (now >= polled + pollInterval) {
              polled = now;
              scheduler.poll(0);
            }
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
      this.refsChanged();
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
