import { chmodSync, lstatSync } from 'node:fs';
import { type BlockList, isIP, isIPv6, type Server as NetServer } from 'node:net';
import { constants } from 'node:os';
import {
  type EventLoop,
  type Protocol,
  type Server,
  type SocketAddress,
  type Suspension,
  SystemError,
  type Task,
  type Transport,
} from '../../interface/index.ts';
import { EventLoop as LoopEventLoop, Server as LoopServer } from '../../runtime/index.ts';
import { listenFailure } from './node-failure.ts';
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
  /** `unref` was called, before it listened or since */
  _unref?: boolean | undefined;
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
  #opening: Task<Server> | null = null;
  #listening: Server | null = null;
  #closed = false;
  #mode = 0;
  #ref = true;

  /** Starts to listen. The server is told by events, in a later tick. */
  constructor(server: ListeningServer, loop: EventLoop, place: Place) {
    this.#server = server;
    this.#loop = loop;
    this.#place = place;
    this.#ref = server._unref !== true;
    const { path, host, ipv6Only } = place;
    // A name has to be looked up, and the rest is seldom.
    if (path === null && !ipv6Only && (host === null || isIP(host) !== 0) && loop instanceof LoopEventLoop) {
      if (this.#openNow(loop)) return;
    }
    const opening = loop.createTask(this.#open(), { name: 'net.Server.listen' });
    this.#opening = opening;
    opening.addDoneCallback(() => this.#opened(opening));
  }

  /** As Node does, listens before it returns. @returns false: the loop's driver cannot */
  #openNow(loop: LoopEventLoop): boolean {
    let server: Server | null;
    try {
      const { host, port, backlog, reusePort } = this.#place;
      const options = { host, port, backlog: backlog || undefined, reusePort };
      server = loop.createServerNow(() => new Accepting(this.#server, loop), options);
    } catch (error) {
      this.#failed(error);
      return true;
    }
    if (server !== null) this.#listens(server);
    return server !== null;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.getsockname = undefined;
    this.#opening?.cancel();
    this.#listening?.close();
  }

  ref(): void {
    this.#setRef(true);
  }

  unref(): void {
    this.#setRef(false);
  }

  #setRef(ref: boolean): void {
    this.#ref = ref;
    if (this.#listening instanceof LoopServer) this.#listening.setRef(ref);
  }

  fchmod(mode: number): number {
    this.#mode = mode;
    return 0;
  }

  *#open(): Generator<Suspension, Server, unknown> {
    const { host, port, path, backlog, ipv6Only, reusePort } = this.#place;
    const factory = () => new Accepting(this.#server, this.#loop);
    if (path !== null) {
      if (!(this.#loop instanceof LoopEventLoop && this.#loop.hasOwnWorld)) mustBeFree(path);
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

  #opened(opening: Task<Server>): void {
    if (opening.cancelled()) {
      // By the end of the run, which closes what listens.
      if (!this.#closed) this.#server.close();
      return;
    }
    const failure = opening.exception();
    if (this.#closed) {
      if (failure === null) opening.result().close();
    } else if (failure !== null) {
      this.#failed(failure);
    } else {
      this.#listens(opening.result());
    }
  }

  #failed(failure: unknown): void {
    const server = this.#server;
    const error = listenFailure(failure, this.#place.path);
    process.nextTick(() => {
      server._handle = null;
      server.emit('error', error);
    });
  }

  #listens(listening: Server): void {
    this.#listening = listening;
    if (!this.#ref) this.#setRef(false);
    const address = shownAddress(listening.sockets);
    if (this.#place.path === null) {
      this.getsockname = (out) => {
        Object.assign(out, nodeAddress(address));
        return 0;
      };
    }
    process.nextTick(() => {
      if (!this.#closed) this.#server.emit('listening');
    });
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

/** The loop's own servers replace a socket that an earlier one has left behind; Node's do not. */
function mustBeFree(path: string): void {
  if (path.startsWith('\0') || process.platform === 'win32') return;
  let code: 'EADDRINUSE' | 'EINVAL' = 'EADDRINUSE';
  try {
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return;
  } catch (error) {
    // Whatever else it is, binding to it will say.
    if ((error as NodeJS.ErrnoException).code !== 'ENAMETOOLONG') return;
    code = 'EINVAL';
  }
  const details = { code, errno: -constants.errno[code], syscall: 'bind', address: path };
  const why = code === 'EINVAL' ? 'is too long' : 'is taken';
  throw new SystemError(`Cannot listen on ${path}: the name ${why}`, details);
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
