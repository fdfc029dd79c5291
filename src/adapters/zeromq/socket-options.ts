import type { Address } from '../../syscalls/index.ts';
import { type Libzmq, terminated, zmqFailure } from './libzmq.ts';
import { bytesOf, partBytesLimit } from './message.ts';
import type { SocketKind } from './socket-kinds.ts';

/** Times are milliseconds. What is not given is as libzmq has it, unless something else is said. @see zmq_setsockopt(3) */
export interface SocketOptions {
  /**
   * how long what was sent may still go out after `close`; null: until it has. Unless given 1000, and 0 for sockets of the
   * kinds sub and pull, whose messages go the other way
   */
  linger?: number | null | undefined;
  /** messages to each peer that may wait to be sent, and of each peer to be received; 0: no limit. 1000 unless given */
  sendHighWaterMark?: number | undefined;
  receiveHighWaterMark?: number | undefined;
  /** a peer that sends a larger part is disconnected; 2^31 - 1, the most that there can be, unless given */
  partBytesMax?: number | undefined;
  /** by which routers know this socket: 1 to 255 bytes, the first not 0 */
  routingId?: Uint8Array | string | undefined;
  /** router: fail with EHOSTUNREACH, and wait while the peer's queue is full, where a message would be dropped */
  mandatory?: boolean | undefined;
  /** router: a peer that comes with a known routing id takes it over */
  handover?: boolean | undefined;
  /** pub, xpub: wait for a subscriber whose queue is full, where its message would be dropped */
  noDrop?: boolean | undefined;
  /** xpub: receive every subscription, known ones too */
  verbose?: boolean | undefined;
  /** req: a next request may be sent before the answer, which is then dropped */
  relaxed?: boolean | undefined;
  /** queue for peers only that are connected */
  immediate?: boolean | undefined;
  ipv6?: boolean | undefined;
  backlog?: number | undefined;
  connectTimeout?: number | undefined;
  handshakeTimeout?: number | undefined;
  /** between attempts; it doubles up to the maximum, if that is given */
  reconnectInterval?: number | undefined;
  reconnectIntervalMax?: number | undefined;
  /** between pings of ZMTP; 0: none */
  heartbeatInterval?: number | undefined;
  heartbeatTimeout?: number | undefined;
  tcpKeepAlive?: boolean | undefined;
  /** encrypted by CURVE: this is a client, which knows its server by its key, or such a server, which takes every client */
  curve?: CurveClient | CurveServer | undefined;
}

/** Keys as `curveKeyPair` makes them: 40 characters of Z85. @see zmq_curve(7) */
export interface CurveClient {
  publicKey: string;
  secretKey: string;
  serverKey: string;
}

export interface CurveServer {
  secretKey: string;
  serverKey?: undefined;
}

type Setter = (value: unknown) => (readonly [number: number, value: Uint8Array])[];

/** One of zmq_setsockopt's. */
interface Setting {
  readonly name: string;
  readonly number: number;
  readonly value: Uint8Array;
}

/** How each is checked, and given to C. `linger` is set when the socket is closed. */
const setters: { readonly [Name in Exclude<keyof SocketOptions, 'linger'>]-?: Setter } = {
  sendHighWaterMark: integer(23, 0),
  receiveHighWaterMark: integer(24, 0),
  partBytesMax: (value) => [[22, int64(checked(value, 0))]],
  routingId,
  mandatory: flag(33),
  handover: flag(56),
  noDrop: flag(69),
  verbose: flag(40),
  // Without the number of the request the answer to an earlier one could not be told from that to the present one.
  relaxed: flag(53, 52),
  immediate: flag(39),
  ipv6: flag(42),
  backlog: integer(19, 0),
  connectTimeout: integer(79, 0),
  handshakeTimeout: integer(66, 0),
  reconnectInterval: integer(18, 1),
  reconnectIntervalMax: integer(21, 0),
  heartbeatInterval: integer(75, 0),
  heartbeatTimeout: integer(77, 0),
  tcpKeepAlive: flag(34),
  curve,
};

const ZMQ_LINGER = 17;

const lingerDefault = 1000;
/** What these send by themselves is for a peer that is to be left. */
const lingersNot: ReadonlySet<SocketKind> = new Set(['sub', 'pull']);

/**
 * What is to be set. Nothing was called.
 *
 * @throws {TypeError | RangeError} an option is unknown, or has no meaning
 */
export function checkedSettings(options: SocketOptions): Setting[] {
  const { partBytesMax = partBytesLimit, linger: _, ...rest } = options;
  const settings: Setting[] = [];
  for (const [name, value] of Object.entries({ ...rest, partBytesMax })) {
    if (value === undefined) continue;
    if (!Object.hasOwn(setters, name))
      throw new TypeError(`Cannot open a socket: there is no option '${name}'`);
    try {
      for (const [number, set] of setters[name as keyof typeof setters](value)) {
        settings.push({ name, number, value: set });
      }
    } catch (error) {
      (error as Error).message = `Cannot open a socket: ${name} is ${(error as Error).message}`;
      throw error;
    }
  }
  return settings;
}

/** @throws {SystemError} libzmq refuses one: EINVAL */
export function applySettings(libzmq: Libzmq, socket: Address, settings: readonly Setting[]): void {
  for (const { name, number, value } of settings) setOption(libzmq, socket, name, number, value);
  // While nobody has closed it, the end of the thread, or a collection, does not wait for anything.
  setLinger(libzmq, socket, 0);
}

/** @throws {SystemError} */
export function setOption(
  libzmq: Libzmq,
  socket: Address,
  name: string,
  number: number,
  value: Uint8Array,
): void {
  if (libzmq.zmq_setsockopt(socket, number, value, value.byteLength) === 0) return;
  throw zmqFailure(libzmq, `set ${name} of the socket`, 'zmq_setsockopt');
}

export function setLinger(libzmq: Libzmq, socket: Address, linger: number | null): void {
  setOption(libzmq, socket, 'linger', ZMQ_LINGER, int32(linger ?? -1));
}

/** What `close` uses, if it is not told another one. @throws {RangeError} it is no time */
export function lingerOf(kind: SocketKind, { linger }: SocketOptions): number | null {
  if (linger !== undefined) return checkedLinger(linger);
  return lingersNot.has(kind) ? 0 : lingerDefault;
}

/** @throws {RangeError} it is no time */
export function checkedLinger(linger: number | null): number | null {
  if (linger === null) return null;
  if (typeof linger !== 'number' || !(linger >= 0)) {
    throw new RangeError(`Cannot linger for ${String(linger)}: it is no number of milliseconds from 0 on`);
  }
  // Rounded up; longer than an int can tell is as good as for ever.
  const whole = Math.ceil(linger);
  return whole > partBytesLimit ? null : whole;
}

function integer(number: number, least: number): Setter {
  return (value) => [[number, int32(checked(value, least))]];
}

function flag(...numbers: readonly number[]): Setter {
  return (value) => {
    if (typeof value !== 'boolean') throw new TypeError(`${String(value)}, not true or false`);
    return numbers.map((number) => [number, int32(value ? 1 : 0)]);
  };
}

function routingId(id: unknown): ReturnType<Setter> {
  const value = bytesOf(id);
  if (value.length < 1 || value.length > 255 || value[0] === 0) {
    throw new RangeError(`of ${value.length} bytes, the first ${value[0]}: not 1 to 255, the first not 0`);
  }
  return [[5, value]];
}

function curve(keys: unknown): ReturnType<Setter> {
  const { publicKey, secretKey, serverKey } = (keys ?? {}) as Partial<Record<keyof CurveClient, unknown>>;
  const secret = [49, key('secretKey', secretKey)] as const;
  if (serverKey === undefined) return [[47, int32(1)], secret];
  return [[48, key('publicKey', publicKey)], secret, [50, key('serverKey', serverKey)]];
}

function key(name: string, text: unknown): Uint8Array {
  // What is wrong about it is not repeated: it may be a secret.
  if (typeof text !== 'string' || text.length !== 40) {
    throw new TypeError(`without a ${name} of 40 characters`);
  }
  return terminated(text);
}

function checked(value: unknown, least: number): number {
  if (typeof value !== 'number') throw new TypeError(`${String(value)}, not a number`);
  if (!Number.isInteger(value) || value < least || value > partBytesLimit) {
    throw new RangeError(`${value}, not an integer from ${least} to ${partBytesLimit}`);
  }
  return value;
}

function int32(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer);
}

function int64(value: number): Uint8Array {
  return new Uint8Array(BigInt64Array.of(BigInt(value)).buffer);
}
