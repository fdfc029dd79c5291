import { isIP, isIPv6 } from 'node:net';

const canonical = new Map<string, string>();

/**
 * The one way in which the address is written here: as RFC 5952 has it, without a scope.
 *
 * @throws {RangeError} no literal address
 */
export function canonicalHost(host: string): string {
  let written = canonical.get(host);
  if (written === undefined) {
    const [bare] = host.split('%') as [string];
    if (isIP(bare) === 0) throw new RangeError(`Cannot use the address '${host}': it is no literal one`);
    written = isIPv6(bare) ? new URL(`http://[${bare}]`).hostname.slice(1, -1) : bare;
    canonical.set(host, written);
  }
  return written;
}

/** @param host canonical */
export function isLoopback(host: string): boolean {
  return host.startsWith('127.') || host === '::1';
}

/** All addresses of the machine. @param host canonical */
export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

/** Of the network that the machines are on, whether anybody has it or not. @param host canonical */
export function isOnNetwork(host: string): boolean {
  return host.startsWith('10.') || host.startsWith('fd00:');
}
