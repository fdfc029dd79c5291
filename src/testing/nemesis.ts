/**
 * Has things go wrong in a simulation while its programs run, at times and places that the oracle chooses.
 *
 * The time in which faults may begin is cut into slots, for each sort of fault by how often it is to happen. In each slot
 * it does or does not: a choice of a label of its own, of which not to is the plain outcome; when in it, where and for how
 * long are others of this label. So faults can be left out one by one, and the others stay what they are.
 */
import { formatDuration } from './event-text.ts';
import type { SimulatedHost } from './simulated-host.ts';
import type { Simulation } from './simulation.ts';
import { testHostName } from './simulation-core.ts';

/** How often a sort of fault happens, in times a second of simulated time, on all hosts together; or that, and more. */
export type FaultRate =
  | number
  | {
      readonly rate: number;
      /** in milliseconds: how long it lasts, or by how much a clock is put wrong */
      readonly min?: number | undefined;
      readonly max?: number | undefined;
    };

/** What goes wrong, and how often; what is left out does not. */
export interface FaultOptions {
  /** A host loses its power, and is started again after a while; after 0.1 to 5 s unless given. */
  crash?: FaultRate | undefined;
  /** A program is killed and started again at once; its kernel closes what it had open. */
  restart?: FaultRate | undefined;
  /** A program stands still for a while; 0.01 to 5 s unless given. */
  pause?: FaultRate | undefined;
  /** Nothing comes through between two hosts for a while, or in one direction; 0.1 to 10 s unless given. */
  partition?: FaultRate | undefined;
  /** Nothing comes through between a host and all others for a while; 0.1 to 10 s unless given. */
  isolate?: FaultRate | undefined;
  /** The wall clock of a host jumps to another time, ahead or behind; by 1 ms to 60 s unless given. */
  skew?: FaultRate | undefined;
  /**
   * To which hosts it happens, by their names, or by what it says of each: to all but that of the scenario unless given. Not
   * to those for whose end the scenario waits: a program that crashes does not end well.
   */
  hosts?: readonly string[] | ((host: SimulatedHost) => boolean) | undefined;
  /** No fault begins before this time, in milliseconds since the beginning; 0 unless given. */
  from?: number | undefined;
  /**
   * No fault begins from this time on, so that programs can be expected to be well again after the longest one; 60 000
   * unless given.
   */
  until?: number | undefined;
}

const sortNames = ['crash', 'restart', 'pause', 'partition', 'isolate', 'skew'] as const;
type SortName = (typeof sortNames)[number];

interface Place {
  readonly name: string;
  readonly host: SimulatedHost;
  /** of a partition: the other side */
  readonly other: SimulatedHost;
  readonly oneWay: boolean;
}

interface Sort {
  /** milliseconds, unless told otherwise */
  readonly min: number;
  readonly max: number;
  /** where it can happen; the plainest place first */
  places(hosts: readonly SimulatedHost[]): Place[];
  /** whether it can happen there now */
  isPossible(place: Place): boolean;
  begin(place: Place, amount: number, sim: Simulation): void;
  /** for a person, behind what happens to whom */
  describe(amount: number): string;
}

const sorts: Record<SortName, Sort> = {
  crash: {
    min: 100,
    max: 5_000,
    places: eachHost,
    isPossible: hasProgram,
    begin({ host }, amount, sim) {
      host.crash();
      sim.at(sim.time + amount, () => {
        if (host.state === 'crashed') host.start();
      });
    },
    describe: lasting,
  },
  restart: {
    min: 0,
    max: 0,
    places: eachHost,
    isPossible: hasProgram,
    begin({ host }) {
      host.kill();
      host.start();
    },
    describe: () => '',
  },
  pause: {
    min: 10,
    max: 5_000,
    places: eachHost,
    isPossible: ({ host }) => host.state === 'running',
    begin({ host }, amount, sim) {
      host.pause();
      sim.at(sim.time + amount, () => host.resume());
    },
    describe: lasting,
  },
  partition: {
    min: 100,
    max: 10_000,
    places: eachPair,
    isPossible: () => true,
    begin({ host, other, oneWay }, amount, sim) {
      sim.network.partition(host, other, { oneWay });
      sim.at(sim.time + amount, () => sim.network.heal(host, other));
    },
    describe: lasting,
  },
  isolate: {
    min: 100,
    max: 10_000,
    places: eachHost,
    isPossible: () => true,
    begin({ host }, amount, sim) {
      sim.network.isolate(host);
      sim.at(sim.time + amount, () => sim.network.heal(host));
    },
    describe: lasting,
  },
  skew: {
    min: 1,
    max: 60_000,
    places: (hosts) => [...eachHost(hosts, ' ahead'), ...eachHost(hosts, ' behind')],
    isPossible: () => true,
    begin({ host, name }, amount) {
      host.clock.skew = name.endsWith(' ahead') ? amount : -amount;
    },
    describe: (amount) => ` by ${formatDuration(amount)}`,
  },
};

const untilDefault = 60_000;

/** @throws {TypeError | RangeError} what it is given makes no sense */
export function checkFaults(faults: FaultOptions): void {
  if (typeof faults !== 'object' || faults === null)
    throw new TypeError('Cannot plan faults: they are not an object');
  for (const sort of sortNames) {
    const { rate, min, max } = rateOf(faults, sort);
    if (!(rate >= 0 && rate <= 1_000))
      throw new RangeError(`Cannot plan faults: ${sort} is to happen ${rate} times a second, not 0 to 1 000`);
    if (!(min >= 0 && min <= max && max < Infinity))
      throw new RangeError(`Cannot plan faults: ${sort} is to be of ${min} to ${max} ms`);
  }
  const { from = 0, until = untilDefault, hosts } = faults;
  if (!(from >= 0 && until >= from))
    throw new RangeError(`Cannot plan faults: they are to begin from ${from} until ${until} ms`);
  if (hosts !== undefined && typeof hosts !== 'function' && !Array.isArray(hosts))
    throw new TypeError('Cannot plan faults: hosts is neither a list of names nor a function');
}

/** Begins; it goes on until the scenario has ended. */
export function startNemesis(sim: Simulation, faults: FaultOptions): void {
  for (const sort of sortNames) {
    const { rate } = rateOf(faults, sort);
    if (rate > 0) new Nemesis(sim, faults, sort).start();
  }
}

/** Of one sort of fault. */
class Nemesis {
  readonly #sim: Simulation;
  readonly #faults: FaultOptions;
  readonly #name: SortName;
  readonly #rate: { rate: number; min: number; max: number };
  /** of a slot, in milliseconds: in every other one it happens */
  readonly #width: number;

  constructor(sim: Simulation, faults: FaultOptions, name: SortName) {
    this.#sim = sim;
    this.#faults = faults;
    this.#name = name;
    this.#rate = rateOf(faults, name);
    this.#width = 500 / this.#rate.rate;
  }

  start(): void {
    this.#awaitSlot(0);
  }

  #awaitSlot(slot: number): void {
    const { from = 0, until = untilDefault } = this.#faults;
    const start = from + slot * this.#width;
    if (start >= until) return;
    this.#sim.at(start, () => {
      this.#chooseIn(slot, start, Math.min(this.#width, until - start));
      this.#awaitSlot(slot + 1);
    });
  }

  #chooseIn(slot: number, start: number, width: number): void {
    const places = sorts[this.#name].places(this.#hosts());
    if (places.length === 0) return;
    const choices = this.#sim.choices(`${this.#name} ${slot + 1}`, 'fault');
    let text = '';
    choices.describeBy(() => () => text);
    if (choices.pick(2) === 0) return;
    choices.describeBy(() => '');
    const place = places[choices.pick(places.length)] as Place;
    const time = start + Math.floor(choices.fraction() * width);
    const { min, max } = this.#rate;
    const amount = min + Math.floor(choices.fraction() * (max - min));
    text = `${this.#name} ${place.name}, to come at ${formatDuration(time)}`;
    this.#sim.at(time, () => {
      text = this.#begin(place, amount);
    });
  }

  /** @returns what has happened */
  #begin(place: Place, amount: number): string {
    const sim = this.#sim;
    const sort = sorts[this.#name];
    const what = `${this.#name} ${place.name}`;
    const when = `at ${formatDuration(sim.time)}`;
    if (!sort.isPossible(place)) return `${what} ${when}, where no program runs`;
    sim.noteFault(`${what}${sort.describe(amount)}`);
    sort.begin(place, amount, sim);
    return `${what} ${when}${sort.describe(amount)}`;
  }

  #hosts(): SimulatedHost[] {
    const { hosts } = this.#faults;
    const all = [...this.#sim.hosts.values()].filter(({ name }) => name !== testHostName);
    if (hosts === undefined) return all;
    return all.filter((host) => (typeof hosts === 'function' ? hosts(host) : hosts.includes(host.name)));
  }
}

function rateOf(faults: FaultOptions, sort: SortName): { rate: number; min: number; max: number } {
  const given = faults[sort] ?? 0;
  const { min, max } = sorts[sort];
  if (typeof given === 'number') return { rate: given, min, max };
  if (typeof given !== 'object')
    throw new TypeError(`Cannot plan faults: ${sort} is no number of times a second`);
  const least = given.min ?? Math.min(min, given.max ?? min);
  return { rate: given.rate, min: least, max: given.max ?? Math.max(max, least) };
}

function eachHost(hosts: readonly SimulatedHost[], suffix = ''): Place[] {
  return hosts.map((host) => ({ name: `${host.name}${suffix}`, host, other: host, oneWay: false }));
}

/** Both ways first: that is simpler. */
function eachPair(hosts: readonly SimulatedHost[]): Place[] {
  const bothWays: Place[] = [];
  const oneWay: Place[] = [];
  for (const [i, host] of hosts.entries()) {
    for (const [j, other] of hosts.entries()) {
      if (i < j) bothWays.push({ name: `${host.name} ↔ ${other.name}`, host, other, oneWay: false });
      if (i !== j) oneWay.push({ name: `${host.name} → ${other.name}`, host, other, oneWay: true });
    }
  }
  return [...bothWays, ...oneWay];
}

function hasProgram({ host: { state } }: Place): boolean {
  return state === 'running' || state === 'paused';
}

function lasting(amount: number): string {
  return ` for ${formatDuration(amount)}`;
}
