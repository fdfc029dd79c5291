import type { LinkOptions, Machine, NameOptions, World } from '../drivers/simulation/index.ts';
import type { SimulatedHost } from './simulated-host.ts';

/** A host, or its name. */
// biome-ignore lint/suspicious/noExplicitAny: whatever its program returns
export type HostReference = SimulatedHost<any> | string;

/** What lies between the hosts of a simulation. What a host sends to itself does not pass through it. */
export class SimulatedNetwork {
  readonly #world: World;

  /** @internal */
  constructor(world: World) {
    this.#world = world;
  }

  /** How all links behave, but for what single ones were given by `link`. May be set at any time. */
  get options(): LinkOptions {
    return this.#world.network.options;
  }

  set options(options: LinkOptions) {
    this.#world.network.options = options;
  }

  /**
   * Gives the link between two hosts a behaviour of its own, in both directions or only from `a` to `b`; what is left out is
   * as on all others. It counts from the next packet on.
   *
   * @throws {TypeError | RangeError} no such host, or options that make no sense
   */
  link(
    a: HostReference,
    b: HostReference,
    options: LinkOptions & { readonly oneWay?: boolean | undefined },
  ): void {
    const { oneWay, ...behaviour } = options;
    const [one, other] = [this.#machine(a), this.#machine(b)];
    const { network } = this.#world;
    network.link(one, other).options = behaviour;
    if (oneWay !== true) network.link(other, one).options = behaviour;
  }

  /**
   * Nothing comes through any more between two hosts, or from `a` to `b` if it is `oneWay`; nobody is told, and what is on
   * its way already arrives.
   */
  partition(a: HostReference, b: HostReference, options?: { readonly oneWay?: boolean | undefined }): void {
    this.#world.network.partition(this.#machine(a), this.#machine(b), options);
  }

  /** A partition between this host and every other one that there is by now. */
  isolate(host: HostReference): void {
    const isolated = this.#machine(host);
    for (const machine of this.#world.machines.values()) {
      if (machine !== isolated) this.#world.network.partition(isolated, machine);
    }
  }

  /** Ends partitions: between two hosts, between one and all others, or all there are. */
  heal(a?: HostReference, b?: HostReference): void {
    const { network, machines } = this.#world;
    if (a === undefined) {
      network.heal();
      return;
    }
    const healed = this.#machine(a);
    for (const other of b === undefined ? machines.values() : [this.#machine(b)]) {
      if (other !== healed) network.heal(healed, other);
    }
  }

  /** How long it takes to look up the name of another host, and how often it fails. May be set at any time. */
  get names(): NameOptions {
    return this.#world.names.options;
  }

  set names(options: NameOptions) {
    this.#world.names.options = options;
  }

  /**
   * Gives a host one more name, in place of what that meant before, if anything.
   *
   * @throws {RangeError} no such host; no name that a host can have
   */
  alias(name: string, host: HostReference): void {
    this.#world.names.alias(name, this.#machine(host).name);
  }

  #machine(host: HostReference): Machine {
    const name = typeof host === 'string' ? host : host.name;
    const machine = this.#world.machines.get(name);
    if (machine === undefined) throw new RangeError(`Cannot change the network: there is no host '${name}'`);
    return machine;
  }
}
