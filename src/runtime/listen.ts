import {
  type EventLoop,
  type Listener,
  type ListenerSink,
  type ListenOptions,
  type NameOperations,
  type ResolvedAddress,
  type ServerOptions,
  type StreamOperations,
  type StreamTarget,
  type Suspension,
  SystemError,
} from '../interface/index.ts';
import { checkHost, checkPort, resolve } from './addresses.ts';
import { OperationFuture } from './operation-future.ts';

export const backlogDefault = 100;

/** getaddrinfo(3): wildcard addresses where no host is given */
const AI_PASSIVE = 1;

/** Tries this often to find one port that is free for all addresses, where any port will do. */
const samePortTries = 5;

/** @throws {TypeError | RangeError} an option has no meaning */
export function checkServerOptions(options: ServerOptions): void {
  const { host = null, port, backlog = backlogDefault, maxConnections = Infinity } = options;
  for (const one of hostsOf(host)) checkHost(one);
  checkPort(port);
  if (hostsOf(host).length === 0)
    throw new RangeError('Cannot create the server: the list of hosts is empty');
  if (!Number.isInteger(backlog)) {
    throw new TypeError('Cannot create the server: the backlog is not an integer');
  }
  if (backlog < 0) throw new RangeError('Cannot create the server: the backlog is negative');
  if (!(maxConnections >= 0)) {
    throw new RangeError(`Cannot create the server: maxConnections is ${maxConnections}, not 0 or more`);
  }
}

function hostsOf(host: string | readonly string[] | null): readonly (string | null)[] {
  return Array.isArray(host) ? host : [host as string | null];
}

/** Listens on every address of the server's hosts, or on none. */
export function* listenOnHosts(
  loop: EventLoop,
  streams: StreamOperations,
  names: NameOperations,
  options: ServerOptions,
  sink: ListenerSink,
): Generator<Suspension, Listener[], unknown> {
  const { host = null, port = 0, family, flags = 0 } = options;
  const addresses = new Map<string, ResolvedAddress>();
  for (const one of hostsOf(host)) {
    const found = yield* resolve(loop, names, one || null, port, {
      family,
      flags: flags | AI_PASSIVE,
      type: 'stream',
    });
    for (const address of found) addresses.set(`${address.host} ${address.port}`, address);
  }
  const listen: ListenOptions = {
    backlog: options.backlog ?? backlogDefault,
    reusePort: options.reusePort === true,
    keepAlive: options.keepAlive === true,
  };
  for (let tries = 1; ; tries++) {
    try {
      return yield* listenOnAll(loop, streams, [...addresses.values()], listen, sink);
    } catch (error) {
      const taken = error instanceof SystemError && error.code === 'EADDRINUSE';
      if (port !== 0 || !taken || addresses.size === 1 || tries === samePortTries) throw error;
    }
  }
}

function* listenOnAll(
  loop: EventLoop,
  streams: StreamOperations,
  addresses: readonly ResolvedAddress[],
  options: ListenOptions,
  sink: ListenerSink,
): Generator<Suspension, Listener[], unknown> {
  const listeners: Listener[] = [];
  let unavailable: unknown = null;
  try {
    for (const address of addresses) {
      // Where any port will do, all addresses get the one that the first was given.
      const first = listeners[0]?.address;
      const port = address.port === 0 && first !== undefined && 'port' in first ? first.port : address.port;
      try {
        listeners.push(yield* listenOn(loop, streams, { ...address, kind: 'internet', port }, options, sink));
      } catch (error) {
        if (!isUnavailable(error)) throw error;
        unavailable = error;
      }
    }
  } catch (error) {
    for (const listener of listeners) listener.close();
    throw error;
  }
  if (listeners.length === 0) throw unavailable;
  return listeners;
}

/**
 * As `listenOnHosts`, before it returns; where the driver can.
 *
 * @param host a literal address; null: all interfaces
 */
export function listenNow(
  streams: StreamOperations,
  host: string | null,
  port: number,
  options: ListenOptions,
  sink: ListenerSink,
): Listener[] {
  const hosts = host === null ? ['0.0.0.0', '::'] : [host];
  for (let tries = 1; ; tries++) {
    const listeners: Listener[] = [];
    try {
      let unavailable: unknown = null;
      for (const one of hosts) {
        const first = listeners[0]?.address;
        const target: StreamTarget = {
          kind: 'internet',
          host: one,
          family: one.includes(':') ? 6 : 4,
          port: port === 0 && first !== undefined && 'port' in first ? first.port : port,
        };
        try {
          listeners.push((streams.listenNow as NonNullable<typeof streams.listenNow>)(target, options, sink));
        } catch (error) {
          if (!isUnavailable(error)) throw error;
          unavailable = error;
        }
      }
      if (listeners.length === 0) throw unavailable;
      return listeners;
    } catch (error) {
      for (const listener of listeners) listener.close();
      const taken = error instanceof SystemError && error.code === 'EADDRINUSE';
      if (port !== 0 || !taken || hosts.length === 1 || tries === samePortTries) throw error;
    }
  }
}

export function listenOn(
  loop: EventLoop,
  streams: StreamOperations,
  target: StreamTarget,
  options: ListenOptions,
  sink: ListenerSink,
): OperationFuture<Listener> {
  return new OperationFuture<Listener>(loop, (completion) =>
    streams.listen(target, options, sink, completion),
  );
}

/** The machine has no such address, or not that family: others may do. */
function isUnavailable(error: unknown): boolean {
  return error instanceof SystemError && (error.code === 'EADDRNOTAVAIL' || error.code === 'EAFNOSUPPORT');
}
