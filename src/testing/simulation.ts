import type { Future } from '../coroutines/index.ts';
import type { ChoiceKind, Choices } from '../drivers/simulation/index.ts';
import { type Operation, StateError } from '../interface/index.ts';
import { runningLoop } from '../loop/index.ts';
import { type HostMain, type HostOptions, SimulatedHost } from './simulated-host.ts';
import { SimulatedNetwork } from './simulated-network.ts';
import type { SimulationCore } from './simulation-core.ts';

/** How long something that is expected may take to come to hold, in milliseconds. */
const withinDefault = 60_000;

/** One simulation, as its scenario sees it: the hosts, what connects them, and time. */
export class Simulation {
  readonly network: SimulatedNetwork;
  readonly #core: SimulationCore;

  /** @internal Made by `simulate`. */
  constructor(core: SimulationCore) {
    this.#core = core;
    this.network = new SimulatedNetwork(core.world);
  }

  /** By which all of it happens again. */
  get seed(): number {
    return this.#core.world.oracle.seed;
  }

  /** Milliseconds since the simulation began. The clocks of hosts may deviate from it. */
  get time(): number {
    return this.#core.world.now;
  }

  /** Turns that were made so far, of all loops together. */
  get turns(): number {
    return this.#core.loops.turns;
  }

  /** The host `test`, on which the scenario runs, and all others by their names, in the order in which they were made. */
  get hosts(): ReadonlyMap<string, SimulatedHost> {
    return this.#core.hosts;
  }

  /**
   * A number from 0 on, below 1, like `Math.random`, by the seed. Each host has a sequence of its own, so that one more here
   * shifts nothing there.
   */
  random(): number {
    return this.#core.random();
  }

  /**
   * A host more on the network; others reach it by this name.
   *
   * @param main its program, which is started at once; without one, `start` does
   * @throws {TypeError | RangeError} no name for a host, or one that is taken
   * @throws {StateError} the simulation is over
   */
  host<T = unknown>(name: string, main?: HostMain<T>, options?: HostOptions): SimulatedHost<T> {
    this.#mustGoOn('add a host');
    const host = new SimulatedHost<T>(this.#core, name, main ?? null, options);
    return main === undefined ? host : host.start();
  }

  /**
   * Calls back when it is that time, in milliseconds since the simulation began; at once if it was. On the host of the
   * scenario, and until that has ended.
   *
   * @throws {RangeError} no time
   * @throws {StateError} the simulation is over
   */
  at(time: number, callback: () => void): Operation {
    if (typeof callback !== 'function') throw new TypeError('Cannot call back: it is not a function');
    if (typeof time !== 'number' || Number.isNaN(time))
      throw new RangeError(`Cannot call back at ${time}: it is no time`);
    this.#mustGoOn('call back');
    if (time === Infinity) return { cancel: () => {} };
    const core = this.#core;
    const { world } = core;
    let event = -1;
    let cancelled = false;
    const call = () => {
      if (!cancelled) callback();
    };
    event = world.schedule(Math.max(0, time - world.now), {
      run: () => {
        event = -1;
        if (!core.ending) core.testHost?.loop.callSoon(call);
      },
    });
    return {
      cancel() {
        cancelled = true;
        if (event !== -1) world.cancel(event);
        event = -1;
      },
    };
  }

  /**
   * Waits until something holds; it is looked at after every turn of every host. What the condition throws is thrown.
   *
   * @param condition cheap, and without effects
   * @param options within how many milliseconds of simulated time; 60 000 unless given
   * @throws {TimeoutError} in vain; it shows the condition
   */
  eventually(condition: () => unknown, options: { within?: number | undefined } = {}): Future<void> {
    checkCondition(condition);
    const { within = withinDefault } = options;
    if (!(within >= 0)) throw new RangeError(`Cannot wait within ${within} ms: it is no time from 0 on`);
    const loop = runningLoop();
    if (loop === null)
      throw new StateError('ERR_NO_RUNNING_LOOP', 'Cannot wait: this is no program of the simulation');
    return this.#core.conditions.expect(loop, condition, within);
  }

  /**
   * From now on something must hold after every turn of every host, until the scenario has ended. If it does not, or its
   * condition throws, the simulation fails at once.
   *
   * @param condition cheap, and without effects
   * @param description what should hold; the source of the condition unless given
   * @returns what ends that
   * @throws {StateError} the simulation is over
   */
  always(condition: () => unknown, description?: string): Operation {
    checkCondition(condition);
    this.#mustGoOn('check the condition');
    return this.#core.conditions.require(condition, description);
  }

  /** @internal What is chosen in one place. */
  choices(label: string, kind: ChoiceKind): Choices {
    return this.#core.world.oracle.choices(label, kind);
  }

  /** @internal Something is made to go wrong. */
  noteFault(text: string): void {
    const { world } = this.#core;
    if (world.trace !== null) world.note({ host: null, kind: 'fault', text });
  }

  /** Puts a line into the trace, as said by the host whose code calls this. */
  say(text: string): void {
    const { world } = this.#core;
    if (world.trace === null) return;
    world.note({ host: this.#core.hostHere()?.name ?? null, kind: 'said', text: String(text) });
  }

  #mustGoOn(doing: string): void {
    if (this.#core.over)
      throw new StateError('ERR_SIMULATION_OVER', `Cannot ${doing}: the simulation is over`);
  }
}

function checkCondition(condition: () => unknown): void {
  if (typeof condition !== 'function')
    throw new TypeError('Cannot check the condition: it is not a function');
}
