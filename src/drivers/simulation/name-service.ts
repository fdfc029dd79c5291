import { isIP } from 'node:net';
import type { AddressFamily } from '../../interface/index.ts';
import { canonicalHost } from './addresses.ts';
import { checkLatency, drawLatency, type Latency } from './latency.ts';
import type { Machine } from './machine.ts';
import type { World } from './world.ts';

export interface NameOptions {
  /** how long a look-up takes, in milliseconds; 0.5 to 5, half of it below 1, unless given */
  latency?: Latency | undefined;
  /** how probably one fails with EAI_AGAIN, 0 to 1; 0 unless given */
  failure?: number | undefined;
}

/** A literal address of a host. */
export interface HostAddress {
  readonly host: string;
  readonly family: AddressFamily;
}

const latencyDefault: Latency = { min: 0.5, median: 1, max: 5 };

/**
 * Who knows the names of all machines. It is no machine itself: it can be reached from everywhere, and what happens on the
 * network does not reach it.
 */
export class NameService {
  readonly #world: World;
  readonly #others = new Map<string, string>();
  #options: NameOptions = {};
  #latency: Latency = latencyDefault;
  #failure = 0;

  /** @throws {TypeError | RangeError} options that make no sense */
  constructor(world: World, options: NameOptions = {}) {
    this.#world = world;
    this.options = options;
  }

  /** Of all look-ups. May be set at any time, and counts for those that begin from then on. */
  get options(): NameOptions {
    return this.#options;
  }

  set options(options: NameOptions) {
    if (typeof options !== 'object' || options === null)
      throw new TypeError('Cannot set how names are looked up: the options are not an object');
    const { latency = latencyDefault, failure = 0 } = options;
    checkLatency(latency, 'the latency of look-ups');
    if (!(failure >= 0 && failure <= 1))
      throw new RangeError(`Cannot set the failure of look-ups: ${failure} is no probability, 0 to 1`);
    this.#options = { ...options };
    this.#latency = latency;
    this.#failure = failure;
  }

  /**
   * One more name for a machine, or for a literal address, in place of what it meant before. It may be the name of a machine,
   * which then stands for another one.
   *
   * @param target the name of a machine, or an IPv4 or IPv6 address
   * @throws {RangeError} no such machine; no name that a host can have
   */
  alias(name: string, target: string): void {
    if (!isHostName(name)) throw new RangeError(`Cannot name it '${name}': that is no name for a host`);
    if (isIP(target) === 0 && !this.#world.machines.has(target))
      throw new RangeError(`Cannot name it '${name}': there is no host '${target}'`);
    this.#others.set(name.toLowerCase(), target);
  }

  /** False: there is no such name that `alias` has given. */
  removeAlias(name: string): boolean {
    return this.#others.delete(name.toLowerCase());
  }

  /** How long this look-up takes. */
  drawLatency(asking: Machine): number {
    const choices = this.#world.oracle.choices(`latency of look-ups at ${asking.name}`, 'network');
    choices.describeBy((outcome) => {
      const drawn = drawLatency(this.#latency, { fraction: () => outcome / 2 ** 32 });
      return `${Math.round(drawn * 1000) / 1000} ms`;
    });
    return drawLatency(this.#latency, choices);
  }

  /** True if this look-up fails. */
  drawFailure(asking: Machine): boolean {
    if (this.#failure === 0) return false;
    return this.#world.oracle.choices(`failing look-ups at ${asking.name}`, 'fault').chance(this.#failure);
  }

  /** The addresses of a name, IPv4 first, and whose they are by its proper name; null: nobody knows it. */
  find(name: string): { addresses: readonly HostAddress[]; canonicalName: string } | null {
    const wanted = name.toLowerCase();
    const target = this.#others.get(wanted) ?? wanted;
    const family = isIP(target);
    if (family !== 0) {
      return { addresses: [{ host: target, family: family as AddressFamily }], canonicalName: wanted };
    }
    const machine = this.#world.machineNamed(target);
    if (machine === null) return null;
    const [ipv4, ipv6] = machine.addresses;
    return {
      addresses: [
        { host: ipv4, family: 4 },
        { host: ipv6, family: 6 },
      ],
      canonicalName: machine.name,
    };
  }

  /** The name of the machine that has this address; null: none has. */
  nameOf(address: string): string | null {
    const host = canonicalHost(address);
    for (const { name, addresses } of this.#world.machines.values())
      if (addresses.includes(host)) return name;
    return null;
  }
}

/** Without the dot at its end that a full name may have. @see RFC 1123, section 2.1 */
function isHostName(name: unknown): name is string {
  return (
    typeof name === 'string' &&
    name.length <= 253 &&
    /^(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/i.test(name) &&
    isIP(name) === 0
  );
}
