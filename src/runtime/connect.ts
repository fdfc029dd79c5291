import { Future } from '../coroutines/index.ts';
import {
  type Completion,
  type ConnectionOptions,
  type EventLoop,
  GroupError,
  type Handle,
  type NameOperations,
  type Operation,
  type ResolvedAddress,
  type StreamChannel,
  type StreamOperations,
  type StreamOptions,
  type Suspension,
  SystemError,
  TimeoutError,
} from '../interface/index.ts';
import { checkHost, checkPort, resolve } from './addresses.ts';

/** RFC 8305 section 5: how long one attempt has before the next begins beside it. */
const happyEyeballsDelayDefault = 250;

/** @throws {TypeError | RangeError} an option has no meaning */
export function checkConnectionOptions(options: ConnectionOptions): void {
  const { host, port, localAddress, happyEyeballsDelay = null, interleave = 0 } = options;
  checkHost(host);
  checkPort(port);
  checkHost(localAddress?.host);
  checkPort(localAddress?.port);
  if (happyEyeballsDelay !== null && !(happyEyeballsDelay >= 0)) {
    throw new RangeError(`Cannot connect: happyEyeballsDelay is ${happyEyeballsDelay}, not 0 or more`);
  }
  if (!Number.isInteger(interleave) || interleave < 0) {
    throw new RangeError(`Cannot connect: interleave is ${interleave}, not an integer from 0 on`);
  }
}

/** A connection to the first address of a host that accepts one. */
export function* connectToHost(
  loop: EventLoop,
  streams: StreamOperations,
  names: NameOperations,
  options: ConnectionOptions,
): Generator<Suspension, StreamChannel, unknown> {
  const { host = '', port = null, family, flags } = options;
  const found = yield* resolve(loop, names, host, port, { family, flags, type: 'stream' });
  const delay =
    options.happyEyeballsDelay === undefined ? happyEyeballsDelayDefault : options.happyEyeballsDelay;
  const interleave = options.interleave ?? (delay === null ? 0 : 1);
  const addresses = interleave > 0 ? interleaved(found, interleave) : found;

  const targets: { address: ResolvedAddress; options: StreamOptions }[] = [];
  if (options.localAddress === undefined) {
    for (const address of addresses) targets.push({ address, options: {} });
  } else {
    const local = options.localAddress;
    const locals = yield* resolve(loop, names, local.host, local.port ?? 0, {
      family,
      flags,
      type: 'stream',
    });
    for (const address of addresses) {
      const bindTo = locals.find((candidate) => candidate.family === address.family);
      if (bindTo !== undefined) {
        targets.push({ address, options: { localAddress: { host: bindTo.host, port: bindTo.port } } });
      }
    }
    if (targets.length === 0) {
      throw new SystemError(
        `Cannot connect to ${host} from ${local.host}: no address of ${host} is of the same family`,
        { code: 'EADDRNOTAVAIL', syscall: 'bind', address: local.host, port: local.port },
      );
    }
  }
  const race = new ConnectRace(
    loop,
    targets.map(
      (target) => (completion) =>
        streams.connect(
          {
            kind: 'internet',
            host: target.address.host,
            port: target.address.port,
            family: target.address.family,
          },
          target.options,
          completion,
        ),
    ),
    delay,
    options.allErrors === true,
  );
  return yield* race;
}

/** Alternates the families, the first one's first `firstCount` addresses ahead. @see RFC 8305 section 4 */
export function interleaved(addresses: readonly ResolvedAddress[], firstCount: number): ResolvedAddress[] {
  const first = addresses.filter(({ family }) => family === addresses[0]?.family);
  const other = addresses.filter(({ family }) => family !== addresses[0]?.family);
  const order = first.splice(0, firstCount - 1);
  while (first.length > 0 || other.length > 0) {
    order.push(...first.splice(0, 1), ...other.splice(0, 1));
  }
  return order;
}

export type Attempt = (completion: Completion<StreamChannel>) => Operation;

/**
 * Attempts one after the other, the next as soon as the last one failed or, with a delay, has taken that long. The first
 * connection wins; the other attempts are cancelled.
 */
export class ConnectRace extends Future<StreamChannel> {
  readonly #attempts: readonly Attempt[];
  readonly #delay: number | null;
  readonly #allErrors: boolean;
  readonly #running = new Set<Operation>();
  readonly #errors: Error[] = [];
  #started = 0;
  #timer: Handle | null = null;

  constructor(loop: EventLoop, attempts: readonly Attempt[], delay: number | null, allErrors: boolean) {
    super({ loop });
    this.#attempts = attempts;
    this.#delay = delay;
    this.#allErrors = allErrors;
    this.#next();
  }

  override cancel(reason?: unknown): boolean {
    if (!super.cancel(reason)) return false;
    this.#stop();
    return true;
  }

  #next(): void {
    this.#timer?.cancel();
    this.#timer = null;
    const attempt = this.#attempts[this.#started];
    if (attempt === undefined) {
      if (this.#running.size === 0) this.fail(this.#failure());
      return;
    }
    this.#started++;
    const operation = attempt({
      succeeded: (channel) => {
        this.#running.delete(operation);
        if (this.done()) {
          channel.abort();
          return;
        }
        this.#stop();
        this.fulfil(channel);
      },
      failed: (error) => {
        this.#running.delete(operation);
        if (this.done()) return;
        this.#errors.push(error);
        this.#next();
      },
    });
    this.#running.add(operation);
    if (this.#delay !== null && this.#started < this.#attempts.length) {
      this.#timer = this.loop.callLater(this.#delay, () => this.#next());
    }
  }

  #stop(): void {
    this.#timer?.cancel();
    for (const operation of this.#running) operation.cancel();
    this.#running.clear();
  }

  #failure(): Error {
    const [first, ...others] = this.#errors;
    if (first === undefined) return new TimeoutError('Cannot connect: no attempt came to an end');
    if (this.#allErrors)
      return new GroupError(this.#errors, `Cannot connect: ${this.#errors.length} attempts failed`);
    if (others.every(({ message }) => message === first.message)) return first;
    const { code = 'ECONNFAILED', errno, syscall } = first as SystemError;
    return new SystemError(
      `Cannot connect: ${this.#errors.map(({ message }) => message).join('; ')}`,
      { code, errno, syscall },
      { cause: new GroupError(this.#errors, 'All attempts failed') },
    );
  }
}
