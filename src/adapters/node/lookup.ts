import { isIP } from 'node:net';
import type { EventLoop, ResolvedAddress } from '../../interface/index.ts';
import { getRunningLoop } from '../../loop/index.ts';
import { invalidType, nodeFailure } from './node-failure.ts';
import { familyOf } from './socket-target.ts';

export interface LookupAddress {
  address: string;
  family: number;
}

export interface LookupOptions {
  /** 4 or 6; any unless given */
  family?: number | 'IPv4' | 'IPv6' | undefined;
  /** bits of getaddrinfo(3)'s `ai_flags` */
  hints?: number | undefined;
  /** all addresses, in an array; only the first one unless given */
  all?: boolean | undefined;
  /** which come first; the resolver's order unless given */
  order?: 'ipv4first' | 'ipv6first' | 'verbatim' | undefined;
  /** the one to ask; the running one unless given */
  loop?: EventLoop | undefined;
}

type FirstCallback = (error: Error | null, address: string, family: number) => void;
type AllCallback = (error: Error | null, addresses: LookupAddress[]) => void;

/**
 * `dns.lookup`, by the loop's `getaddrinfo`. Errors are Node's: `ENOTFOUND` and its like, with `hostname`.
 *
 * @throws {TypeError} no callback; {StateError} no loop was given, and none runs
 */
export function lookup(
  hostname: string,
  options: (LookupOptions & { all?: false | undefined }) | number,
  callback: FirstCallback,
): void;
export function lookup(hostname: string, options: LookupOptions & { all: true }, callback: AllCallback): void;
export function lookup(hostname: string, callback: FirstCallback): void;
export function lookup(
  hostname: string,
  given: LookupOptions | number | FirstCallback,
  last?: FirstCallback | AllCallback,
): void {
  const callback = (typeof given === 'function' ? given : last) as (...results: unknown[]) => void;
  if (typeof callback !== 'function') throw invalidType('callback', 'of type function', callback);
  const options = typeof given === 'object' && given !== null ? given : {};
  const family = familyOf(typeof given === 'number' ? given : options.family);
  const answer = (addresses: LookupAddress[]) => {
    if (options.all === true) callback(null, addresses);
    else callback(null, addresses[0]?.address ?? null, addresses[0]?.family ?? family ?? 4);
  };
  // Asked for nothing, Node answers with nothing.
  if (!hostname || isIP(hostname) !== 0) {
    const addresses = hostname ? [{ address: hostname, family: isIP(hostname) }] : [];
    process.nextTick(answer, addresses);
    return;
  }
  const loop = options.loop ?? getRunningLoop();
  const asking = loop.wrapFuture(
    loop.getaddrinfo(hostname, null, { family, flags: options.hints, type: 'stream' }),
  );
  asking.addDoneCallback(() => {
    if (asking.cancelled()) return;
    const failure = asking.exception();
    if (failure === null) answer(sorted(asking.result(), options.order));
    else callback(nodeFailure(failure, hostname));
  });
}

function sorted(found: readonly ResolvedAddress[], order: LookupOptions['order']): LookupAddress[] {
  const addresses = found.map(({ host, family }) => ({ address: host, family }));
  const first = order === 'ipv4first' ? 4 : order === 'ipv6first' ? 6 : null;
  if (first === null) return addresses;
  return [
    ...addresses.filter(({ family }) => family === first),
    ...addresses.filter(({ family }) => family !== first),
  ];
}
