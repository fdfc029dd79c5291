import type { AsyncResource } from 'node:async_hooks';
import type { Machine } from '../../drivers/simulation/index.ts';
import { nodeHost, unownedScope } from '../../loop/index.ts';
import { EventLoop } from '../../runtime/index.ts';
import { HostedWorld } from './hosted-world.ts';
import type { TimeSource } from './time-source.ts';

/** How many turns may follow each other before the source is asked again, so that nobody else there starves. */
const turnsMax = 100;

/**
 * A loop whose time is that of another scheduler, which also turns it: for programs that are to run in the virtual time of
 * somebody's tests.
 *
 *     const done = run(main, { loopFactory: () => hostedLoop(source) });
 *
 * Its network is in memory, as in a simulation, and it is a machine named `localhost` on it. Whatever drives the source must
 * call from outside of promise reactions (`setImmediate`, not behind an `await`) if `async` functions are to go on between its
 * callbacks; generators do not mind.
 */
export function hostedLoop(source: TimeSource): EventLoop {
  return new HostedLoop(source, new HostedWorld(source));
}

class HostedLoop extends EventLoop {
  readonly #source: TimeSource;
  readonly #world: HostedWorld;
  readonly #machine: Machine;
  /** where the run was begun, so that this is also where its callbacks are called */
  #scope: AsyncResource = unownedScope();
  #turning = false;
  /** takes back what the source was asked for; null: it was not */
  #takeBack: (() => void) | null = null;
  /** for when, by the world's time */
  #due = Infinity;

  constructor(source: TimeSource, world: HostedWorld) {
    const machine = world.addMachine('localhost');
    super(machine.boot());
    this.#source = source;
    this.#world = world;
    this.#machine = machine;
    world.onScheduled = () => this.#wanted();
  }

  override attach(onStop: () => void, _blocking: boolean): void {
    this.#scope = unownedScope();
    this.attachStepped({ wanted: () => this.#wanted() }, onStop);
  }

  override close(): void {
    super.close();
    this.#disarm();
  }

  /** Has the source call when something is next to be done. */
  #wanted(): void {
    if (this.#turning || this.isClosed()) return;
    const { now } = this.#world;
    const next =
      this.queued > 0 && this.isRunning() ? now : Math.min(this.#timersDue(), this.#world.nextEvent);
    if (next >= this.#due) return;
    this.#disarm();
    if (next === Infinity) return;
    this.#due = next;
    this.#takeBack = this.#source.later(Math.max(next - now, 0), this.#onTime);
  }

  #timersDue(): number {
    const { earliestTimer } = this;
    return earliestTimer === Infinity || !this.isRunning()
      ? Infinity
      : this.#machine.clock.worldTimeOf(earliestTimer);
  }

  #disarm(): void {
    this.#takeBack?.();
    this.#takeBack = null;
    this.#due = Infinity;
  }

  readonly #onTime = (): void => {
    this.#takeBack = null;
    this.#due = Infinity;
    this.#turning = true;
    try {
      this.#scope.runInAsyncScope(this.#turn, this);
    } finally {
      this.#turning = false;
      this.#wanted();
    }
  };

  readonly #turn = (): void => {
    for (let turns = 0; turns < turnsMax && !this.isClosed(); turns++) {
      const { now } = this.#world;
      this.#world.advanceTo(now);
      if (!this.isRunning() || (this.queued === 0 && this.#timersDue() > now)) return;
      this.step();
      // Also what goes on from the end of a run, which closes the loop.
      nodeHost.drainMicrotasks?.();
    }
  };
}
