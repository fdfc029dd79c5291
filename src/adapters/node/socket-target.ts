import { ADDRCONFIG, ALL, V4MAPPED } from 'node:dns';
import net, { type BlockList, isIP } from 'node:net';
import { Future, timeout } from '../../coroutines/index.ts';
import {
  type AddressFamily,
  type ConnectionOptions,
  type EventLoop,
  GroupError,
  isCancellation,
  type Protocol,
  type Suspension,
  TimeoutError,
} from '../../interface/index.ts';
import { coded, invalidType } from './node-failure.ts';

/** What `connect` of a socket is told, as `node:net` takes it. */
export interface SocketTarget {
  /** 'localhost' unless given */
  host?: string | undefined;
  port?: number | string | undefined;
  /** of a Unix socket, in place of host and port */
  path?: string | undefined;
  localAddress?: string | undefined;
  localPort?: number | undefined;
  /** 4 or 6; any unless given */
  family?: number | string | undefined;
  hints?: number | undefined;
  /** who is asked for the addresses of a host; the loop unless given */
  lookup?: Lookup | undefined;
  /** false: only the first address is tried */
  autoSelectFamily?: boolean | undefined;
  /** milliseconds after which the next address is tried beside the one under way */
  autoSelectFamilyAttemptTimeout?: number | undefined;
  /** milliseconds of silence after which 'timeout' is emitted, from now on */
  timeout?: number | undefined;
}

interface FoundAddress {
  address: string;
  family: number;
}

type Lookup = (
  hostname: string,
  options: { family?: number; hints?: number; all?: boolean },
  // biome-ignore lint/suspicious/noExplicitAny: Node's own type says one of two, by an option
  callback: (error: NodeJS.ErrnoException | null, address: any, family?: number) => void,
) => void;

type Factory = () => Protocol;

/** Milliseconds; who asks for less is given so many, as by Node. */
const attemptTimeoutMin = 10;

/** What tells of its attempts to connect. */
interface Connecting {
  readonly blockList: BlockList | undefined;
  listenerCount(event: string): number;
  emit(event: string, ...args: unknown[]): boolean;
  autoSelectFamilyAttemptedAddresses: string[] | undefined;
}

export type ConnectArguments =
  | [target: SocketTarget, connected?: () => void]
  | [port: number | string, host?: string | (() => void), connected?: () => void]
  | [path: string, connected?: () => void];

/**
 * Takes the arguments of `connect` apart.
 *
 * @throws {TypeError | RangeError} as Node's does
 */
export function readTarget(args: readonly unknown[]): [target: SocketTarget, connected: (() => void) | null] {
  const [first, second] = args;
  if (Array.isArray(first)) {
    return isNormalized(first) ? [checked(first[0]), first[1] ?? null] : [checked({}), null];
  }
  const last = args.at(-1);
  const connected = typeof last === 'function' ? (last as () => void) : null;
  let target: SocketTarget = {};
  if (typeof first === 'object' && first !== null) target = first;
  else if (typeof first === 'string' && !(Number(first) >= 0)) target = { path: first };
  else if (typeof first !== 'function') {
    target = { port: first as number, host: typeof second === 'string' ? second : undefined };
  }
  return [checked(target), connected];
}

const normalizedMark = Object.getOwnPropertySymbols(
  (net as unknown as { _normalizeArgs?: (args: unknown[]) => unknown[] })._normalizeArgs?.([]) ?? [],
)[0];

/** Node's modules pass on what they have taken apart already, and marked. */
function isNormalized(args: unknown[]): boolean {
  return normalizedMark === undefined || normalizedMark in args;
}

function checked(target: SocketTarget): SocketTarget {
  const { host, port, path, localAddress, localPort, lookup } = target;
  if (path != null) {
    if (typeof path !== 'string') throw invalidType('options.path', 'of type string', path);
    return target;
  }
  if (port === undefined) {
    const message = 'The "options" or "port" or "path" argument must be specified';
    throw coded('ERR_MISSING_ARGS', new TypeError(message));
  }
  if (host != null && typeof host !== 'string') throw invalidType('options.host', 'of type string', host);
  if (typeof port !== 'number' && typeof port !== 'string')
    throw invalidType('options.port', 'one of type number or string', port);
  const number = Number(port);
  if (!(number >= 0 && number <= 65_535 && Number.isInteger(number)) || String(port).trim() === '') {
    const message = `Port should be >= 0 and < 65536. Received type ${typeof port} (${port}).`;
    throw coded('ERR_SOCKET_BAD_PORT', new RangeError(message));
  }
  if (localAddress && isIP(localAddress) === 0) throw invalidAddress(localAddress);
  if (localPort && typeof localPort !== 'number')
    throw invalidType('options.localPort', 'of type number', localPort);
  if (lookup != null && typeof lookup !== 'function')
    throw invalidType('options.lookup', 'of type function', lookup);
  checkChoice(target);
  return target;
}

/** Options of how to look for addresses, and to choose one. */
function checkChoice({ hints = 0, autoSelectFamily, autoSelectFamilyAttemptTimeout }: SocketTarget): void {
  if ((hints & ~(ADDRCONFIG | ALL | V4MAPPED)) !== 0) {
    const message = `The argument 'hints' is invalid. Received ${hints}`;
    throw coded('ERR_INVALID_ARG_VALUE', new TypeError(message));
  }
  if (autoSelectFamily != null && typeof autoSelectFamily !== 'boolean')
    throw invalidType('options.autoSelectFamily', 'of type boolean', autoSelectFamily);
  const wait = autoSelectFamilyAttemptTimeout;
  if (wait == null) return;
  const name = 'options.autoSelectFamilyAttemptTimeout';
  if (typeof wait !== 'number') throw invalidType(name, 'of type number', wait);
  if (!(Number.isInteger(wait) && wait >= 1 && wait < 2 ** 31)) {
    const message = `The value of "${name}" is out of range. It must be >= 1 && <= 2147483647. Received ${wait}`;
    throw coded('ERR_OUT_OF_RANGE', new RangeError(message));
  }
}

function invalidAddress(address: unknown): TypeError {
  return coded('ERR_INVALID_IP_ADDRESS', new TypeError(`Invalid IP address: ${address}`));
}

/** Connects `socket` to its target. @param factory makes the protocol of the connection */
export function connectSocket(
  loop: EventLoop,
  socket: Connecting,
  target: SocketTarget,
  factory: Factory,
): Generator<Suspension, void, unknown> {
  // As the default is now, and not when this comes to run.
  const { autoSelectFamily = net.getDefaultAutoSelectFamily() } = target;
  return connectTo(loop, socket, { ...target, autoSelectFamily }, factory);
}

function* connectTo(
  loop: EventLoop,
  socket: Connecting,
  target: SocketTarget,
  factory: Factory,
): Generator<Suspension, void, unknown> {
  const { path, localAddress, localPort, autoSelectFamilyAttemptTimeout } = target;
  if (path) {
    yield* loop.createUnixConnection(factory, { path });
    return;
  }
  const host = target.host || 'localhost';
  const options: ConnectionOptions & { host: string; port: number } = {
    host,
    port: Number(target.port),
    family: familyOf(target.family),
  };
  if (localAddress || localPort) {
    const any = options.family === 6 || isIP(host) === 6 ? '::' : '0.0.0.0';
    options.localAddress = { host: localAddress || any, port: localPort };
  }
  if (autoSelectFamilyAttemptTimeout != null) {
    options.happyEyeballsDelay = Math.max(autoSelectFamilyAttemptTimeout, attemptTimeoutMin);
  }
  if (isIP(host) !== 0) {
    yield* attempt(loop, socket, options, factory);
    return;
  }
  // The loop goes through a host's addresses better than one by one, but tells nobody and takes nobody's advice.
  const wantsToKnow = socket.listenerCount('lookup') > 0 || socket.blockList != null;
  if (target.lookup == null && target.autoSelectFamily && !wantsToKnow) {
    yield* loop.createConnection(factory, options);
    return;
  }
  const addresses = yield* findAddresses(loop, socket, host, target);
  yield* attemptInTurn(loop, socket, options, addresses, factory);
}

function* attemptInTurn(
  loop: EventLoop,
  socket: Connecting,
  options: ConnectionOptions & { port: number },
  addresses: readonly FoundAddress[],
  factory: Factory,
): Generator<Suspension, void, unknown> {
  const { port, happyEyeballsDelay = net.getDefaultAutoSelectFamilyAttemptTimeout() } = options;
  const tried: string[] = [];
  if (addresses.length > 1) socket.autoSelectFamilyAttemptedAddresses = tried;
  const failures: unknown[] = [];
  for (const [index, { address, family }] of addresses.entries()) {
    tried.push(`${address}:${port}`);
    // The last one may take as long as it takes.
    const limit = index === addresses.length - 1 ? null : happyEyeballsDelay;
    try {
      yield* timeout(limit, () => attempt(loop, socket, { ...options, host: address }, factory));
      return;
    } catch (error) {
      if (isCancellation(error)) throw error;
      if (error instanceof TimeoutError) socket.emit('connectionAttemptTimeout', address, port, family);
      failures.push(error);
    }
  }
  throw failures.length === 1
    ? failures[0]
    : new GroupError(failures, 'Cannot connect: all addresses failed');
}

function* attempt(
  loop: EventLoop,
  socket: Connecting,
  options: ConnectionOptions & { host: string; port: number },
  factory: Factory,
): Generator<Suspension, void, unknown> {
  const { host, port } = options;
  const family = isIP(host);
  if (socket.blockList?.check(host, family === 6 ? 'ipv6' : 'ipv4')) {
    throw coded('ERR_IP_BLOCKED', new Error(`IP(${host}) is blocked by net.BlockList`));
  }
  socket.emit('connectionAttempt', host, port, family);
  try {
    yield* loop.createConnection(factory, options);
  } catch (error) {
    if (!isCancellation(error)) socket.emit('connectionAttemptFailed', host, port, family, error);
    throw error;
  }
}

function* findAddresses(
  loop: EventLoop,
  socket: Connecting,
  host: string,
  target: SocketTarget,
): Generator<Suspension, FoundAddress[], unknown> {
  const family = familyOf(target.family);
  const all = family === undefined && !target.localAddress && target.autoSelectFamily === true;
  let found: FoundAddress[];
  try {
    if (target.lookup != null) {
      found = yield* ask(loop, target.lookup, host, { family: family ?? 0, hints: target.hints ?? 0, all });
    } else {
      const options = { family, flags: target.hints, type: 'stream' } as const;
      const resolved = yield* loop.getaddrinfo(host, Number(target.port), options);
      found = resolved.map((one) => ({ address: one.host, family: one.family }));
    }
  } catch (error) {
    if (!isCancellation(error)) socket.emit('lookup', error, undefined, undefined, host);
    throw error;
  }
  const addresses = all ? inTurns(found) : found.slice(0, 1);
  for (const one of addresses) {
    socket.emit('lookup', null, one.address, one.family, host);
    if (isIP(one.address) === 0) throw invalidAddress(one.address);
    if (one.family !== 4 && one.family !== 6) throw invalidFamily(one.family, host, target.port);
  }
  return addresses;
}

/** One of each family after the other, from that of the first one on. */
function inTurns(addresses: readonly FoundAddress[]): FoundAddress[] {
  const first = addresses.filter(({ family }) => family === addresses[0]?.family);
  const second = addresses.filter(({ family }) => family !== addresses[0]?.family);
  const pairs = Array.from({ length: Math.max(first.length, second.length) }, (_, i) => [
    first[i],
    second[i],
  ]);
  return pairs.flat().filter((one) => one !== undefined);
}

function invalidFamily(family: unknown, host: string, port: unknown): Error {
  const error = new RangeError(`Invalid address family: ${family} ${host}:${port}`);
  return Object.assign(coded('ERR_INVALID_ADDRESS_FAMILY', error), { host, port });
}

function* ask(
  loop: EventLoop,
  lookup: Lookup,
  host: string,
  options: { family: number; hints: number; all: boolean },
): Generator<Suspension, FoundAddress[], unknown> {
  const answer = new Future<FoundAddress[]>({ loop });
  lookup(host, options, (error, address, family) => {
    if (answer.done()) return;
    if (error) answer.setException(error);
    else answer.setResult(Array.isArray(address) ? address : [{ address, family: family ?? isIP(address) }]);
  });
  return yield* answer;
}

/** IPv4 and IPv6 as Node's modules name them. */
export function familyOf(family: unknown): AddressFamily | undefined {
  if (family === 4 || family === 'IPv4') return 4;
  if (family === 6 || family === 'IPv6') return 6;
  return undefined;
}
