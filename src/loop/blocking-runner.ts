import type { EventLoop } from '../interface/index.ts';
import { enterTurn, leaveTurn, turnsGoOn } from './current-loop.ts';
import type { Host } from './guest-runner.ts';
import type { Scheduler, Turner } from './scheduler.ts';

/**
 * While something is queued, the driver is asked for what has completed no more often than once in so many turns: it
 * costs several times what a short turn does.
 */
const turnsPerPoll = 16;

/** Turns the scheduler and owns the thread meanwhile: nothing of the host's loop runs. */
export class BlockingRunner implements Turner {
  readonly #scheduler: Scheduler;
  readonly #loop: EventLoop;
  readonly #host: Host;
  #immediate: unknown = null;
  #onStopped: (() => void) | null = null;
  #stopped = true;
  #turning = false;
  #turnsSincePoll = 0;

  constructor(scheduler: Scheduler, loop: EventLoop, host: Host) {
    this.#scheduler = scheduler;
    this.#loop = loop;
    this.#host = host;
  }

  get turning(): boolean {
    return this.#turning;
  }

  /** Turns from the host's next turn on: outside of any promise reaction, so that promises make progress. */
  start(): void {
    this.#immediate = this.#host.setImmediate(this.#onImmediate);
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

  readonly #onImmediate = (): void => {
    this.#immediate = null;
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
    if (this.#immediate !== null) this.#host.clearImmediate(this.#immediate);
    this.#immediate = null;
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
      scheduler.poll(this.#timeout(limit));
      turnsGoOn(scheduler.now());
    }
    if (scheduler.check.size > 0) scheduler.runHooks(scheduler.check);
    scheduler.runTurn();
    if (scheduler.prepare.size > 0) scheduler.runHooks(scheduler.prepare);
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
