import type {
  Completion,
  DatagramChannel,
  DatagramOperations,
  DatagramTarget,
  Operation,
  Socket,
} from '../../interface/index.ts';
import {
  closeDescriptor,
  constants,
  localAddressOf,
  openSocket,
  remoteAddressOf,
  setNonBlocking,
  setOption,
  systemFailure,
  takeDescriptor,
} from '../../syscalls/index.ts';
import { describeAddress } from '../common/describe-address.ts';
import { systemError } from '../common/system-error.ts';
import { fileIdentity, removeStaleSocket } from '../common/unix-path.ts';
import { unlinkIfSame } from '../common/unlink-if-same.ts';
import { Told } from './connecting.ts';
import { DatagramSlab } from './datagram-slab.ts';
import { ReadyDatagramChannel } from './ready-datagram-channel.ts';
import type { ChannelParts } from './ready-stream-channel.ts';
import { bind, connect, named } from './socket-calls.ts';

const { SOL_SOCKET, SO_REUSEPORT, SO_BROADCAST, IPPROTO_IPV6, IPV6_V6ONLY } = constants;

/**
 * UDP and Unix datagrams. SO_REUSEADDR is never set: of UDP sockets it lets any process take the datagrams of another's
 * port.
 */
export class ReadyDatagrams implements DatagramOperations {
  readonly #parts: ChannelParts;
  #slab: DatagramSlab | null = null;

  constructor(parts: ChannelParts) {
    this.#parts = parts;
  }

  open(target: DatagramTarget, completion: Completion<DatagramChannel>): Operation {
    const doing = describe(target);
    try {
      const channel = this.#open(target, doing);
      return new Told(
        this.#parts,
        () => completion.succeeded(channel),
        () => channel.close(),
      );
    } catch (error) {
      return new Told(this.#parts, () => completion.failed(systemError(doing, error)));
    }
  }

  adopt(socket: Socket): DatagramChannel {
    this.#parts.descriptors.mustBeFree(socket.fd, 'open a datagram endpoint');
    const { fd, close } = takeDescriptor(socket);
    try {
      setNonBlocking(fd);
    } catch (error) {
      if (close === null) closeDescriptor(fd);
      throw error;
    }
    return this.#channel(fd, socket.family, close ?? (() => closeDescriptor(fd)));
  }

  #open(target: DatagramTarget, doing: string): ReadyDatagramChannel {
    const { family, localAddress: local, remoteAddress: remote } = target;
    const path = local !== null && 'path' in local && local.path !== '' ? local.path : null;
    if (path !== null) removeStaleSocket(path, doing);
    const fd = openSocket(family, 'datagram', doing);
    let release = () => closeDescriptor(fd);
    try {
      if (target.reusePort) setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1);
      if (target.allowBroadcast) setOption(fd, SOL_SOCKET, SO_BROADCAST, 1);
      if (local !== null) {
        if (family === 6) setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
        bind(fd, local, doing);
        const file = path === null ? null : fileIdentity(path);
        if (path !== null && file !== null) {
          release = () => {
            closeDescriptor(fd);
            unlinkIfSame(path, file);
          };
        }
      }
      if (remote !== null) {
        const number = connect(fd, remote);
        if (number !== 0) throw systemFailure(doing, 'connect', number, named(remote));
      }
    } catch (error) {
      release();
      throw error;
    }
    return this.#channel(fd, family, release);
  }

  #channel(fd: number, family: DatagramTarget['family'], release: () => void): ReadyDatagramChannel {
    this.#slab ??= new DatagramSlab();
    const ends = { family, localAddress: localAddressOf(fd), remoteAddress: remoteAddressOf(fd) };
    return new ReadyDatagramChannel(fd, ends, this.#parts, this.#slab, release);
  }
}

function describe({ localAddress, remoteAddress }: DatagramTarget): string {
  const at = localAddress === null ? '' : ` on ${describeAddress(localAddress)}`;
  const to = remoteAddress === null ? '' : ` to ${describeAddress(remoteAddress)}`;
  return `open a datagram endpoint${at}${to}`;
}
