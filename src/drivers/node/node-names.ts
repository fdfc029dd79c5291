import dns, { ADDRCONFIG, ALL, V4MAPPED } from 'node:dns';
import { isIP } from 'node:net';
import {
  type AddressFamily,
  type Completion,
  type DriverHost,
  type NameOperations,
  type Operation,
  type ResolvedAddress,
  type ResolveOptions,
  SystemError,
} from '../../interface/index.ts';
import { systemError } from '../common/system-error.ts';

// Captured when loaded: what shims put in its place later may stand on this loop.
const { lookup, lookupService } = dns;

/** getaddrinfo(3): wildcard addresses, to bind to, where no host is given */
const AI_PASSIVE = 1;
const hintsKnown = ADDRCONFIG | V4MAPPED | ALL;

/** Names by the platform's resolver, in libuv's threads. */
export class NodeNames implements NameOperations {
  readonly #host: DriverHost;

  constructor(host: DriverHost) {
    this.#host = host;
  }

  lookup(
    host: string | null,
    service: string | number | null,
    options: ResolveOptions,
    completion: Completion<ResolvedAddress[]>,
  ): Operation {
    const once = new Once(this.#host, completion);
    const port = portNumber(service);
    if (port === null) {
      once.failed(
        new SystemError(`Cannot resolve service ${String(service)}: this driver takes port numbers only`, {
          code: 'EAI_SERVICE',
          syscall: 'getaddrinfo',
        }),
      );
      return once;
    }
    const answer = (addresses: { address: string; family: number }[]) =>
      once.succeeded(
        addresses.map(({ address, family }) => ({
          host: address,
          port,
          family: family as AddressFamily,
          type: options.type ?? 'stream',
        })),
      );
    if (host === null || host === '') {
      const passive = ((options.flags ?? 0) & AI_PASSIVE) !== 0;
      const all = [
        { address: passive ? '0.0.0.0' : '127.0.0.1', family: 4 },
        { address: passive ? '::' : '::1', family: 6 },
      ];
      answer(all.filter(({ family }) => options.family === undefined || family === options.family));
      return once;
    }
    try {
      lookup(
        host,
        { all: true, family: options.family ?? 0, hints: (options.flags ?? 0) & hintsKnown, verbatim: true },
        (error, addresses) => {
          if (error === null) answer(addresses);
          else once.failed(systemError(`resolve ${host}`, error));
        },
      );
    } catch (error) {
      once.failed(systemError(`resolve ${host}`, error));
    }
    return once;
  }

  reverse(
    address: { host: string; port: number },
    _flags: number,
    completion: Completion<[host: string, service: string]>,
  ): Operation {
    const once = new Once(this.#host, completion);
    if (isIP(address.host) === 0) {
      once.failed(
        new SystemError(`Cannot look up ${address.host}: not a literal address`, {
          code: 'EAI_NONAME',
          syscall: 'getnameinfo',
        }),
      );
      return once;
    }
    lookupService(address.host, address.port, (error, hostname, service) => {
      if (error === null) once.succeeded([hostname, service]);
      else once.failed(systemError(`look up ${address.host}`, error));
    });
    return once;
  }
}

/** null: not a number, but the name of a service, which Node cannot look up. */
function portNumber(service: string | number | null): number | null {
  if (service === null || service === '') return 0;
  const port = typeof service === 'number' || /^\d+$/.test(service) ? Number(service) : -1;
  return Number.isInteger(port) && port >= 0 && port <= 65_535 ? port : null;
}

/**
 * Node cannot end a look-up; a cancelled one is let run and not heard. What is known at once is told a little later:
 * outside a turn of the loop, a dispatch would call from inside the call.
 */
class Once<T> implements Operation {
  readonly #host: DriverHost;
  readonly #completion: Completion<T>;
  #cancelled = false;

  constructor(host: DriverHost, completion: Completion<T>) {
    this.#host = host;
    this.#completion = completion;
  }

  cancel(): void {
    this.#cancelled = true;
  }

  succeeded(value: T): void {
    this.#end(() => this.#completion.succeeded(value));
  }

  failed(error: Error): void {
    this.#end(() => this.#completion.failed(error));
  }

  #end(tell: () => void): void {
    queueMicrotask(() =>
      this.#host.dispatch(() => {
        if (!this.#cancelled) tell();
      }, undefined),
    );
  }
}
