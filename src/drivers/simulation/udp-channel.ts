import { isIP } from 'node:net';
import {
  type AddressFamily,
  type DatagramTarget,
  type InternetAddress,
  NotSupportedError,
  type SocketAddress,
} from '../../interface/index.ts';
import { describeAddress } from '../common/describe-address.ts';
import { canonicalHost, isWildcard } from './addresses.ts';
import { type KernelErrorCode, kernelError } from './kernel-error.ts';
import type { Machine } from './machine.ts';
import type { PortClaim, Ports } from './ports.ts';
import { SimulatedDatagramChannel } from './simulated-datagram-channel.ts';
import type { SocketProgram } from './socket-program.ts';
import { isBroadcast, isMulticast, type Udp } from './udp.ts';

/** What is left of 65 535 bytes, by family: IPv4 counts its own header in, IPv6 does not. */
const bytesMax: Readonly<Record<AddressFamily, number>> = { 4: 65_507, 6: 65_527 };

export class UdpChannel extends SimulatedDatagramChannel {
  readonly family: AddressFamily;
  /** at which machine what was sent last arrives when; later ones do not overtake it */
  readonly lastArrivals = new Map<Machine, number>();
  readonly #udp: Udp;
  readonly #ports: Ports<UdpChannel>;
  readonly #allowBroadcast: boolean;
  readonly #reusePort: boolean;
  #claim: PortClaim<UdpChannel> | null = null;
  #remoteAddress: InternetAddress | null = null;

  constructor(program: SocketProgram, target: DatagramTarget & { readonly family: AddressFamily }) {
    super(program);
    this.family = target.family;
    this.#udp = program.machine.udp;
    this.#ports = program.machine.kernel.udp;
    this.#allowBroadcast = target.allowBroadcast;
    this.#reusePort = target.reusePort;
  }

  get localAddress(): InternetAddress {
    const { host = this.family === 4 ? '0.0.0.0' : '::', port = 0 } = this.#claim ?? {};
    return { host, port, family: this.family };
  }

  get remoteAddress(): InternetAddress | null {
    return this.#remoteAddress;
  }

  /** null: it is bound. */
  bind(host: string, port: number): KernelErrorCode | null {
    const own = canonicalHost(host);
    if (!this.program.machine.has(own)) return 'EADDRNOTAVAIL';
    const claim = this.#ports.claim(this.family, own, port, this.#reusePort, this);
    if (claim === 'EADDRINUSE') return claim;
    this.#claim = claim;
    return null;
  }

  /** null: it is connected. @throws {NotSupportedError} multicast */
  connect(to: InternetAddress): KernelErrorCode | null {
    const error = this.#wayError(to);
    if (error !== null) return error;
    const host = canonicalHost(to.host);
    const source = this.#sourceOf(to);
    // What was bound to all addresses has one from now on.
    const port = this.#claim === null ? 0 : isWildcard(this.#claim.host) ? this.#claim.port : null;
    if (port !== null) {
      this.#unbind();
      const refused = this.bind(source, port);
      if (refused !== null) return refused;
    }
    this.#remoteAddress = { ...to, host: isWildcard(host) ? source : host };
    return null;
  }

  send(data: Uint8Array, address: SocketAddress | null): boolean {
    if (address !== null && ('path' in address || isIP(address.host) !== this.family)) {
      throw new RangeError(
        `Cannot send to ${describeAddress(address)}: it is no literal IPv${this.family} address`,
      );
    }
    const to = address ?? this.#remoteAddress;
    if (this.closed || to === null) return true;
    try {
      const error =
        data.length > bytesMax[this.family]
          ? 'EMSGSIZE'
          : this.#transmit(data, { ...to, family: this.family });
      if (error !== null)
        this.trouble(kernelError(`send a datagram to ${describeAddress(to)}`, 'sendto', error, named(to)));
    } catch (error) {
      this.trouble(error as NotSupportedError);
    }
    return true;
  }

  /** What a kernel on the way has said of one that was sent to whom it is connected to. */
  cameBack(code: KernelErrorCode): void {
    const remote = this.#remoteAddress;
    if (this.closed || remote === null) return;
    this.trouble(kernelError(`reach ${describeAddress(remote)}`, 'recvfrom', code, named(remote)));
  }

  override toString(): string {
    return `<I/O: datagrams of ${describeAddress(this.localAddress)}>`;
  }

  protected release(): void {
    this.#unbind();
  }

  #transmit(data: Uint8Array, to: InternetAddress): KernelErrorCode | null {
    const error = to.port === 0 ? 'EINVAL' : this.#wayError(to);
    if (error !== null) return error;
    if (this.#claim === null) {
      const refused = this.bind(this.localAddress.host, 0);
      if (refused !== null) return refused;
    }
    const { host, port, family } = this.localAddress;
    const from = { host: isWildcard(host) ? this.#sourceOf(to) : host, port, family };
    this.#udp.send(this, new Uint8Array(data), from, to);
    return null;
  }

  #wayError(to: InternetAddress): KernelErrorCode | null {
    if (isMulticast(to.host)) {
      throw new NotSupportedError(
        'multicast',
        'simulation',
        `Cannot send to ${describeAddress(to)}: the simulated network has no multicast`,
      );
    }
    if (isBroadcast(to.host) && !this.#allowBroadcast) return 'EACCES';
    const bound = this.#claim?.host ?? null;
    return this.#udp.routeError(to, bound);
  }

  /** From where a datagram to there goes if the socket has no address. */
  #sourceOf({ host, family }: InternetAddress): string {
    return this.program.machine.sourceOf(canonicalHost(host), family);
  }

  #unbind(): void {
    if (this.#claim !== null) this.#ports.release(this.#claim);
    this.#claim = null;
  }
}

function named({ host, port }: InternetAddress): { address: string; port: number } {
  return { address: host, port };
}
