import dns from 'node:dns';
import net from 'node:net';
import {
  lookUp,
  type Method,
  replaceNetwork as replaceNetworkOfNode,
} from '../../adapters/node/globals-network.ts';
import { setGlobalsNetwork } from '../../adapters/node/globals-network-loop.ts';
import type { Replacements } from '../../adapters/node/replacements.ts';
import type { EventLoop } from '../../interface/index.ts';
import { liveProgramHere, programHere } from './node-program.ts';

/** Node's modules for the network, on the loop of the program that calls them; for the rest of the process. */
export function replaceNetwork(replacements: Replacements): void {
  setGlobalsNetwork({
    loopToOpenOn: () => liveProgramHere()?.loop ?? null,
    loopHere: () => programHere()?.loop ?? null,
  });
  replaceNetworkOfNode(replacements);
  orderConnectionsOfServers(replacements);
  replaceResolving(replacements);
}

function orderConnectionsOfServers(replacements: Replacements): void {
  const { listen } = net.Server.prototype;
  replacements.replace(net.Server.prototype, 'listen', function (this: net.Server, ...args: unknown[]) {
    if (programHere() !== null) this.once('listening', () => orderConnections(this));
    return Reflect.apply(listen as Method, this, args);
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

type Callback = (error: Error | null, ...results: unknown[]) => void;

/** What asks name servers in reality: here there are none, and hosts know each other. */
function replaceResolving(replacements: Replacements): void {
  const { promises } = dns;
  for (const [name, family] of [
    ['resolve4', 4],
    ['resolve6', 6],
  ] as const) {
    const addresses = async (loop: EventLoop, hostname: string) => {
      const found = await lookUp(loop, hostname, { family, all: true });
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
      addresses(program.loop, hostname).then(
        (found) => (callback as Callback)(null, found),
        (error: Error) => (callback as Callback)(error),
      );
    });
    const realOfPromises = promises[name] as Method;
    replacements.replace(promises, name, (hostname: string, ...rest: unknown[]): unknown => {
      const program = liveProgramHere();
      if (program === null) return Reflect.apply(realOfPromises, promises, [hostname, ...rest]);
      return addresses(program.loop, hostname);
    });
  }
}
