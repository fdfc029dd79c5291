import { type Driver, type DriverHost, type Operation, StateError } from '../../interface/index.ts';
import type { Machine } from './machine.ts';
import { SimulatedDatagrams } from './simulated-datagrams.ts';
import { SimulatedNames } from './simulated-names.ts';
import { SimulatedSignals } from './simulated-signals.ts';
import { SimulatedStreams } from './simulated-streams.ts';
import { SocketProgram } from './socket-program.ts';

/** One program's way to the simulated machine on which it runs. */
export class SimulationDriver implements Driver {
  readonly name = 'simulation';
  readonly canBlock = true;
  readonly pollDescriptor = null;
  readonly alarm = null;
  readonly refs = 0;

  readonly descriptors = null;
  readonly sockets = null;
  readonly pipes = null;
  readonly processes = null;
  readonly tls = null;

  // Of the loop that drives it; null before it is attached to one.
  streams: SimulatedStreams | null = null;
  names: SimulatedNames | null = null;
  signals: SimulatedSignals | null = null;
  datagrams: SimulatedDatagrams | null = null;

  readonly machine: Machine;
  readonly #idleWatchers = new Set<() => void>();
  #host: DriverHost | null = null;
  #program: SocketProgram | null = null;

  constructor(machine: Machine) {
    this.machine = machine;
  }

  attach(host: DriverHost): void {
    this.#host = host;
    this.#program = new SocketProgram(this.machine, host);
    this.streams = new SimulatedStreams(this.#program);
    this.names = new SimulatedNames(this.machine, host);
    this.signals = new SimulatedSignals(host);
    this.datagrams = new SimulatedDatagrams(this.#program);
  }

  now(): number {
    return this.machine.clock.now();
  }

  /** Nobody waits: time moves on to the next thing that happens, or by `timeout`. */
  wait(timeout: number | null): void {
    const { world, clock } = this.machine;
    if (timeout === 0) {
      world.advanceTo(world.now);
      return;
    }
    const end = timeout === null ? Infinity : clock.worldTimeOf(clock.now() + timeout);
    const next = Math.min(end, world.nextEvent);
    // To who wants to know, a timer that keeps nothing alive is nothing to wait for.
    const timersCount = this.#idleWatchers.size === 0 || this.#host?.hasRefdTimers !== false;
    if (next === Infinity || (world.nextEvent === Infinity && !timersCount)) this.#idle();
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

  /** Something is open, or asked for, that a program of Node's would wait for. */
  get keepsAlive(): boolean {
    if (this.#program === null) return false;
    return this.names?.asking === true || this.machine.kernel.keepsAlive(this.#program);
  }

  close(): void {
    const program = this.#program;
    this.halt();
    // The machine goes on without the program, and tells its peers.
    if (program !== null) this.machine.kernel.programEnded(program);
  }

  /** Its machine has lost its power. */
  halt(): void {
    this.#idleWatchers.clear();
    this.#program?.end();
    this.#program = null;
    this.names?.close();
    this.signals?.close();
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
