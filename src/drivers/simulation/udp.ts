import type { InternetAddress } from '../../interface/index.ts';
import { canonicalHost, isLoopback, isWildcard } from './addresses.ts';
import type { KernelErrorCode } from './kernel-error.ts';
import type { Machine } from './machine.ts';
import { bufferBytesMax } from './simulated-datagram-channel.ts';
import type { UdpChannel } from './udp-channel.ts';

/** Milliseconds until a kernel gives up asking who has an address of its own network. @see arp(7) */
const askingDelay = 3000;

interface Packet {
  readonly data: Uint8Array;
  readonly from: InternetAddress;
  readonly to: InternetAddress;
  readonly toAll: boolean;
}

/** How the datagrams of one machine's sockets travel, and how those of others get to its sockets. */
export class Udp {
  readonly #machine: Machine;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** What says that there is no way to that address, or none for it. */
  routeError(to: InternetAddress, sourceHost: string | null): KernelErrorCode | null {
    const { network } = this.#machine.world;
    const other = network.route(this.#machine, to.host);
    if (other === this.#machine) return null;
    if (other === null && !isBroadcast(to.host) && network.unreachable(to.host) === 'ENETUNREACH')
      return 'ENETUNREACH';
    return sourceHost !== null && isLoopback(sourceHost) ? 'EINVAL' : null;
  }

  /** Sends one that may go; `data` is its own from now on. */
  send(channel: UdpChannel, data: Uint8Array, from: InternetAddress, to: InternetAddress): void {
    const { network, machines } = this.#machine.world;
    const toAll = isBroadcast(to.host);
    if (toAll) {
      for (const machine of machines.values())
        this.#carry(channel, { data: data.slice(), from, to, toAll }, machine);
      return;
    }
    const host = canonicalHost(to.host);
    const reached = { ...to, host: isWildcard(host) ? this.#machine.sourceOf(host, to.family) : host };
    const machine = network.route(this.#machine, reached.host);
    if (machine !== null) this.#carry(channel, { data, from, to: reached, toAll }, machine);
    else this.#askInVain(channel);
  }

  #carry(channel: UdpChannel, packet: Packet, to: Machine): void {
    const from = this.#machine;
    if (to === from) {
      this.arrive(packet, from, 0);
      return;
    }
    const { network } = from.world;
    const link = network.link(from, to);
    const { reordering, duplication } = link.behaviour;
    const sent = from.world.now;
    const message = this.#noteSent(packet, to, '');
    let arrival = link.transmit(packet.data.length, channel.lastArrivals.get(to));
    if (arrival === Infinity) {
      this.#noteLost(packet, to, message, 'it is lost');
      return;
    }
    const heldUp = reordering > 0 ? link.choices('reordering', 'fault') : null;
    if (heldUp?.chance(reordering)) arrival += (arrival - sent + 1) * (1 + 3 * heldUp.fraction());
    else channel.lastArrivals.set(to, arrival);
    this.#schedule(packet, to, arrival, message);
    if (duplication === 0 || !link.choices('duplication', 'fault').chance(duplication)) return;
    const copy = { ...packet, data: packet.data.slice() };
    const copyMessage = this.#noteSent(copy, to, ', a second time');
    const copyArrival = link.transmit(0, arrival);
    if (copyArrival === Infinity) this.#noteLost(copy, to, copyMessage, 'it is lost');
    else this.#schedule(copy, to, copyArrival, copyMessage);
  }

  #schedule(packet: Packet, to: Machine, arrival: number, message: number): void {
    const run = () => {
      if (to.up) to.udp.arrive(packet, this.#machine, message);
      else this.#noteLost(packet, to, message, 'the host is off');
    };
    this.#machine.world.scheduleAt(arrival, { run });
  }

  /** One has come here. @internal by the one who has sent it */
  arrive(packet: Packet, source: Machine, message: number): void {
    const { data, from, toAll } = packet;
    const { network } = this.#machine.world;
    const lost = (why: string) => {
      if (message !== 0)
        network.noteLost(
          source,
          this.#machine,
          `${describe(packet, source, this.#machine)}: ${why}`,
          message,
        );
    };
    const takers = this.#takers(packet);
    if (takers.length === 0) {
      lost('nobody has the port');
      if (!toAll) this.#refuse(packet, source);
      return;
    }
    if (takers.every((taker) => taker.waitingBytes > bufferBytesMax)) {
      lost('the buffer is full');
      return;
    }
    if (message !== 0)
      network.noteArrived(source, this.#machine, describe(packet, source, this.#machine), message);
    for (const [index, taker] of takers.entries()) {
      if (taker.waitingBytes <= bufferBytesMax)
        taker.receive({ data: index === 0 ? data : data.slice(), from: { ...from } });
    }
  }

  /** Who gets it: of several that share the port one, and always the same for the same sender, unless it is for all. */
  #takers({ from, to, toAll }: Packet): UdpChannel[] {
    const open = this.#machine.kernel.udp
      .at(to.family, to.host, to.port)
      .map(({ owner }) => owner)
      .filter(({ remoteAddress }) => remoteAddress === null || isSame(remoteAddress, from));
    if (toAll) return open;
    const connected = open.filter(({ remoteAddress }) => remoteAddress !== null);
    const candidates = connected.length > 0 ? connected : open;
    const taker = candidates[candidates.length > 1 ? hash(from) % candidates.length : 0];
    return taker === undefined ? [] : [taker];
  }

  /** Tells the sender's kernel that nobody has the port. @see RFC 1122, section 4.1.3.1 */
  #refuse({ from, to }: Packet, source: Machine): void {
    if (source === this.#machine) {
      this.refused(from, to);
      return;
    }
    const { world } = source;
    const arrival = world.network.link(this.#machine, source).transmit(0);
    if (arrival === Infinity) return;
    world.scheduleAt(arrival, { run: () => source.udp.refused(from, to) });
  }

  /** What came back of a datagram; a socket that is not connected is not told. @internal by the one it was sent to */
  refused(from: InternetAddress, to: InternetAddress): void {
    for (const { owner } of this.#machine.kernel.udp.at(from.family, from.host, from.port)) {
      const { remoteAddress } = owner;
      if (remoteAddress !== null && isSame(remoteAddress, to)) owner.cameBack('ECONNREFUSED');
    }
  }

  #askInVain(channel: UdpChannel): void {
    if (channel.remoteAddress === null) return;
    this.#machine.world.schedule(askingDelay, { run: () => channel.cameBack('EHOSTUNREACH') });
  }

  #noteSent(packet: Packet, to: Machine, how: string): number {
    const { network, trace } = this.#machine.world;
    return trace === null
      ? 0
      : network.noteSent(this.#machine, to, `${describe(packet, this.#machine, to)}${how}`);
  }

  #noteLost(packet: Packet, to: Machine, message: number, why: string): void {
    if (message !== 0)
      this.#machine.world.network.noteLost(
        this.#machine,
        to,
        `${describe(packet, this.#machine, to)}: ${why}`,
        message,
      );
  }
}

/** Of all addresses, or of all of the network that the machines are on. */
export function isBroadcast(host: string): boolean {
  return host === '255.255.255.255' || host === '10.255.255.255';
}

export function isMulticast(host: string): boolean {
  const first = Number.parseInt(host, 10);
  return host.includes(':') ? /^ff/i.test(host) : first >= 224 && first < 240;
}

function isSame(a: InternetAddress, b: InternetAddress): boolean {
  return a.port === b.port && a.host === b.host;
}

function hash({ host, port }: InternetAddress): number {
  let sum = port;
  for (let i = 0; i < host.length; i++) sum = (Math.imul(sum, 31) + host.charCodeAt(i)) >>> 0;
  return sum;
}

function describe({ data, from, to, toAll }: Packet, source: Machine, target: Machine): string {
  const { length } = data;
  const whom = toAll ? 'all' : target.name;
  return `UDP ${length} byte${length === 1 ? '' : 's'}, ${source.name}:${from.port} → ${whom}:${to.port}`;
}
