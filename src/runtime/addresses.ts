import {
  type AddressFamily,
  type EventLoop,
  type NameOperations,
  type ResolvedAddress,
  type ResolveOptions,
  type Suspension,
  SystemError,
} from '../interface/index.ts';
import { OperationFuture } from './operation-future.ts';

/**
 * What a literal address with a numeric port stands for, without asking anybody; null: ask the resolver.
 *
 * A scope (`%eth0`), a service name and an unspecified host go to the resolver, which knows them.
 */
export function literalAddress(
  host: string | null,
  port: number | string | null,
  options: ResolveOptions,
): ResolvedAddress | null {
  if (host === null || host === '' || host.includes('%')) return null;
  const number = port === null || port === '' ? 0 : typeof port === 'number' ? port : decimal(port);
  if (number === null) return null;
  const family = familyOf(host);
  if (family === null || (options.family !== undefined && options.family !== family)) return null;
  return { family, type: options.type ?? 'stream', host, port: number };
}

/** 4 or 6 for a literal address without a scope, null for anything else. */
export function familyOf(host: string): AddressFamily | null {
  if (/^(?:\d{1,3}\.){3}\d{1,3}$/.test(host)) {
    return host
      .split('.')
      .every((part) => Number(part) <= 255 && (part.length === 1 || !part.startsWith('0')))
      ? 4
      : null;
  }
  return host.includes(':') && isIPv6(host) ? 6 : null;
}

/** By the platform's own parser of addresses, which every runtime with `URL` has. */
function isIPv6(host: string): boolean {
  return /^[0-9a-f:.]+$/i.test(host) && URL.canParse(`http://[${host}]/`);
}

function decimal(text: string): number | null {
  return /^\d+$/.test(text) ? Number(text) : null;
}

function checkPortNumber(port: number): void {
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new RangeError(`Cannot use port ${port}: not an integer from 0 to 65535`);
  }
}

/** @throws {TypeError | RangeError} nothing that a resolver can be asked for */
export function checkHost(host: unknown): void {
  if (host === null || host === undefined) return;
  if (typeof host !== 'string') throw new TypeError(`Cannot use host ${String(host)}: it is not a string`);
  // getaddrinfo(3) would take what is before it for the whole name.
  if (host.includes('\0')) throw new RangeError(`Cannot use host ${JSON.stringify(host)}: it contains a NUL`);
}

/** @throws {TypeError | RangeError} neither a port number nor the name of a service */
export function checkPort(port: unknown): void {
  if (port === null || port === undefined) return;
  if (typeof port === 'number') checkPortNumber(port);
  else if (typeof port !== 'string')
    throw new TypeError(`Cannot use port ${String(port)}: it is not a number`);
  else if (decimal(port) !== null) checkPortNumber(Number(port));
}

/** The addresses of a host, at least one. */
export function* resolve(
  loop: EventLoop,
  names: NameOperations,
  host: string | null,
  port: number | string | null,
  options: ResolveOptions,
): Generator<Suspension, ResolvedAddress[], unknown> {
  const literal = literalAddress(host, port, options);
  if (literal !== null) return [literal];
  const addresses = yield* new OperationFuture<ResolvedAddress[]>(loop, (completion) =>
    names.lookup(host, port, options, completion),
  );
  if (addresses.length === 0) {
    throw new SystemError(`Cannot resolve ${host ?? 'the host'}: the resolver gave no address`, {
      code: 'EAI_NONAME',
      syscall: 'getaddrinfo',
    });
  }
  return addresses;
}
