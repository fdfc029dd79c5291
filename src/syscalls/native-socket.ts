import {
  type AddressFamily,
  type InternetAddress,
  type Socket,
  type SocketAddress,
  type SocketType,
  StateError,
  type UnixAddress,
} from '../interface/index.ts';
import { constants } from './constants.ts';
import { EAFNOSUPPORT, EPROTONOSUPPORT, lastFailure, systemFailure } from './errors.ts';
import { libc } from './libc.ts';
import {
  checked,
  closeDescriptor,
  getOption,
  localAddressOf,
  openSocket,
  prepare,
  remoteAddressOf,
  setNonBlocking,
  setOption,
} from './socket.ts';
import { encodeAddress, familyNumber } from './socket-address.ts';

const {
  SOCK_STREAM,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_CLOEXEC,
  SOL_SOCKET,
  SO_TYPE,
  SO_REUSEADDR,
  F_SETFD,
  FD_CLOEXEC,
  SHUT_RD,
  SHUT_WR,
  SHUT_RDWR,
} = constants;

const shutdowns = { read: SHUT_RD, write: SHUT_WR, both: SHUT_RDWR } as const;

/**
 * An open socket of the program's own, not blocking and closed on exec. Made by `createSocket`, `socketPair` and
 * `socketFromDescriptor`; `loop.sockAccept` gives them too. A transport or a server that is made of one takes its
 * descriptor over, and it is closed for everybody else.
 *
 * @see socket(7)
 */
export class NativeSocket implements Socket {
  readonly family: AddressFamily | 'unix';
  readonly type: SocketType;
  #fd: number;
  readonly #closeListeners = new Set<() => void>();

  /** @internal @param fd not blocking, and nobody else's */
  constructor(fd: number, family: AddressFamily | 'unix', type: SocketType) {
    this.#fd = fd;
    this.family = family;
    this.type = type;
  }

  get fd(): number {
    return this.#fd;
  }

  /** null: it has none. @throws {StateError} closed */
  get localAddress(): SocketAddress | null {
    return localAddressOf(this.#open('ask for its address'));
  }

  /** null: not connected. @throws {StateError} closed */
  get remoteAddress(): SocketAddress | null {
    return remoteAddressOf(this.#open('ask for its address'));
  }

  /**
   * @param address an Internet one is literal
   * @throws {SystemError} EADDRINUSE, EADDRNOTAVAIL, EACCES, EINVAL
   * @throws {RangeError} no literal address
   * @see bind(2)
   */
  bind(address: InternetAddress | UnixAddress): this {
    const fd = this.#open('bind it');
    const encoded = encodeAddress(address);
    const isServer = this.type === 'stream' && !('path' in address);
    // As for servers: what an earlier connection left behind does not keep the port.
    if (isServer) setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (libc().bind(fd, encoded, encoded.length) < 0) {
      const { text, fields } = nameOf(address);
      throw lastFailure(`bind to ${text}`, 'bind', fields);
    }
    return this;
  }

  /** @throws {SystemError} EOPNOTSUPP, EADDRINUSE @see listen(2) */
  listen(backlog = 100): this {
    checked(libc().listen(this.#open('listen'), backlog), 'listen', 'listen');
    return this;
  }

  /** Ends one direction, or both, of a connection. @throws {SystemError} ENOTCONN @see shutdown(2) */
  shutdown(direction: 'read' | 'write' | 'both'): void {
    checked(
      libc().shutdown(this.#open('shut it down'), shutdowns[direction]),
      'shut down the socket',
      'shutdown',
    );
  }

  /** What waits for it fails. Idempotent. */
  close(): void {
    if (this.#fd !== -1) closeDescriptor(this.detach());
  }

  /** Gives the descriptor away: the caller closes it from now on. What waits for it fails. @throws {StateError} closed */
  detach(): number {
    const fd = this.#open('give it away');
    const listeners = [...this.#closeListeners];
    this.#closeListeners.clear();
    // They let go of the descriptor, which they can as long as it is open.
    for (const listener of listeners) listener();
    this.#fd = -1;
    return fd;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** @internal Calls back once, just before the descriptor is closed or given away. */
  addCloseListener(listener: () => void): void {
    this.#closeListeners.add(listener);
  }

  /** @internal */
  removeCloseListener(listener: () => void): void {
    this.#closeListeners.delete(listener);
  }

  toString(): string {
    const state = this.#fd === -1 ? 'closed' : `fd=${this.#fd}`;
    return `<NativeSocket ${state} ${this.family} ${this.type}>`;
  }

  #open(doing: string): number {
    if (this.#fd === -1) throw closedSocket(doing);
    return this.#fd;
  }
}

export interface SocketOptions {
  /** 4 unless given */
  family?: AddressFamily | 'unix' | undefined;
  /** 'stream' unless given */
  type?: SocketType | undefined;
}

/**
 * Opens a socket for `loop.sockConnect`, `sockRecv` and their like, or to be handed to a transport or a server.
 *
 * @throws {TypeError} an option has no meaning
 * @throws {SystemError} EMFILE, ENFILE, EAFNOSUPPORT
 * @throws {NotSupportedError} there is no foreign-function interface
 */
export function createSocket(options: SocketOptions = {}): NativeSocket {
  const { family, type } = checkedOptions(options);
  return new NativeSocket(openSocket(family, type, 'open a socket'), family, type);
}

/** Two Unix sockets that are connected with each other. @throws as `createSocket` @see socketpair(2) */
export function socketPair(options: Pick<SocketOptions, 'type'> = {}): [NativeSocket, NativeSocket] {
  const { type } = checkedOptions(options);
  const ends = new Int32Array(new ArrayBuffer(8));
  const kind = (type === 'stream' ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
  checked(libc().socketpair(familyNumber('unix'), kind, 0, ends), 'open a pair of sockets', 'socketpair');
  const [near = -1, far = -1] = ends;
  prepare(near);
  prepare(far);
  return [new NativeSocket(near, 'unix', type), new NativeSocket(far, 'unix', type)];
}

/**
 * The socket of an open descriptor, which is this object's to close from now on. It does not block any more, and is closed
 * on exec.
 *
 * @throws {SystemError} EBADF, ENOTSOCK; EAFNOSUPPORT, EPROTONOSUPPORT: of another kind than these
 */
export function socketFromDescriptor(fd: number): NativeSocket {
  if (!Number.isInteger(fd)) throw new TypeError(`Cannot use ${String(fd)}: it is no descriptor`);
  const kind = getOption(fd, SOL_SOCKET, SO_TYPE);
  const type = kind === SOCK_STREAM ? 'stream' : kind === SOCK_DGRAM ? 'datagram' : null;
  if (type === null) throw systemFailure(`use descriptor ${fd}`, 'getsockopt', EPROTONOSUPPORT);
  // Also one that is not bound has an address: its family's.
  const address = localAddressOf(fd);
  if (address === null) throw systemFailure(`use descriptor ${fd}`, 'getsockname', EAFNOSUPPORT);
  const family = 'path' in address ? 'unix' : address.family;
  setNonBlocking(fd);
  checked(libc().fcntl(fd, F_SETFD, FD_CLOEXEC), `use descriptor ${fd}`, 'fcntl');
  return new NativeSocket(fd, family, type);
}

/** The descriptor, taken from a socket by who closes it from now on, and how that is done. @throws {StateError} closed */
export function takeDescriptor(socket: Socket): { fd: number; close: (() => void) | null } {
  if (socket instanceof NativeSocket) return { fd: socket.detach(), close: null };
  return { fd: descriptorOf(socket, 'use it'), close: () => socket.close() };
}

/** @throws {StateError} the socket is closed */
export function descriptorOf(socket: Socket, doing: string): number {
  const { fd } = socket;
  if (!(Number.isInteger(fd) && fd >= 0)) throw closedSocket(doing);
  return fd;
}

function closedSocket(doing: string): StateError<'ERR_SOCKET_CLOSED'> {
  return new StateError('ERR_SOCKET_CLOSED', `Cannot ${doing}: the socket is closed, or a transport has it`);
}

function checkedOptions({ family = 4, type = 'stream' }: SocketOptions): Required<{
  family: AddressFamily | 'unix';
  type: SocketType;
}> {
  if (family !== 4 && family !== 6 && family !== 'unix') {
    throw new RangeError(`Cannot open a socket: the family is ${String(family)}, not 4, 6 or 'unix'`);
  }
  if (type !== 'stream' && type !== 'datagram') {
    throw new RangeError(`Cannot open a socket: the type is ${String(type)}, not 'stream' or 'datagram'`);
  }
  return { family, type };
}

function nameOf(address: SocketAddress): { text: string; fields: { address: string; port?: number } } {
  if ('path' in address) return { text: address.path, fields: { address: address.path } };
  const { host, port } = address;
  return {
    text: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
    fields: { address: host, port },
  };
}
