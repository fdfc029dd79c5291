import dns from 'node:dns';
import http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';
import { lookup } from '../../adapters/node/lookup.ts';
import type { Replacements } from '../../adapters/node/replacements.ts';
import { StreamSocket } from '../../adapters/node/stream-socket.ts';
import { connect as connectTls } from '../../adapters/node/tls.ts';
import { useLoop } from '../../adapters/node/use-loop.ts';
import { liveProgramHere, type NodeProgram, programHere } from './node-program.ts';

// Node's modules for the network, on the loop of the program that calls them. What they do with connections stays Node's own.

type Method = (this: unknown, ...args: unknown[]) => unknown;

export function replaceNetwork(replacements: Replacements): void {
  replaceConnections(replacements);
  replaceServers(replacements);
  replaceTls(replacements);
  replaceNames(replacements);
  replaceAgents(replacements);
  replaceFetch(replacements);
}

function replaceConnections(replacements: Replacements): void {
  const { connect: real, Socket } = net;
  const connect = (...args: unknown[]): unknown => {
    const program = liveProgramHere();
    if (program === null) return Reflect.apply(real, net, args);
    const [first] = args;
    // As Node's modules pass it on.
    const given = Array.isArray(first) ? first[0] : first;
    const options = typeof given === 'object' && given !== null ? given : {};
    const socket = new StreamSocket({ ...options, loop: program.loop });
    if (options.timeout) socket.setTimeout(options.timeout);
    return socket.connect(...args);
  };
  replacements.replace(net, 'connect', connect);
  replacements.replace(net, 'createConnection', connect);
  const make = (options: object | undefined): object | null => {
    const program = liveProgramHere();
    const { fd, handle } = (options ?? {}) as { fd?: unknown; handle?: unknown };
    if (program === null || fd !== undefined || handle !== undefined) return null;
    return new StreamSocket({ ...options, loop: program.loop });
  };
  // Still the real class: for `instanceof`, which Node's TLS asks about, and for those who extend it.
  const replaced: typeof net.Socket = new Proxy(Socket, {
    apply: (target, receiver, args) => make(args[0]) ?? Reflect.apply(target as never, receiver, args),
    construct: (target, args, newTarget) =>
      (newTarget === replaced ? make(args[0]) : null) ?? Reflect.construct(target, args, newTarget),
  });
  replacements.replace(net, 'Socket', replaced);
  replacements.replace(net, 'Stream', replaced);
}

function replaceServers(replacements: Replacements): void {
  const { listen: real } = net.Server.prototype;
  const onLoop = new WeakSet<net.Server>();
  replacements.replace(net.Server.prototype, 'listen', function listen(this: net.Server, ...args: unknown[]) {
    const program = onLoop.has(this) ? null : liveProgramHere();
    if (program === null) return Reflect.apply(real as Method, this, args);
    onLoop.add(this);
    useLoop(this, program.loop);
    this.once('listening', () => orderConnections(this));
    return Reflect.apply(this.listen as Method, this, args);
  });
}

interface Parser {
  readonly socket: { readonly remoteAddress?: string; readonly remotePort?: number } | null;
}

const ordered = new WeakSet<object>();

/** Servers of `node:http` know their connections by a list of Node's that is ordered by where in memory they are. */
function orderConnections(server: net.Server): void {
  const key = Object.getOwnPropertySymbols(server).find(
    ({ description }) => description === 'http.server.connections',
  );
  if (key === undefined) return;
  const list = Object.getPrototypeOf(Reflect.get(server, key)) as Record<string, () => Parser[]>;
  if (ordered.has(list)) return;
  ordered.add(list);
  for (const name of ['all', 'idle', 'active']) {
    const real = list[name];
    if (typeof real !== 'function') continue;
    list[name] = function inOrder(this: unknown): Parser[] {
      const parsers = Reflect.apply(real, this, []) as Parser[];
      return parsers.sort((one, other) => compare(nameOf(one), nameOf(other)));
    };
  }
}

function nameOf({ socket }: Parser): string {
  return `${socket?.remoteAddress} ${String(socket?.remotePort).padStart(5)}`;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}

function replaceTls(replacements: Replacements): void {
  const { connect: real } = tls;
  /** It is the adapter's own call. */
  let below = false;
  replacements.replace(tls, 'connect', (...args: unknown[]): unknown => {
    if (below || liveProgramHere() === null) return Reflect.apply(real, tls, args);
    below = true;
    try {
      return Reflect.apply(connectTls, null, args);
    } finally {
      below = false;
    }
  });
}

type Callback = (error: Error | null, ...results: unknown[]) => void;

function replaceNames(replacements: Replacements): void {
  const { lookup: realLookup, promises } = dns;
  const { lookup: realPromised } = promises;
  const find = (program: NodeProgram, [hostname, given, last]: unknown[]) => {
    const callback = typeof given === 'function' ? given : last;
    const options = typeof given === 'number' ? { family: given } : typeof given === 'object' ? given : {};
    const { verbatim, ...rest } = (options ?? {}) as { verbatim?: boolean; order?: unknown };
    lookup(hostname as string, { ...rest, loop: program.loop } as never, callback as never);
  };
  replacements.replace(dns, 'lookup', (...args: unknown[]): unknown => {
    const program = liveProgramHere();
    if (program === null) return Reflect.apply(realLookup as Method, dns, args);
    find(program, args);
    return {};
  });
  const promised = (program: NodeProgram, hostname: string, options: object | number | undefined) => {
    const all = typeof options === 'object' && (options as { all?: boolean }).all === true;
    return new Promise<unknown>((resolve, reject) => {
      const answered: Callback = (error, found, family) => {
        if (error !== null) reject(error);
        else resolve(all ? found : { address: found, family });
      };
      find(program, [hostname, options ?? {}, answered]);
    });
  };
  replacements.replace(promises, 'lookup', (hostname: string, options?: object | number): unknown => {
    const program = liveProgramHere();
    if (program === null) return Reflect.apply(realPromised as Method, promises, [hostname, options]);
    return promised(program, hostname, options);
  });
  for (const [name, family] of [
    ['resolve4', 4],
    ['resolve6', 6],
  ] as const) {
    const addresses = async (program: NodeProgram, hostname: string) => {
      const found = await promised(program, hostname, { family, all: true });
      return (found as { address: string }[]).map(({ address }) => address);
    };
    const real = dns[name] as Method;
    replacements.replace(dns, name, (hostname: string, ...rest: unknown[]): void => {
      const program = liveProgramHere();
      const callback = rest.at(-1);
      if (program === null || typeof callback !== 'function') {
        Reflect.apply(real, dns, [hostname, ...rest]);
        return;
      }
      addresses(program, hostname).then(
        (found) => (callback as Callback)(null, found),
        (error: Error) => (callback as Callback)(error),
      );
    });
    const realOfPromises = promises[name] as Method;
    replacements.replace(promises, name, (hostname: string, ...rest: unknown[]): unknown => {
      const program = liveProgramHere();
      if (program === null) return Reflect.apply(realOfPromises, promises, [hostname, ...rest]);
      return addresses(program, hostname);
    });
  }
}

/** Agents are shared, above all the global ones; their connections are not. */
function replaceAgents(replacements: Replacements): void {
  const { getName, createConnection } = http.Agent.prototype as unknown as Record<string, Method>;
  replacements.replace(http.Agent.prototype, 'getName', function (this: unknown, ...args: unknown[]): string {
    const program = programHere();
    const name = Reflect.apply(getName as Method, this, args) as string;
    return program === null ? name : `${name}#${program.number}`;
  });
  // Node 20 has `net.createConnection` itself there.
  replacements.replace(
    http.Agent.prototype,
    'createConnection',
    function (this: unknown, ...args: unknown[]): unknown {
      if (programHere() !== null) return Reflect.apply(net.createConnection as Method, net, args);
      return Reflect.apply(createConnection as Method, this, args);
    },
  );
}

interface Dispatcher {
  dispatch(options: unknown, handler: unknown): boolean;
}

const dispatcherKey = Symbol.for('undici.globalDispatcher.1');

/** `fetch` keeps connections by where they go to, for the whole process: here each program has its own. */
function replaceFetch(replacements: Replacements): void {
  const { fetch: real } = globalThis;
  const dispatchers = new WeakMap<NodeProgram, Dispatcher>();
  let prepared = false;
  const prepare = () => {
    prepared = true;
    // Has Node load what it is, and make the first dispatcher.
    real('data:,').catch(() => {});
    const first = Reflect.get(globalThis, dispatcherKey) as
      | (Dispatcher & { constructor: unknown })
      | undefined;
    if (first === undefined) return;
    const Agent = first.constructor as new () => Dispatcher;
    const dispatcherHere = () => {
      const program = programHere();
      if (program === null) return first;
      const dispatcher = dispatchers.get(program) ?? new Agent();
      dispatchers.set(program, dispatcher);
      return dispatcher;
    };
    const forwarding = new Proxy(first, {
      get: (_target, key) => {
        const dispatcher = dispatcherHere();
        const value = Reflect.get(dispatcher, key) as unknown;
        return typeof value === 'function' ? value.bind(dispatcher) : value;
      },
    });
    Reflect.set(globalThis, dispatcherKey, forwarding);
  };
  replacements.replace(globalThis, 'fetch', (...args: Parameters<typeof fetch>) => {
    if (!prepared && liveProgramHere() !== null) prepare();
    return real(...args);
  });
}
