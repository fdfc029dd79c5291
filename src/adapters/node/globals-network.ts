import dns from 'node:dns';
import net from 'node:net';
import tls from 'node:tls';
// Before anything is replaced: the driver keeps for itself what of Node's it stands on.
import '../../drivers/node/index.ts';
import type { EventLoop } from '../../interface/index.ts';
import { loopToOpenOn } from './globals-network-loop.ts';
import { replaceAgents, replaceFetch } from './globals-network-pools.ts';
import { graft, graftable } from './grafted-socket.ts';
import { lookup } from './lookup.ts';
import type { Replacements } from './replacements.ts';
import { StreamSocket } from './stream-socket.ts';
import { connect as connectTls } from './tls.ts';
import { putOnLoop } from './use-loop.ts';

// Node's modules for the network, on a loop. What they do with connections stays Node's own.

export type Method = (this: unknown, ...args: unknown[]) => unknown;

/**
 * Replaces what programs reach the network by: `connect` and `Socket` of `node:net`, `listen` of its servers, `tls.connect`,
 * `dns.lookup`; and keeps the connections of agents and of `fetch` apart by their loops.
 */
export function replaceNetwork(replacements: Replacements): void {
  replaceConnections(replacements);
  replaceServers(replacements);
  replaceTls(replacements);
  replaceLookup(replacements);
  replaceAgents(replacements);
  replaceFetch(replacements);
}

function replaceConnections(replacements: Replacements): void {
  const { connect: real, Socket } = net;
  const connect = (...args: unknown[]): unknown => {
    const loop = loopToOpenOn();
    if (loop === null) return Reflect.apply(real, net, args);
    const [first] = args;
    // As Node's modules pass it on.
    const given = Array.isArray(first) ? first[0] : first;
    const options = typeof given === 'object' && given !== null ? given : {};
    const socket = new StreamSocket({ ...options, loop });
    if (options.timeout) socket.setTimeout(options.timeout);
    return socket.connect(...args);
  };
  replacements.replace(net, 'connect', connect);
  replacements.replace(net, 'createConnection', connect);
  const make = (options: object | undefined): object | null => {
    const { fd, handle } = (options ?? {}) as { fd?: unknown; handle?: unknown };
    if (fd !== undefined || handle !== undefined) return null;
    const loop = loopToOpenOn();
    return loop === null ? null : new StreamSocket({ ...options, loop });
  };
  // Still the real class: for `instanceof`, which Node's TLS asks about, and for those who extend it.
  const replaced: typeof net.Socket = new Proxy(Socket, {
    apply: (target, receiver, args) => make(args[0]) ?? Reflect.apply(target as never, receiver, args),
    construct: (target, args, newTarget) =>
      (newTarget === replaced ? make(args[0]) : null) ?? Reflect.construct(target, args, newTarget),
  });
  replacements.replace(net, 'Socket', replaced);
  replacements.replace(net, 'Stream', replaced);
  // Who extends the class, or has kept it or `connect` since before, comes by here.
  const { connect: realMethod } = Socket.prototype;
  replacements.replace(
    Socket.prototype,
    'connect',
    function connect(this: net.Socket, ...args: unknown[]): net.Socket {
      const loop = graftable(this) ? loopToOpenOn() : null;
      if (loop === null) return Reflect.apply(realMethod as Method, this, args) as net.Socket;
      return graft(this, loop, args);
    },
  );
}

function replaceServers(replacements: Replacements): void {
  const { listen: real } = net.Server.prototype;
  /** what is on a loop by this, until it is closed, or by `useLoop` */
  const onLoop = new WeakSet<net.Server>();
  replacements.replace(net.Server.prototype, 'listen', function listen(this: net.Server, ...args: unknown[]) {
    const loop = onLoop.has(this) || Object.hasOwn(this, '_listen2') ? null : loopToOpenOn();
    if (loop === null) return Reflect.apply(real as Method, this, args);
    onLoop.add(this);
    const takeOff = putOnLoop(this, loop);
    this.once('close', () => {
      onLoop.delete(this);
      takeOff();
    });
    return Reflect.apply(this.listen as Method, this, args);
  });
}

function replaceTls(replacements: Replacements): void {
  const { connect: real } = tls;
  replacements.replace(tls, 'connect', (...args: unknown[]): unknown => {
    const loop = loopToOpenOn();
    if (loop === null) return Reflect.apply(real, tls, args);
    return Reflect.apply(connectTls as Method, null, args);
  });
}

type Callback = (error: Error | null, ...results: unknown[]) => void;

function replaceLookup(replacements: Replacements): void {
  const { lookup: real, promises } = dns;
  const { lookup: realPromised } = promises;
  replacements.replace(dns, 'lookup', (...args: unknown[]): unknown => {
    const loop = loopToOpenOn();
    if (loop === null) return Reflect.apply(real as Method, dns, args);
    const [hostname, given, last] = args;
    find(loop, hostname, given, typeof given === 'function' ? given : last);
    return {};
  });
  replacements.replace(promises, 'lookup', (hostname: string, options?: object | number): unknown => {
    const loop = loopToOpenOn();
    if (loop === null) return Reflect.apply(realPromised as Method, promises, [hostname, options]);
    return lookUp(loop, hostname, options);
  });
}

/** As `dns.promises.lookup`. */
export function lookUp(loop: EventLoop, hostname: string, options?: object | number): Promise<unknown> {
  const all = typeof options === 'object' && (options as { all?: boolean }).all === true;
  return new Promise<unknown>((resolve, reject) => {
    const answered: Callback = (error, found, family) => {
      if (error !== null) reject(error);
      else resolve(all ? found : { address: found, family });
    };
    find(loop, hostname, options ?? {}, answered);
  });
}

function find(loop: EventLoop, hostname: unknown, given: unknown, callback: unknown): void {
  const options = typeof given === 'number' ? { family: given } : typeof given === 'object' ? given : {};
  const { verbatim, ...rest } = (options ?? {}) as { verbatim?: boolean; order?: unknown };
  lookup(hostname as string, { ...rest, loop } as never, callback as never);
}
