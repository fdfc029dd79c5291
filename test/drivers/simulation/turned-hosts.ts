import assert from 'node:assert/strict';
import {
  type Machine,
  type SimulationDriver,
  World,
  type WorldOptions,
} from '../../../src/drivers/simulation/index.ts';
import type { Completion, DriverHost, Runnable } from '../../../src/interface/index.ts';

/** As much of a loop as a driver needs: it runs what is queued when the test says so. */
export class TurnedHost implements DriverHost {
  readonly machine: Machine;
  driver: SimulationDriver;
  readonly inTurn = false;
  #queue: Runnable[] = [];

  constructor(machine: Machine) {
    this.machine = machine;
    this.driver = machine.boot();
    this.driver.attach(this);
  }

  /** Starts the machine again, with a program that knows nothing of the one before. */
  reboot(): void {
    this.#queue = [];
    this.driver = this.machine.boot();
    this.driver.attach(this);
  }

  /** Runs what is queued; false if there was nothing. */
  turn(): boolean {
    const queue = this.#queue;
    this.#queue = [];
    for (const runnable of queue) runnable.run();
    return queue.length > 0;
  }

  enqueue(runnable: Runnable): void {
    this.#queue.push(runnable);
  }

  dispatch(): never {
    return assert.fail('it may run a turn at once');
  }

  callLater(): never {
    return assert.fail('the world has the timers');
  }

  refsChanged(): void {}

  pollDescriptorChanged(): void {}

  report(): never {
    return assert.fail('reported');
  }
}

/** A world, and hosts in it that are turned by the test. */
export class TurnedWorld {
  readonly world: World;
  readonly hosts: TurnedHost[] = [];

  constructor(options: WorldOptions = {}) {
    this.world = new World(options);
  }

  host(name: string): TurnedHost {
    const host = new TurnedHost(this.world.addMachine(name));
    this.hosts.push(host);
    return host;
  }

  /** Turns all, and moves time on up to `until`, until nothing is left to do. */
  settle(until = Infinity): void {
    for (;;) {
      while (this.hosts.filter((host) => host.turn()).length > 0);
      const { nextEvent } = this.world;
      if (nextEvent === Infinity || nextEvent > until) break;
      this.world.advanceTo(nextEvent);
    }
    if (until !== Infinity) this.world.advanceTo(until);
  }

  /** What is asked, when it has been answered. */
  answer<T>(ask: (completion: Completion<T>) => unknown): T {
    const answers: { value: T | Error }[] = [];
    ask({
      succeeded: (value) => void answers.push({ value }),
      failed: (error) => void answers.push({ value: error }),
    });
    assert.equal(answers.length, 0, 'answered from inside the call');
    this.settle();
    assert.equal(answers.length, 1, 'answered once');
    const [{ value }] = answers as [{ value: T | Error }];
    if (value instanceof Error) throw value;
    return value;
  }
}
