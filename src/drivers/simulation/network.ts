import { canonicalHost, isLoopback, isOnNetwork, isWildcard } from './addresses.ts';
import { checkLinkOptions, Link, type LinkOptions } from './link.ts';
import type { Machine } from './machine.ts';
import type { World } from './world.ts';

/**
 * What connects the machines: a link in each direction between any two. What a machine sends to itself crosses none, and
 * takes no time.
 */
export class Network {
  readonly world: World;
  readonly #machines = new Map<string, Machine>();
  readonly #links = new Map<Machine, Map<Machine, Link>>();
  #options: LinkOptions;

  /** @throws {TypeError | RangeError} options that make no sense */
  constructor(world: World, options: LinkOptions = {}) {
    checkLinkOptions(options);
    this.world = world;
    this.#options = { ...options };
  }

  /** Of every link, where it was not given others. May be set at any time. */
  get options(): LinkOptions {
    return this.#options;
  }

  set options(options: LinkOptions) {
    checkLinkOptions(options);
    this.#options = { ...options };
    for (const links of this.#links.values()) {
      for (const link of links.values()) link.setDefaults(this.#options);
    }
  }

  /** @internal by `World.addMachine` */
  connect(machine: Machine): void {
    for (const address of machine.addresses) this.#machines.set(address, machine);
  }

  /** The machine that has the address, as `from` sees it: loopback and the wildcard are itself. null: nobody. */
  route(from: Machine, host: string): Machine | null {
    const address = canonicalHost(host);
    if (isLoopback(address) || isWildcard(address)) return from;
    return this.#machines.get(address) ?? null;
  }

  /** What a kernel says of an address for which there is no route: at once, or that it has asked around in vain. */
  unreachable(host: string): 'ENETUNREACH' | 'EHOSTUNREACH' {
    return isOnNetwork(canonicalHost(host)) ? 'EHOSTUNREACH' : 'ENETUNREACH';
  }

  /** The link in that direction, made at the first call. */
  link(from: Machine, to: Machine): Link {
    let links = this.#links.get(from);
    if (links === undefined) {
      links = new Map();
      this.#links.set(from, links);
    }
    let link = links.get(to);
    if (link === undefined) {
      if (from === to)
        throw new RangeError(`Cannot link ${from.name} with itself: what it sends there crosses no link`);
      link = new Link(from, to, this.#options);
      links.set(to, link);
    }
    return link;
  }

  /** Nothing comes through any more from `a` to `b` and, unless `oneWay`, from `b` to `a`. */
  partition(a: Machine, b: Machine, options: { readonly oneWay?: boolean | undefined } = {}): void {
    this.#cut(a, b, true);
    if (options.oneWay !== true) this.#cut(b, a, true);
  }

  /** Ends partitions: those between two machines, in both directions, or all. */
  heal(a?: Machine, b?: Machine): void {
    if (a !== undefined && b !== undefined) {
      this.#cut(a, b, false);
      this.#cut(b, a, false);
      return;
    }
    for (const links of this.#links.values()) {
      for (const { from, to } of links.values()) this.#cut(from, to, false);
    }
  }

  // For the trace; ask `world.trace !== null` first.

  /** @returns the number of the message, for what becomes of it */
  noteSent(from: Machine, to: Machine, text: string): number {
    const message = this.world.nextMessage();
    this.world.note({ host: from.name, peer: to.name, kind: 'sent', text, message });
    return message;
  }

  noteArrived(from: Machine, to: Machine, text: string, message: number): void {
    this.world.note({ host: to.name, peer: from.name, kind: 'arrived', text, message });
  }

  noteLost(from: Machine, to: Machine, text: string, message: number): void {
    this.world.note({ host: from.name, peer: to.name, kind: 'lost', text, message });
  }

  #cut(from: Machine, to: Machine, cut: boolean): void {
    const link = this.link(from, to);
    if (link.cut === cut) return;
    link.cut = cut;
    if (this.world.trace !== null) {
      const text = `${from.name} → ${to.name} ${cut ? 'is cut' : 'is whole again'}`;
      const state = cut ? 'cut' : 'whole';
      this.world.note({ host: from.name, peer: to.name, kind: 'fault', text, state });
    }
  }
}
