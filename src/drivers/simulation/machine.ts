import type { AddressFamily } from '../../interface/index.ts';
import { isLoopback, isWildcard } from './addresses.ts';
import { Clock } from './clock.ts';
import { Kernel } from './kernel.ts';
import { SimulationDriver } from './simulation-driver.ts';
import { Udp } from './udp.ts';
import type { World } from './world.ts';

/** @see RFC 1123, section 2.1 */
const hostName = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i;
const nameLengthMax = 253;

/** So many end in two bytes that others have not. */
const machinesMax = 65_535;

/**
 * A host without its program: a name, addresses, clocks, and a kernel's account of what is open on it. Whoever runs a
 * program on it boots it, and drives a loop by the driver that this gives.
 */
export class Machine {
  readonly world: World;
  readonly name: string;
  /** literal addresses, IPv4 first; loopback is not among them */
  readonly addresses: readonly [ipv4: string, ipv6: string];
  readonly clock: Clock;
  readonly udp = new Udp(this);
  #driver: SimulationDriver | null = null;
  #kernel = new Kernel();

  constructor(world: World, name: string, number: number) {
    if (typeof name !== 'string') throw new TypeError('Cannot add the host: its name is not a string');
    if (!hostName.test(name) || name.length > nameLengthMax || /^[\d.]+$/.test(name))
      throw new RangeError(`Cannot add the host: '${name}' is no name for one (RFC 1123)`);
    if (world.machineNamed(name) !== null)
      throw new RangeError(`Cannot add the host: there is a '${name}' already`);
    if (number > machinesMax)
      throw new RangeError(
        `Cannot add the host: there are ${machinesMax} already, and no addresses for more`,
      );
    this.world = world;
    this.name = name;
    this.addresses = [`10.0.${number >> 8}.${number & 255}`, `fd00::${number.toString(16)}`];
    this.clock = new Clock(() => world.now, world.startOfTime);
  }

  /** False: switched off. What is sent to it gets no answer at all. */
  get up(): boolean {
    return this.#driver !== null;
  }

  /** What it knows of sockets; another one after each loss of power. */
  get kernel(): Kernel {
    return this.#kernel;
  }

  /** True for what a socket on it can be bound to. @param host canonical */
  has(host: string): boolean {
    return isWildcard(host) || isLoopback(host) || this.addresses.includes(host);
  }

  /** The address of its own from which it sends to `host`. @param host canonical */
  sourceOf(host: string, family: AddressFamily): string {
    if (isWildcard(host) || isLoopback(host)) return family === 4 ? '127.0.0.1' : '::1';
    return this.has(host) ? host : this.addresses[family === 4 ? 0 : 1];
  }

  /** What the program runs on, until it is halted, or the driver is closed: then its kernel ends what it had open. */
  get driver(): SimulationDriver | null {
    return this.#driver;
  }

  /** Starts it; or, if it is up and the program has ended, another program. */
  boot(): SimulationDriver {
    this.#driver = new SimulationDriver(this);
    return this.#driver;
  }

  /** As if by loss of power: everything that was open on it is gone, and nobody is told. */
  halt(): void {
    this.#driver?.halt();
    this.#driver = null;
    const kernel = this.#kernel;
    this.#kernel = new Kernel();
    kernel.powerLost();
  }
}
