import { createSocket, type Socket } from 'node:dgram';
import {
  type AddressFamily,
  type Completion,
  type DatagramChannel,
  type DatagramOperations,
  type DatagramTarget,
  type DriverHost,
  type InternetAddress,
  LoopError,
  NotSupportedError,
  type Operation,
} from '../../interface/index.ts';
import { describeAddress } from '../common/describe-address.ts';
import { systemError } from '../common/system-error.ts';
import { NodeDatagramChannel } from './node-datagram-channel.ts';
import { refuseReusePort } from './reuse-port.ts';

/** UDP by `node:dgram`. Node has no Unix datagram sockets, and takes over no descriptor. */
export class NodeDatagrams implements DatagramOperations {
  readonly adopt = null;
  readonly #host: DriverHost;
  readonly #open = new Set<{ close(): void }>();

  constructor(host: DriverHost) {
    this.#host = host;
  }

  open(target: DatagramTarget, completion: Completion<DatagramChannel>): Operation {
    const doing = describe(target);
    let cancelled = false;
    let open: { close(): void } = { close: () => {} };
    const end = (tell: () => void) => {
      this.#open.delete(open);
      this.#host.dispatch(() => {
        if (!cancelled) tell();
      }, undefined);
    };
    const fail = (error: unknown) => {
      const failure = error instanceof LoopError ? error : systemError(doing, error);
      open.close();
      end(() => completion.failed(failure));
    };
    try {
      const socket = openSocket(target);
      open = { close: () => socket.close() };
      this.#open.add(open);
      socket.once('error', fail);
      prepare(socket, target, (error) => {
        if (cancelled) return;
        socket.off('error', fail);
        if (error !== undefined) {
          fail(error);
          return;
        }
        const channel = this.#channel(socket, target);
        end(() => completion.succeeded(channel));
        open = channel;
      });
    } catch (error) {
      // Never from inside this call.
      queueMicrotask(() => fail(error));
    }
    return {
      cancel: () => {
        if (cancelled) return;
        cancelled = true;
        this.#open.delete(open);
        open.close();
      },
    };
  }

  close(): void {
    for (const open of [...this.#open]) open.close();
    this.#open.clear();
  }

  #channel(socket: Socket, { family, remoteAddress }: DatagramTarget): NodeDatagramChannel {
    const { address, port } = socket.address();
    const version = family as AddressFamily;
    const localAddress = { host: address, port, family: version };
    const channel = new NodeDatagramChannel(
      socket,
      { family: version, localAddress, remoteAddress },
      this.#host,
      (gone) => this.#open.delete(gone),
    );
    this.#open.add(channel);
    return channel;
  }
}

/** @throws {NotSupportedError} Node has no such sockets */
function openSocket({ family, localAddress, reusePort }: DatagramTarget): Socket {
  if (family === 'unix') {
    throw new NotSupportedError(
      'datagrams',
      'node',
      'Cannot open a Unix datagram endpoint: Node has none; the drivers that speak to the kernel themselves have',
    );
  }
  if (reusePort) refuseReusePort();
  return createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    reusePort,
    ipv6Only: family === 6 && localAddress !== null,
  });
}

/** Binds, connects, allows broadcast. What Node throws, or gives to a callback, goes to `ready`. */
function prepare(socket: Socket, target: DatagramTarget, ready: (error?: Error) => void): void {
  const local = target.localAddress as InternetAddress | null;
  const remote = target.remoteAddress as InternetAddress | null;
  const bound = () => {
    try {
      if (target.allowBroadcast) socket.setBroadcast(true);
      if (remote === null) ready();
      else socket.connect(remote.port, remote.host, ready as () => void);
    } catch (error) {
      ready(error as Error);
    }
  };
  socket.bind({ port: local?.port ?? 0, address: local?.host, exclusive: true }, bound);
}

function describe({ localAddress, remoteAddress }: DatagramTarget): string {
  const at = localAddress === null ? '' : ` on ${describeAddress(localAddress)}`;
  const to = remoteAddress === null ? '' : ` to ${describeAddress(remoteAddress)}`;
  return `open a datagram endpoint${at}${to}`;
}
