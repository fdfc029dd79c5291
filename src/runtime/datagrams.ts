import {
  type AddressFamily,
  type DatagramChannel,
  type DatagramOperations,
  type DatagramOptions,
  type DatagramProtocol,
  type DatagramTarget,
  type DatagramTransport as DatagramTransportInterface,
  type EventLoop,
  type NameOperations,
  type SocketAddress,
  type Suspension,
  SystemError,
} from '../interface/index.ts';
import { DatagramTransport, type TransportKeeper, type TransportLoop } from '../transports/index.ts';
import { checkHost, checkPort, resolve } from './addresses.ts';
import { beginTransport } from './begin-transport.ts';
import { OperationFuture } from './operation-future.ts';

/** getaddrinfo(3): the wildcard address where no host is given */
const AI_PASSIVE = 1;

const doing = 'Cannot open a datagram endpoint';

type GivenAddress = NonNullable<DatagramOptions['localAddress'] | DatagramOptions['remoteAddress']>;

/** @throws {TypeError | RangeError} an option has no meaning, or not together with the others */
export function checkDatagramOptions(options: DatagramOptions): void {
  const { localAddress, remoteAddress, family, socket } = options;
  if (socket !== undefined) {
    const { socket: _, ...others } = options;
    const given = Object.entries(others).filter(([, value]) => value !== undefined && value !== false);
    if (given.length > 0) {
      throw new RangeError(
        `${doing}: what a socket has already cannot be given with one (${given.map(([name]) => name).join(', ')})`,
      );
    }
    if (socket.type !== 'datagram') throw new RangeError(`${doing}: the socket is one for streams`);
    return;
  }
  if (family !== undefined && family !== 4 && family !== 6 && family !== 'unix') {
    throw new RangeError(`${doing}: family is ${String(family)}, and neither 4, 6 nor 'unix'`);
  }
  for (const address of [localAddress, remoteAddress]) checkAddress(address, family);
  if (localAddress === undefined && remoteAddress === undefined && family === undefined) {
    throw new RangeError(`${doing}: neither an address nor a family is given`);
  }
  if (localAddress !== undefined && remoteAddress !== undefined) {
    if ('path' in localAddress !== 'path' in remoteAddress) {
      throw new RangeError(`${doing}: one address is a path, and the other is not`);
    }
  }
}

function checkAddress(address: unknown, family: DatagramOptions['family']): void {
  if (address === undefined) return;
  if (typeof address !== 'object' || address === null)
    throw new TypeError(`${doing}: the address is not an object`);
  if ('path' in address) {
    const { path } = address;
    if (typeof path !== 'string') throw new TypeError(`${doing}: the path is not a string`);
    if (path === '' || path.indexOf('\0') > 0) {
      throw new RangeError(`${doing}: the path is empty or contains a NUL that is not its first character`);
    }
    if (family === 4 || family === 6) throw new TypeError(`${doing}: a path is no address of IPv${family}`);
    return;
  }
  if (!('host' in address) || typeof address.host !== 'string')
    throw new TypeError(`${doing}: the address has neither a path nor a host`);
  if (family === 'unix') throw new TypeError(`${doing}: a Unix socket has a path, and no host`);
  checkHost(address.host);
  const port = 'port' in address ? address.port : undefined;
  if (port !== undefined && typeof port !== 'number')
    throw new TypeError(`${doing}: the port is not a number`);
  checkPort(port);
}

export function* createDatagramEndpoint<P extends DatagramProtocol>(
  loop: EventLoop & TransportLoop,
  datagrams: DatagramOperations,
  names: () => NameOperations,
  factory: () => P,
  options: DatagramOptions,
  keeper: TransportKeeper,
): Generator<Suspension, [transport: DatagramTransportInterface, protocol: P], unknown> {
  const { channel, remote } = yield* open(loop, datagrams, names, options);
  let transport: DatagramTransport;
  let protocol: P;
  try {
    protocol = factory();
    transport = new DatagramTransport(loop, channel, protocol, remote, [keeper]);
  } catch (error) {
    channel.close();
    throw error;
  }
  yield* beginTransport(loop, transport);
  return [transport, protocol];
}

interface Opened {
  readonly channel: DatagramChannel;
  /** to whom it sends without being connected */
  readonly remote: SocketAddress | null;
}

function* open(
  loop: EventLoop,
  datagrams: DatagramOperations,
  names: () => NameOperations,
  options: DatagramOptions,
): Generator<Suspension, Opened, unknown> {
  const { socket, reusePort = false, allowBroadcast = false } = options;
  if (socket !== undefined && datagrams.adopt !== null)
    return { channel: datagrams.adopt(socket), remote: null };
  const targets = yield* pairs(loop, names, options);
  let failure: unknown = null;
  for (const { family, localAddress, remoteAddress } of targets) {
    const remote = allowBroadcast ? remoteAddress : null;
    const target: DatagramTarget = {
      family,
      localAddress,
      remoteAddress: allowBroadcast ? null : remoteAddress,
      reusePort,
      allowBroadcast,
    };
    try {
      const channel = yield* new OperationFuture<DatagramChannel>(loop, (completion) =>
        datagrams.open(target, completion),
      );
      return { channel, remote };
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      failure ??= error;
    }
  }
  throw failure;
}

type Pair = Pick<DatagramTarget, 'family' | 'localAddress' | 'remoteAddress'>;

/** What can be bound and connected together, the remote address that comes first first. */
function* pairs(
  loop: EventLoop,
  names: () => NameOperations,
  options: DatagramOptions,
): Generator<Suspension, Pair[], unknown> {
  const locals = yield* found(loop, names, options.localAddress, options, AI_PASSIVE);
  const remotes = yield* found(loop, names, options.remoteAddress, options, 0);
  const all: Pair[] = [];
  for (const remoteAddress of remotes) {
    for (const localAddress of locals) {
      const families = new Set<AddressFamily | 'unix'>();
      for (const address of [localAddress, remoteAddress]) {
        if (address !== null) families.add('path' in address ? 'unix' : address.family);
      }
      const family = [...families][0] ?? options.family;
      if (family !== undefined && families.size <= 1) all.push({ family, localAddress, remoteAddress });
    }
  }
  if (all.length === 0) {
    throw new RangeError(`${doing}: the local address and the remote one are of different families`);
  }
  return all;
}

function* found(
  loop: EventLoop,
  names: () => NameOperations,
  address: GivenAddress | undefined,
  { family, flags = 0 }: DatagramOptions,
  flag: number,
): Generator<Suspension, (SocketAddress | null)[], unknown> {
  if (address === undefined) return [null];
  if ('path' in address) return [{ path: address.path }];
  return (yield* resolve(loop, names(), address.host || null, address.port ?? 0, {
    family: family === 'unix' ? undefined : family,
    flags: address.host === '' ? flags | flag : flags,
    type: 'datagram',
  })).map(({ host, port, family: version }) => ({ host, port, family: version }));
}
