import { type Driver, type DriverHost, type Operation, StateError } from '../../interface/index.ts';
import type { Machine } from './machine.ts';

/** One program's way to the simulated machine on which it runs. */
export class SimulationDriver implements Driver {
  readonly name = 'simulation';
  readonly canBlock = true;
  readonly pollDescriptor = null;
  readonly alarm = null;
  readonly refs = 0;

  readonly streams = null;
  readonly names = null;
  readonly signals = null;
  readonly descriptors = null;
  readonly sockets = null;
  readonly datagrams = null;
  readonly pipes = null;
  readonly processes = null;
  readonly tls = null;

  readonly machine: Machine;
  readonly #idleWatchers = new Set<() => void>();
  #host: DriverHost | null = null;

  constructor(machine: Machine) {
    this.machine = machine;
  }

  attach(host: DriverHost): void {
    this.#host = host;
  }

  now(): number {
    return this.machine.clock.now();
  }

  /** Nobody waits: time moves on to the next thing that happens, or by `timeout`. */
  wait(timeout: number | null): void {
    if (timeout === 0) return;
    const { world, clock } = this.machine;
    const end = timeout === null ? Infinity : clock.worldTimeOf(clock.now() + timeout);
    const next = Math.min(end, world.nextEvent);
    if (next === Infinity) this.#idle();
    else world.advanceTo(next);
  }

  wake(): void {
    // Nobody waits in it.
  }

  onIdle(callback: () => void): Operation {
    const watcher = () => callback();
    this.#idleWatchers.add(watcher);
    return { cancel: () => void this.#idleWatchers.delete(watcher) };
  }

  close(): void {
    this.halt();
  }

  /** Its machine has lost its power. */
  halt(): void {
    this.#idleWatchers.clear();
    this.#host = null;
  }

  #idle(): void {
    if (this.#idleWatchers.size === 0) {
      throw new StateError(
        'ERR_DEADLOCK',
        'Cannot wait: nothing is left in the simulation that could ever happen',
      );
    }
    for (const watcher of [...this.#idleWatchers]) this.#host?.enqueue({ run: watcher });
  }
}
