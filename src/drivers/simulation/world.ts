import { TimerHeap } from '../../collections/index.ts';
import type { Runnable } from '../../interface/index.ts';
import type { LinkOptions } from './link.ts';
import { Machine } from './machine.ts';
import { type NameOptions, NameService } from './name-service.ts';
import { Network } from './network.ts';
import { Oracle } from './oracle.ts';
import type { TraceEvent, TraceSink } from './trace.ts';

export interface WorldOptions {
  seed?: number | undefined;
  /** of every link that is not given others */
  link?: LinkOptions | undefined;
  /** how names are looked up */
  names?: NameOptions | undefined;
  /** what the wall clock says at the beginning, as `Date.now` does; 2030-01-01 unless given */
  startOfTime?: number | undefined;
}

const startOfTimeDefault = Date.UTC(2030, 0, 1);

/**
 * What is outside of the programs of a simulation: time, the network, the kernels of the machines. It turns no loop: who
 * does that moves time on when no loop has anything to do.
 */
export class World {
  readonly oracle: Oracle;
  readonly network: Network;
  readonly names: NameService;
  readonly machines = new Map<string, Machine>();
  /** by their names in lower case */
  readonly #named = new Map<string, Machine>();
  readonly startOfTime: number;
  trace: TraceSink | null = null;
  readonly #events = new TimerHeap<Runnable>();
  #now = 0;
  #messages = 0;

  constructor(options: WorldOptions = {}) {
    this.oracle = new Oracle(options.seed ?? 0);
    this.startOfTime = options.startOfTime ?? startOfTimeDefault;
    this.network = new Network(this, options.link);
    this.names = new NameService(this, options.names);
  }

  /** Milliseconds since the beginning. */
  get now(): number {
    return this.#now;
  }

  /** When the next thing happens outside of the programs; Infinity: never, unless they do something. */
  get nextEvent(): number {
    return this.#events.earliest;
  }

  /**
   * Runs it in `delay` milliseconds, outside of any loop: it is the doing of a kernel or of the network, and must not call
   * a program but by a loop's queue.
   *
   * @returns for `cancel`, until it has run
   */
  schedule(delay: number, event: Runnable): number {
    return this.#events.insert(this.#now + delay, event);
  }

  /** The same at a time, not before now: what is to happen at one time happens in the order in which it was scheduled. */
  scheduleAt(time: number, event: Runnable): number {
    return this.#events.insert(time, event);
  }

  cancel(id: number): void {
    this.#events.remove(id);
  }

  /** Moves on to that time, which is not before now; whatever happens until then happens. */
  advanceTo(time: number): void {
    while (this.#events.earliest <= time) {
      if (this.#events.earliest > this.#now) this.#now = this.#events.earliest;
      this.#events.shift().run();
    }
    if (time > this.#now) this.#now = time;
  }

  /**
   * A machine more on the network.
   * @throws {TypeError | RangeError} no name for a host, or one that is taken
   */
  addMachine(name: string): Machine {
    const machine = new Machine(this, name, this.machines.size + 1);
    this.machines.set(name, machine);
    this.#named.set(name.toLowerCase(), machine);
    this.network.connect(machine);
    return machine;
  }

  /** Upper and lower case are the same. null: there is none. */
  machineNamed(name: string): Machine | null {
    return this.#named.get(name.toLowerCase()) ?? null;
  }

  /** A number for a message that nothing else in this world has. */
  nextMessage(): number {
    return ++this.#messages;
  }

  /** Ask `trace !== null` first, so that untraced runs make no text. */
  note(event: Omit<TraceEvent, 'time'>): void {
    this.trace?.note({ time: this.#now, ...event });
  }
}
