import { ADDRCONFIG, ALL, V4MAPPED } from 'node:dns';
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
import { isLoopback } from './addresses.ts';
import { type KernelErrorCode, kernelError } from './kernel-error.ts';
import type { Machine } from './machine.ts';
import type { HostAddress } from './name-service.ts';
import { portOfService, serviceOfPort } from './services.ts';

// getaddrinfo(3). Those that Node gives a name are of the platform; the others are the same everywhere, but for the last.
const AI_PASSIVE = 1;
const AI_CANONNAME = 2;
const AI_NUMERICHOST = 4;
const AI_NUMERICSERV = ADDRCONFIG === 0x400 ? 0x1000 : 0x400;
const flagsKnown = AI_PASSIVE | AI_CANONNAME | AI_NUMERICHOST | AI_NUMERICSERV | V4MAPPED | ALL | ADDRCONFIG;

// getnameinfo(3), as Linux has them.
const NI_NUMERICHOST = 1;
const NI_NUMERICSERV = 2;
const NI_NAMEREQD = 8;
const NI_DGRAM = 16;

const loopback: readonly HostAddress[] = [
  { host: '127.0.0.1', family: 4 },
  { host: '::1', family: 6 },
];
const wildcard: readonly HostAddress[] = [
  { host: '0.0.0.0', family: 4 },
  { host: '::', family: 6 },
];

interface Found {
  readonly addresses: readonly HostAddress[];
  readonly canonicalName: string;
}

/**
 * Names as the C library's resolver has them: this machine's own and `localhost` from its own table, at once; those of
 * others by asking, which takes time and may fail.
 *
 * @see getaddrinfo(3), getnameinfo(3)
 */
export class SimulatedNames implements NameOperations {
  readonly #machine: Machine;
  readonly #host: DriverHost;
  readonly #asked = new Set<Question>();

  constructor(machine: Machine, host: DriverHost) {
    this.#machine = machine;
    this.#host = host;
  }

  lookup(
    host: string | null,
    service: string | number | null,
    options: ResolveOptions,
    completion: Completion<ResolvedAddress[]>,
  ): Operation {
    const { type = 'stream', flags = 0 } = options;
    const name = host === '' ? null : host;
    const fail = (code: KernelErrorCode) => () =>
      completion.failed(kernelError(`resolve ${name ?? `service ${service}`}`, 'getaddrinfo', code));

    const number = portNumber(service);
    if (number === null && !isServiceName(service)) {
      const error = new SystemError(
        `Cannot resolve service ${String(service)}: neither a port number nor a name`,
        { code: 'EAI_SERVICE', syscall: 'getaddrinfo' },
      );
      return this.#soon(() => completion.failed(error));
    }
    if ((flags & ~flagsKnown) !== 0) return this.#soon(fail('EAI_BADFLAGS'));
    if (number === null && (flags & AI_NUMERICSERV) !== 0) return this.#soon(fail('ENOTFOUND'));
    const port = number ?? portOfService(service as string, type);
    if (port === null) return this.#soon(fail('EAI_SERVICE'));

    const tell = (addresses: readonly HostAddress[], canonicalName: string | null) => () => {
      const found = addresses.map((address): ResolvedAddress => ({ ...address, port, type }));
      if (canonicalName !== null && (flags & AI_CANONNAME) !== 0 && found[0] !== undefined)
        found[0].canonicalName = canonicalName;
      completion.succeeded(found);
    };
    if (name === null) {
      const known = (flags & AI_PASSIVE) === 0 ? loopback : wildcard;
      return this.#soon(tell(ofFamily(known, options), null));
    }
    const version = isIP(name);
    if (version !== 0) {
      const address = { host: name, family: version as AddressFamily };
      const found = ofFamily([address], options);
      return this.#soon(found.length === 0 ? fail('EAI_ADDRFAMILY') : tell(found, name));
    }
    if ((flags & AI_NUMERICHOST) !== 0) return this.#soon(fail('ENOTFOUND'));
    const answer = (known: Found | null) => {
      const found = ofFamily(known?.addresses ?? [], options);
      return found.length === 0 ? fail('ENOTFOUND') : tell(found, known?.canonicalName ?? name);
    };
    const wanted = name.toLowerCase().replace(/(?<=.)\.$/, '');
    if (wanted === 'localhost') return this.#soon(answer({ addresses: loopback, canonicalName: wanted }));
    const { names } = this.#machine.world;
    if (wanted === this.#machine.name.toLowerCase()) return this.#soon(answer(names.find(wanted)));
    return this.#ask(name, () => answer(names.find(wanted))(), fail('EAI_AGAIN'));
  }

  reverse(
    address: { host: string; port: number },
    flags: number,
    completion: Completion<[host: string, service: string]>,
  ): Operation {
    const { host, port } = address;
    if (isIP(host) === 0) {
      const error = new SystemError(`Cannot look up ${host}: not a literal address`, {
        code: 'EAI_NONAME',
        syscall: 'getnameinfo',
      });
      return this.#soon(() => completion.failed(error));
    }
    const type = (flags & NI_DGRAM) === 0 ? 'stream' : 'datagram';
    const service = ((flags & NI_NUMERICSERV) === 0 ? serviceOfPort(port, type) : null) ?? String(port);
    const fail = (code: KernelErrorCode) =>
      completion.failed(kernelError(`look up ${host}`, 'getnameinfo', code));
    const tell = (name: string | null) => {
      if (name === null && (flags & NI_NAMEREQD) !== 0) fail('ENOTFOUND');
      else completion.succeeded([name ?? host, service]);
    };
    if ((flags & NI_NUMERICHOST) !== 0) return this.#soon(() => tell(host));
    if (isLoopback(host)) return this.#soon(() => tell('localhost'));
    const { names } = this.#machine.world;
    if (this.#machine.addresses.includes(host)) return this.#soon(() => tell(this.#machine.name));
    return this.#ask(
      host,
      () => tell(names.nameOf(host)),
      () => fail('EAI_AGAIN'),
    );
  }

  /** An answer is on its way. */
  get asking(): boolean {
    return this.#asked.size > 0;
  }

  /** Nothing that was asked is answered any more. */
  close(): void {
    for (const question of [...this.#asked]) question.cancel();
  }

  /** What is known at once is told a little later all the same: never from inside the call. */
  #soon(tell: () => void): Operation {
    const question = new Question(tell, () => {});
    this.#host.enqueue(question);
    return question;
  }

  #ask(what: string, tell: () => void, fail: () => void): Operation {
    const { world, name } = this.#machine;
    const fails = world.names.drawFailure(this.#machine);
    const question = new Question(fails ? fail : tell, () => {
      this.#asked.delete(question);
      world.cancel(timer);
    });
    const answered = () => {
      this.#asked.delete(question);
      question.release = nothing;
      if (fails && world.trace !== null)
        world.note({ host: name, kind: 'fault', text: `the look-up of ${what} fails: EAI_AGAIN` });
      this.#host.enqueue(question);
    };
    const timer = world.schedule(world.names.drawLatency(this.#machine), { run: answered });
    this.#asked.add(question);
    return question;
  }
}

function nothing(): void {}

/** Something that is asked, until it has been told of or given up. */
class Question implements Operation {
  /** gives back what is taken for it */
  release: () => void;
  #tell: (() => void) | null;

  constructor(tell: () => void, release: () => void) {
    this.#tell = tell;
    this.release = release;
  }

  cancel(): void {
    if (this.#tell === null) return;
    this.#tell = null;
    this.release();
  }

  run(): void {
    const tell = this.#tell;
    this.#tell = null;
    tell?.();
  }

  toString(): string {
    return '<I/O: a look-up>';
  }
}

/** Those of the wanted family; for IPv6 also the others written as such, where flags ask for that. */
function ofFamily(addresses: readonly HostAddress[], { family, flags = 0 }: ResolveOptions): HostAddress[] {
  if (family === undefined) return [...addresses];
  const found = addresses.filter((address) => address.family === family);
  if (family === 4 || (flags & V4MAPPED) === 0 || (found.length > 0 && (flags & ALL) === 0)) return found;
  const mapped = addresses.filter((address) => address.family === 4);
  return [...found, ...mapped.map(({ host }): HostAddress => ({ host: `::ffff:${host}`, family: 6 }))];
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
