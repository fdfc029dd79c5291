import type { Driver, EventLoop, WatchedLoop } from '../interface/index.ts';
import { enterTurn, leaveTurn, turnsGoOn } from './current-loop.ts';
import type { Host } from './guest-runner.ts';
import type { Scheduler, Turner } from './scheduler.ts';

/**
 * While something is queued, the driver is asked for what has completed no more often than once in so many turns: it
 * costs several times what a short turn does.
 */
const turnsPerPoll = 16;

/** The host's own loop, as a guest of ours while ours owns the thread. */
export interface TurnedHost {
  /** Readable when a turn would do something. */
  readonly descriptor: number;
  /** turns made so far */
  readonly turns: number;
  /** @throws {StateError} `ERR_HOST_TURNING`: called from where the host's loop cannot be turned */
  mustBeOutside(): void;
  begin(): void;
  end(): void;
  /** Milliseconds until a turn would do something though the descriptor is not readable; null: no limit. */
  timeout(): number | null;
  /** One turn, without waiting, and the microtasks that it leaves. */
  turn(): void;
}

/**
 * Turns the scheduler and owns the thread meanwhile: of the host's loop nothing runs, unless it is turned from here too.
 */
export class BlockingRunner implements Turner {
  readonly #scheduler: Scheduler;
  readonly #loop: EventLoop;
  readonly #host: Host;
  readonly #driver: Driver;
  readonly #turned: TurnedHost | null;
  /** while this turns, and the host too */
  #watch: WatchedLoop | null = null;
  #start: { cancel(): void } | null = null;
  #onStopped: (() => void) | null = null;
  #stopped = true;
  #turning = false;
  #turnsSincePoll = 0;

  /** @param turned null: nothing of the host runs while this turns; else the driver has `watchLoop` */
  constructor(
    scheduler: Scheduler,
    loop: EventLoop,
    host: Host,
    driver: Driver,
    turned: TurnedHost | null = null,
  ) {
    this.#scheduler = scheduler;
    this.#loop = loop;
    this.#host = host;
    this.#driver = driver;
    this.#turned = turned;
  }

  get turning(): boolean {
    return this.#turning;
  }

  /** Turns from the host's next turn on: outside of any promise reaction, so that promises make progress. */
  start(): void {
    const host = this.#host;
    if (this.#turned === null) {
      const immediate = host.setImmediate(this.#onStart);
      this.#start = { cancel: () => host.clearImmediate(immediate) };
    } else {
      // Within an immediate the host's loop cannot be turned.
      const alarm = host.setAlarm(this.#onStart, 0);
      this.#start = { cancel: () => host.clearAlarm(alarm) };
    }
  }

  /**
   * Turns until `stop`; at least once, so that what is queued already runs. What a microtask throws is thrown through, in
   * the middle of a turn, and no turn is made until the next `run`.
   */
  run(): void {
    this.#stopped = false;
    try {
      this.#turns(null);
    } finally {
      const onStopped = this.#onStopped;
      this.#onStopped = null;
      onStopped?.();
    }
  }

  readonly #onStart = (): void => {
    this.#start = null;
    try {
      this.run();
    } finally {
      // Thrown through, to the host: if the process outlives that, so does the run.
      if (!this.#stopped) this.start();
    }
  };

  /** Returns from `run` after the present turn; then calls `onStopped`. */
  stop(onStopped: () => void): void {
    this.#stopped = true;
    this.#start?.cancel();
    this.#start = null;
    if (this.#turning) this.#onStopped = onStopped;
    else onStopped();
  }

  /** One turn that waits `timeout` milliseconds at most; null: no limit. */
  runOnce(timeout: number | null): void {
    this.#stopped = true;
    this.#turns(timeout);
  }

  turnWanted(): void {
    // Whoever queues from outside a turn is on this thread, which is between two turns.
  }

  timersChanged(): void {
    // Looked at before every wait.
  }

  refsChanged(): void {
    // This does not end by itself.
  }

  pollDescriptorChanged(): void {
    // Nobody watches it.
  }

  turnNow<A>(callback: (argument: A) => void, argument: A): void {
    this.#scheduler.runTurn(callback, argument);
  }

  #turns(limit: number | null): void {
    if (this.#turned === null) {
      this.#ownTurns(limit);
      return;
    }
    this.#watch = this.#driver.watchLoop?.(this.#turned.descriptor) ?? null;
    try {
      this.#turned.begin();
      this.#ownTurns(limit);
    } finally {
      this.#turned.end();
      this.#watch?.close();
      this.#watch = null;
    }
  }

  #ownTurns(limit: number | null): void {
    const scheduler = this.#scheduler;
    scheduler.turner = this;
    this.#turning = true;
    this.#turnsSincePoll = turnsPerPoll;
    const previous = enterTurn(this.#loop, scheduler.now());
    try {
      do this.#turn(limit);
      while (!this.#stopped);
    } finally {
      leaveTurn(previous);
      this.#turning = false;
      scheduler.turner = null;
    }
  }

  #turn(limit: number | null): void {
    const scheduler = this.#scheduler;
    if (scheduler.queued === 0 || ++this.#turnsSincePoll >= turnsPerPoll) {
      this.#turnsSincePoll = 0;
      if (this.#turned === null) scheduler.poll(this.#timeout(limit));
      else this.#pollBoth(this.#timeout(limit), this.#turned);
      turnsGoOn(scheduler.now());
    }
    if (scheduler.check.size > 0) scheduler.runHooks(scheduler.check);
    scheduler.runTurn();
    if (scheduler.prepare.size > 0) scheduler.runHooks(scheduler.prepare);
  }

  /** The host is turned only where it has something to do, which may be what our callbacks have asked it for. */
  #pollBoth(timeout: number | null, turned: TurnedHost): void {
    const scheduler = this.#scheduler;
    const its = turned.timeout();
    if (its === null) {
      scheduler.poll(timeout);
      if (this.#watch?.wasReady() === true) turned.turn();
      return;
    }
    const due = its === 0 ? -Infinity : scheduler.now() + its;
    scheduler.poll(timeout === null ? its : Math.min(timeout, its));
    if (this.#watch?.wasReady() === true || scheduler.now() >= due) turned.turn();
  }

  #timeout(limit: number | null): number | null {
    const scheduler = this.#scheduler;
    // Stopped: from the start, by who wants one turn, or by a hook of just now.
    if (scheduler.queued > 0) return 0;
    const { earliestTimer } = scheduler;
    if (earliestTimer === Infinity) return limit;
    const left = Math.max(0, earliestTimer - scheduler.now());
    return limit === null ? left : Math.min(left, limit);
  }
}
