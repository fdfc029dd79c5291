import type {
  Completion,
  Driver,
  DriverHost,
  Listener,
  ListenerSink,
  ListenOptions,
  NameOperations,
  Operation,
  ResolvedAddress,
  ResolveOptions,
  SocketAddress,
  StreamChannel,
  StreamOperations,
  StreamOptions,
  StreamTarget,
} from '../../src/interface/index.ts';
import { SystemError } from '../../src/interface/index.ts';
import { EventLoop } from '../../src/runtime/event-loop.ts';

/** Something that the driver was asked for and the test decides about. */
class Asked<T> {
  cancelled = false;
  ended = false;
  readonly #host: DriverHost;
  readonly #completion: Completion<T>;

  constructor(host: DriverHost, completion: Completion<T>) {
    this.#host = host;
    this.#completion = completion;
  }

  get underWay(): boolean {
    return !this.cancelled && !this.ended;
  }

  succeed(value: T): void {
    this.ended = true;
    this.#host.dispatch((result) => {
      if (!this.cancelled) this.#completion.succeeded(result);
    }, value);
  }

  fail(code: string, message = code): void {
    this.ended = true;
    this.#host.dispatch((error) => {
      if (!this.cancelled) this.#completion.failed(error);
    }, new SystemError(message, { code }));
  }

  readonly operation: Operation = {
    cancel: () => {
      this.cancelled = true;
    },
  };
}

export class Lookup extends Asked<ResolvedAddress[]> {
  readonly host: string | null;
  readonly service: string | number | null;
  readonly options: ResolveOptions;

  constructor(
    host: DriverHost,
    asked: { host: string | null; service: string | number | null; options: ResolveOptions },
    completion: Completion<ResolvedAddress[]>,
  ) {
    super(host, completion);
    this.host = asked.host;
    this.service = asked.service;
    this.options = asked.options;
  }

  /** Answers with these addresses, and with the service as the port. */
  answer(...hosts: string[]): void {
    this.succeed(
      hosts.map((host) => ({
        host,
        port: Number(this.service ?? 0),
        family: host.includes(':') ? 6 : 4,
        type: 'stream',
      })),
    );
  }
}

export class Attempt extends Asked<StreamChannel> {
  readonly target: StreamTarget;
  readonly options: StreamOptions;

  constructor(
    host: DriverHost,
    target: StreamTarget,
    options: StreamOptions,
    completion: Completion<StreamChannel>,
  ) {
    super(host, completion);
    this.target = target;
    this.options = options;
  }

  get host(): string {
    return this.target.kind === 'internet' ? this.target.host : this.target.path;
  }
}

export class ScriptedListener extends Asked<Listener> implements Listener {
  readonly target: StreamTarget;
  readonly options: ListenOptions;
  readonly sink: ListenerSink;
  address: SocketAddress;
  closed = false;

  constructor(
    host: DriverHost,
    target: StreamTarget,
    options: ListenOptions,
    sink: ListenerSink,
    completion: Completion<Listener>,
  ) {
    super(host, completion);
    this.target = target;
    this.options = options;
    this.sink = sink;
    this.address = target.kind === 'unix' ? { path: target.path } : target;
  }

  /** Listens; where any port would do, on this one. */
  open(anyPort = 1000): void {
    const { target } = this;
    if (target.kind === 'internet') {
      const { host, port, family } = target;
      this.address = { host, port: port === 0 ? anyPort : port, family };
    }
    this.succeed(this);
  }

  close(): void {
    this.closed = true;
  }

  ref(): void {}

  unref(): void {}
}

/**
 * A driver with no kernel and no clock: it notes what it is asked for, and the test says how that ends and what time it
 * is. The loop on it is turned by the test too.
 */
export class ScriptedDriver implements Driver {
  readonly name = 'scripted';
  readonly canBlock = false;
  readonly pollDescriptor = null;
  readonly signals = null;
  readonly descriptors = null;
  readonly sockets = null;
  readonly datagrams = null;
  readonly pipes = null;
  readonly processes = null;
  readonly tls = null;
  readonly alarm = null;
  readonly refs = 0;
  readonly lookups: Lookup[] = [];
  readonly attempts: Attempt[] = [];
  readonly listeners: ScriptedListener[] = [];
  readonly loop: EventLoop;
  #now = 0;
  #host: DriverHost | null = null;

  constructor() {
    this.loop = new EventLoop(this, { debug: false });
  }

  readonly names: NameOperations = {
    lookup: (host, service, options, completion) => {
      const lookup = new Lookup(this.#attached(), { host, service, options }, completion);
      this.lookups.push(lookup);
      return lookup.operation;
    },
    reverse: () => {
      throw new Error('not scripted');
    },
  };

  readonly streams: StreamOperations = {
    connect: (target, options, completion) => {
      const attempt = new Attempt(this.#attached(), target, options, completion);
      this.attempts.push(attempt);
      return attempt.operation;
    },
    listen: (target, options, sink, completion) => {
      const listener = new ScriptedListener(this.#attached(), target, options, sink, completion);
      this.listeners.push(listener);
      return listener.operation;
    },
  };

  /** Turns the loop until nothing is due. */
  settle(): void {
    while (this.loop.timeUntilNextTimer() === 0) this.loop.runOnce(0);
  }

  /** Lets time pass, stopping where a timer is due, and settles. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds;
    this.settle();
    for (;;) {
      const wait = this.loop.timeUntilNextTimer();
      if (wait === null || this.#now + wait > end) break;
      this.#now += wait;
      this.settle();
    }
    this.#now = end;
  }

  /** The hosts that are being connected to, of those tried so far. */
  get underWay(): string[] {
    return this.attempts.filter((attempt) => attempt.underWay).map(({ host }) => host);
  }

  get tried(): string[] {
    return this.attempts.map(({ host }) => host);
  }

  attach(host: DriverHost): void {
    this.#host = host;
  }

  now(): number {
    return this.#now;
  }

  wait(): void {}

  wake(): void {}

  close(): void {}

  #attached(): DriverHost {
    if (this.#host === null) throw new Error('the driver is not attached to a loop');
    return this.#host;
  }
}
