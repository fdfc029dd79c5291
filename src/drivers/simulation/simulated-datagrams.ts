import type {
  AddressFamily,
  Completion,
  DatagramChannel,
  DatagramOperations,
  DatagramTarget,
  InternetAddress,
  Operation,
  SocketAddress,
  UnixAddress,
} from '../../interface/index.ts';
import { describeAddress } from '../common/describe-address.ts';
import { type KernelErrorCode, kernelError } from './kernel-error.ts';
import type { SimulatedDatagramChannel } from './simulated-datagram-channel.ts';
import type { SocketProgram } from './socket-program.ts';
import { UdpChannel } from './udp-channel.ts';
import { checkPath, UnixDatagramChannel } from './unix-datagram-channel.ts';

/** UDP between the machines, Unix datagrams inside of one. */
export class SimulatedDatagrams implements DatagramOperations {
  readonly adopt = null;
  readonly #program: SocketProgram;

  constructor(program: SocketProgram) {
    this.#program = program;
  }

  open(target: DatagramTarget, completion: Completion<DatagramChannel>): Operation {
    try {
      const channel = this.#openNow(target);
      return this.#program.tell(
        () => completion.succeeded(channel),
        () => channel.close(),
      );
    } catch (error) {
      return this.#program.tell(() => completion.failed(error as Error));
    }
  }

  #openNow(target: DatagramTarget): SimulatedDatagramChannel {
    const { family } = target;
    return family === 'unix' ? this.#openUnix(target) : this.#openUdp({ ...target, family });
  }

  #openUdp(target: DatagramTarget & { readonly family: AddressFamily }): UdpChannel {
    const local = target.localAddress as InternetAddress | null;
    const remote = target.remoteAddress as InternetAddress | null;
    const channel = new UdpChannel(this.#program, target);
    return this.#ready(
      channel,
      target,
      () => (local === null ? null : channel.bind(local.host, local.port)),
      () => (remote === null ? null : channel.connect(remote)),
    );
  }

  #openUnix(target: DatagramTarget): UnixDatagramChannel {
    const local = target.localAddress as UnixAddress | null;
    const remote = target.remoteAddress as UnixAddress | null;
    for (const address of [local, remote]) if (address !== null) checkPath(address.path);
    const channel = new UnixDatagramChannel(this.#program);
    return this.#ready(
      channel,
      target,
      () => (local === null ? null : channel.bind(local.path)),
      () => (remote === null ? null : channel.connect(remote)),
    );
  }

  /** Binds it and connects it, or closes it again. */
  #ready<Channel extends SimulatedDatagramChannel>(
    channel: Channel,
    target: DatagramTarget,
    bind: () => KernelErrorCode | null,
    connect: () => KernelErrorCode | null,
  ): Channel {
    try {
      for (const [step, syscall, address] of [
        [bind, 'bind', target.localAddress],
        [connect, 'connect', target.remoteAddress],
      ] as const) {
        const code = step();
        if (code !== null) throw kernelError(describe(target), syscall, code, named(address));
      }
      return channel;
    } catch (error) {
      channel.close();
      throw error;
    }
  }
}

function describe({ localAddress, remoteAddress }: DatagramTarget): string {
  const at = localAddress === null ? '' : ` on ${describeAddress(localAddress)}`;
  const to = remoteAddress === null ? '' : ` to ${describeAddress(remoteAddress)}`;
  return `open a datagram endpoint${at}${to}`;
}

function named(address: SocketAddress | null): { address?: string; port?: number } {
  if (address === null) return {};
  return 'path' in address ? { address: address.path } : { address: address.host, port: address.port };
}
