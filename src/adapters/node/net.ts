/**
 * A drop-in for `node:net` on the loop that runs: sockets are `StreamSocket`s, servers listen on the loop, and the rest is
 * Node's own. A program that imports it in place of `node:net` runs unchanged, but for these:
 *
 * - where a loop's driver cannot listen at once (`node`, the simulation), a server has its address when 'listening' is
 *   emitted, and not as soon as `listen` returns;
 * - a descriptor or a handle cannot be made a socket, nor be listened on;
 * - connections go through a host's addresses as RFC 8305 says, and tell of each only if somebody listens to 'lookup'.
 */
import net, { type ServerOpts } from 'node:net';
import type { EventLoop } from '../../interface/index.ts';
import type { ConnectArguments, SocketTarget } from './socket-target.ts';
import { StreamSocket, type StreamSocketOptions } from './stream-socket.ts';
import { useLoop } from './use-loop.ts';

export interface ServerOptions extends ServerOpts {
  /** the one to listen on; the one that runs when `listen` is called, unless given */
  loop?: EventLoop | undefined;
}

/** A `net.Server` that listens on the loop. @see useLoop */
export class Server extends net.Server {
  constructor(
    options?: ServerOptions | ((socket: StreamSocket) => void) | null,
    onConnection?: (socket: StreamSocket) => void,
  ) {
    super(options as ServerOpts, onConnection as unknown as (socket: net.Socket) => void);
    useLoop(this, typeof options === 'object' ? options?.loop : undefined);
  }
}

/** Node's constructors of sockets and servers are called without `new`, too. */
function callable<C extends new (...args: never[]) => object>(made: C): Callable<C> {
  return new Proxy(made, {
    apply: (target, _receiver, args) => Reflect.construct(target, args),
  }) as Callable<C>;
}

type Callable<C extends new (...args: never[]) => object> = C &
  ((...args: ConstructorParameters<C>) => InstanceType<C>);

export const Socket: Callable<typeof StreamSocket> = callable(StreamSocket);
export type Socket = StreamSocket;

/** As `net.createServer`. */
export function createServer(
  options?: ServerOptions | ((socket: StreamSocket) => void) | null,
  onConnection?: (socket: StreamSocket) => void,
): Server {
  return new Server(options, onConnection);
}

/** As `net.connect`: `StreamSocket.connect`. */
export function connect(
  ...args: ConnectArguments | [StreamSocketOptions & SocketTarget, connected?: () => void]
): StreamSocket {
  return StreamSocket.connect(...args);
}

export * from 'node:net';
export { connect as createConnection, Socket as Stream };

export default {
  ...net,
  connect,
  createConnection: connect,
  createServer,
  Server: callable(Server),
  Socket,
  Stream: Socket,
};
