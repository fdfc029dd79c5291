import { chmodSync } from 'node:fs';
import { type BlockList, isIP, isIPv6, type Server as NetServer } from 'node:net';
import type {
  EventLoop,
  Protocol,
  Server,
  SocketAddress,
  Suspension,
  Task,
  Transport,
} from '../../interface/index.ts';
import { nodeFailure } from './node-failure.ts';
import { nodeAddress } from './socket-address.ts';
import { StreamSocket } from './stream-socket.ts';

/** Where a server of Node's is to listen: what its `listen` has made of its arguments. */
export interface Place {
  /** a literal address, or a name; null: all interfaces */
  host: string | null;
  port: number;
  /** of a Unix socket, in place of the above */
  path: string | null;
  backlog: number | undefined;
  ipv6Only: boolean;
  reusePort: boolean;
}

/** What a `net.Server` has beside what its type says. */
export interface ServerInsides {
  _handle: unknown;
  _connections: number;
  allowHalfOpen: boolean;
  pauseOnConnect: boolean;
  highWaterMark: number;
  maxConnections?: number | null | undefined;
  blockList?: BlockList | undefined;
}

export type ListeningServer = Omit<NetServer, keyof ServerInsides> & ServerInsides;

/** Of a socket file: who may connect, as Node's pipes count it. */
const readable = 1;
const writable = 2;

/**
 * What a `net.Server` of ours has in place of a handle of libuv's. It calls the methods; all else that it does, it does by
 * itself: what `listening` and `address()` say, and when it is closed.
 */
export class ListeningHandle {
  /** Fills in the address; there is none before it is bound, and none of a Unix socket. */
  getsockname: ((address: object) => number) | undefined;
  readonly #server: ListeningServer;
  readonly #loop: EventLoop;
  readonly #place: Place;
  readonly #opening: Task<Server>;
  #listening: Server | null = null;
  #closed = false;
  #mode = 0;

  /** Starts to listen. The server is told by events, in a later tick. */
  constructor(server: ListeningServer, loop: EventLoop, place: Place) {
    this.#server = server;
    this.#loop = loop;
    this.#place = place;
    this.#opening = loop.createTask(this.#open(), { name: 'net.Server.listen' });
    this.#opening.addDoneCallback(() => this.#opened());
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.getsockname = undefined;
    this.#opening.cancel();
    this.#listening?.close();
  }

  ref(): void {
    // A server of ours keeps its host alive while it listens.
  }

  unref(): void {
    // As above: the loop's servers have no such thing.
  }

  fchmod(mode: number): number {
    this.#mode = mode;
    return 0;
  }

  *#open(): Generator<Suspension, Server, unknown> {
    const { host, port, path, backlog, ipv6Only, reusePort } = this.#place;
    const factory = () => new Accepting(this.#server, this.#loop);
    if (path !== null) {
      const server = yield* this.#loop.createUnixServer(factory, { path, backlog: backlog || undefined });
      if (this.#mode !== 0) chmodSync(path, modeOf(this.#mode));
      return server;
    }
    const address = host === null || isIP(host) !== 0 ? host : yield* this.#addressOf(host, port);
    return yield* this.#loop.createServer(factory, {
      host: address ?? (ipv6Only ? '::' : null),
      port,
      backlog: backlog || undefined,
      reusePort,
    });
  }

  /** The first one, as Node's does, and none of one link only if that can be avoided. */
  *#addressOf(host: string, port: number): Generator<Suspension, string, unknown> {
    const found = yield* this.#loop.getaddrinfo(host, port, { type: 'stream' });
    const chosen = found.find((one) => !/^fe[89ab]/i.test(one.host)) ?? found[0];
    return chosen?.host ?? host;
  }

  #opened(): void {
    const opening = this.#opening;
    const server = this.#server;
    if (opening.cancelled()) {
      // By the end of the run, which closes what listens.
      if (!this.#closed) server.close();
      return;
    }
    const failure = opening.exception();
    if (this.#closed) {
      if (failure === null) opening.result().close();
    } else if (failure !== null) {
      server._handle = null;
      const error = Object.assign(nodeFailure(failure), { syscall: 'listen' });
      process.nextTick(() => server.emit('error', error));
    } else {
      this.#listening = opening.result();
      const address = shownAddress(this.#listening.sockets);
      if (this.#place.path === null) {
        this.getsockname = (out) => {
          Object.assign(out, nodeAddress(address));
          return 0;
        };
      }
      process.nextTick(() => {
        if (!this.#closed) server.emit('listening');
      });
    }
  }
}

/** A connection before it has its socket: the server may not want it. */
class Accepting implements Protocol {
  readonly #server: ListeningServer;
  readonly #loop: EventLoop;

  constructor(server: ListeningServer, loop: EventLoop) {
    this.#server = server;
    this.#loop = loop;
  }

  connectionMade(transport: Transport): void {
    const server = this.#server;
    const remote = nodeAddress(transport.getExtraInfo('peername'));
    if (server.maxConnections != null && server._connections >= server.maxConnections) {
      transport.abort();
      server.emit('drop', describeConnection(nodeAddress(transport.getExtraInfo('sockname')), remote));
      return;
    }
    const { address } = remote;
    if (address !== undefined && server.blockList?.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')) {
      transport.abort();
      return;
    }
    const { allowHalfOpen, highWaterMark } = server;
    const socket = new StreamSocket({ allowHalfOpen, highWaterMark, loop: this.#loop });
    if (server.pauseOnConnect) socket.pause();
    server._connections++;
    Object.assign(socket, { server, _server: server });
    transport.setProtocol(socket);
    socket.connectionMade(transport);
    server.emit('connection', socket);
  }
}

function describeConnection(
  local: ReturnType<typeof nodeAddress>,
  remote: ReturnType<typeof nodeAddress>,
): object {
  return {
    localAddress: local.address,
    localPort: local.port,
    localFamily: local.family,
    remoteAddress: remote.address,
    remotePort: remote.port,
    remoteFamily: remote.family,
  };
}

/** The one that Node would say: it listens at one for both families. */
function shownAddress(addresses: readonly SocketAddress[]): SocketAddress | null {
  return addresses.find((one) => 'host' in one && one.family === 6) ?? addresses[0] ?? null;
}

function modeOf(mode: number): number {
  return 0o600 | ((mode & readable) === 0 ? 0 : 0o444) | ((mode & writable) === 0 ? 0 : 0o222);
}
