import { isIP } from 'node:net';
import { getSystemErrorMap } from 'node:util';
import {
  type AddressFamily,
  type Completion,
  type NameOperations,
  type Operation,
  type ResolvedAddress,
  type ResolveOptions,
  SystemError,
} from '../../interface/index.ts';
import { type Address, copyNative, encodeAddress } from '../../syscalls/index.ts';
import { decodeAddressInfo, encodeHints } from './address-info.ts';
import { type Libuv, UV_GETADDRINFO, UV_GETNAMEINFO } from './libuv.ts';
import type { PrivateUvLoop } from './private-uv-loop.ts';
import type { UvRequest } from './uv-request.ts';

/** getaddrinfo(3): wildcard addresses, to bind to, where no host is given */
const AI_PASSIVE = 1;

const utf8 = new TextEncoder();
const utf8Decoder = new TextDecoder();

/**
 * Names by the C library's resolver, in libuv's threads: as `dns.lookup` has them, and with services by name, all flags
 * and canonical names besides.
 *
 * @see getaddrinfo(3), getnameinfo(3)
 */
export class UvNames implements NameOperations {
  readonly #loop: PrivateUvLoop;

  constructor(loop: PrivateUvLoop) {
    this.#loop = loop;
  }

  lookup(
    host: string | null,
    service: string | number | null,
    options: ResolveOptions,
    completion: Completion<ResolvedAddress[]>,
  ): Operation {
    const type = options.type ?? 'stream';
    const question = new Question(this.#loop, completion);
    const port = portNumber(service);
    if (port === null && !isServiceName(service)) {
      question.failed(
        new SystemError(`Cannot resolve service ${String(service)}: neither a port number nor a name`, {
          code: 'EAI_SERVICE',
          syscall: 'getaddrinfo',
        }),
      );
      return question;
    }
    const known = port === null ? null : knownHosts(host, options);
    if (port !== null && known !== null) {
      question.succeeded(known.map(({ host, family }) => ({ host, port, family, type })));
      return question;
    }
    question.ask(
      UV_GETADDRINFO,
      (uv, loop, { address }) =>
        uv.uv_getaddrinfo(
          loop,
          address,
          uv.setData,
          host ? nulTerminated(host) : null,
          nulTerminated(String(port ?? service)),
          encodeHints(options),
        ),
      (uv, { addressInfo }) => decodeAddressInfo(uv, addressInfo, type),
      (status) => failure(`resolve ${host || `service ${service}`}`, 'getaddrinfo', status),
    );
    return question;
  }

  reverse(
    address: { host: string; port: number },
    flags: number,
    completion: Completion<[host: string, service: string]>,
  ): Operation {
    const { host, port } = address;
    const question = new Question(this.#loop, completion);
    const family = isIP(host);
    if (family === 0) {
      question.failed(
        new SystemError(`Cannot look up ${host}: not a literal address`, {
          code: 'EAI_NONAME',
          syscall: 'getnameinfo',
        }),
      );
      return question;
    }
    question.ask(
      UV_GETNAMEINFO,
      (uv, loop, { address }) =>
        uv.uv_getnameinfo(
          loop,
          address,
          uv.setData,
          encodeAddress({ host, port, family: family as AddressFamily }),
          flags,
        ),
      ({ layout }, { address: at }) => [
        textAt(at + layout.host, layout.hostBytes),
        textAt(at + layout.service, layout.serviceBytes),
      ],
      (status) => failure(`look up ${host}`, 'getnameinfo', status),
    );
    return question;
  }
}

/** Something that is asked, and whom to tell: a little later, also if it is known at once, and not if given up. */
class Question<T> implements Operation {
  readonly #loop: PrivateUvLoop;
  #completion: Completion<T> | null;
  #request: UvRequest | null = null;

  constructor(loop: PrivateUvLoop, completion: Completion<T>) {
    this.#loop = loop;
    this.#completion = completion;
  }

  /**
   * @param start hands the request to libuv; returns its error, negative, else 0
   * @param answer takes the answer out
   * @param failure what an error of libuv's means
   */
  ask(
    kind: number,
    start: (uv: Libuv, loop: number, request: UvRequest) => number,
    answer: (uv: Libuv, request: UvRequest) => T,
    failure: (status: number) => Error,
  ): void {
    try {
      const request = this.#loop.request(kind, start, (uv, request) => {
        this.#settle();
        const { status } = request;
        if (status !== 0) return () => this.#end()?.failed(failure(status));
        const value = answer(uv, request);
        return () => this.#end()?.succeeded(value);
      });
      if (typeof request === 'number') this.failed(failure(request));
      else this.#request = request;
    } catch (error) {
      this.failed(error as Error); // no descriptor left for the loop
    }
    if (this.#request !== null) this.#loop.ref();
  }

  succeeded(value: T): void {
    this.#loop.soon('a look-up', () => this.#end()?.succeeded(value));
  }

  failed(error: Error): void {
    this.#loop.soon('a look-up', () => this.#end()?.failed(error));
  }

  cancel(): void {
    this.#completion = null;
    this.#request?.cancel();
    this.#settle();
  }

  #settle(): void {
    if (this.#request !== null) this.#loop.unref();
    this.#request = null;
  }

  #end(): Completion<T> | null {
    const completion = this.#completion;
    this.#completion = null;
    return completion;
  }
}

/** null: not a number. */
function portNumber(service: string | number | null): number | null {
  if (service === null || service === '') return 0;
  const port = typeof service === 'number' || /^\d+$/.test(service) ? Number(service) : -1;
  return Number.isInteger(port) && port >= 0 && port <= 65_535 ? port : null;
}

/** What the C library cannot take for a number, as strtoul(3) takes ` 80`, `-1` and, with its lowest bits, `65536`. */
function isServiceName(service: string | number | null): service is string {
  return typeof service === 'string' && !/^\s*[-+]?\d+$|\0/.test(service);
}

/** What needs no resolver; null: it does. */
function knownHosts(
  host: string | null,
  { family, flags = 0 }: ResolveOptions,
): { host: string; family: AddressFamily }[] | null {
  const passive = (flags & AI_PASSIVE) !== 0;
  const plain = (flags & ~AI_PASSIVE) === 0;
  if (host === null || host === '') {
    const all = [
      { host: passive ? '0.0.0.0' : '127.0.0.1', family: 4 as const },
      { host: passive ? '::' : '::1', family: 6 as const },
    ];
    return all.filter((known) => family === undefined || known.family === family);
  }
  const version = isIP(host);
  // Flags may ask for more than the address: a name, another family.
  if (version === 0 || !plain || (family !== undefined && family !== version)) return null;
  return [{ host, family: version as AddressFamily }];
}

/** libuv's error as Node tells it: a name that nobody knows is ENOTFOUND. */
function failure(doing: string, syscall: string, status: number): SystemError {
  const [name = 'EUNKNOWN', why = `error ${status}`] = getSystemErrorMap().get(status) ?? [];
  const code = name === 'EAI_NONAME' || name === 'EAI_NODATA' ? 'ENOTFOUND' : name;
  return new SystemError(`Cannot ${doing}: ${why} (${code})`, { code, errno: status, syscall });
}

function nulTerminated(text: string): Uint8Array {
  return utf8.encode(`${text}\0`);
}

function textAt(at: Address, byteCount: number): string {
  const bytes = copyNative(at, byteCount);
  const end = bytes.indexOf(0);
  return utf8Decoder.decode(end === -1 ? bytes : bytes.subarray(0, end));
}
