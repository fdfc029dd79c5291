import { Coroutine, Future } from '../coroutines/index.ts';
import {
  CancelledError,
  type EventLoop,
  type Listener,
  type ListenerSink,
  type Server as ServerInterface,
  type SocketAddress,
  StateError,
  type StreamChannel,
  type StreamProtocol,
  type Suspension,
} from '../interface/index.ts';
import { StreamTransport, type TransportKeeper, type TransportLoop } from '../transports/index.ts';

/** Binds and listens to all addresses of a server, or none. */
export type Open = (sink: ListenerSink) => Generator<Suspension, Listener[], unknown>;

/**
 * A server over any driver's listeners.
 *
 * @see asyncio.Server
 */
export class Server implements ServerInterface, ListenerSink, TransportKeeper {
  readonly #loop: EventLoop & TransportLoop;
  readonly #factory: () => StreamProtocol;
  readonly #open: Open;
  readonly #keeper: TransportKeeper;
  readonly #connectionsMax: number;
  readonly #transports = new Set<StreamTransport>();
  #listeners: Listener[] = [];
  #state: 'new' | 'serving' | 'closed' = 'new';
  #closedWaiters: Future<void>[] = [];
  #forever: Future<never> | null = null;

  /** Made by `createServer` and `createUnixServer`. `keeper` is told of every connection too. */
  constructor(
    loop: EventLoop & TransportLoop,
    factory: () => StreamProtocol,
    open: Open,
    keeper: TransportKeeper,
    connectionsMax = Infinity,
  ) {
    this.#loop = loop;
    this.#factory = factory;
    this.#open = open;
    this.#keeper = keeper;
    this.#connectionsMax = connectionsMax;
  }

  get sockets(): readonly SocketAddress[] {
    return this.#listeners.map(({ address }) => address);
  }

  getLoop(): EventLoop {
    return this.#loop;
  }

  isServing(): boolean {
    return this.#state === 'serving';
  }

  startServing(): Coroutine<void> {
    return new Coroutine('startServing', this.#start());
  }

  serveForever(): Coroutine<never> {
    if (this.#forever !== null) {
      throw new StateError('ERR_SERVER_STATE', 'Cannot serve forever: the server already does');
    }
    if (this.#state === 'closed') throw serverClosed();
    return new Coroutine('serveForever', this.#serveForever());
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    for (const listener of this.#listeners) listener.close();
    this.#listeners = [];
    if (this.#forever?.done() === false) this.#forever.cancel('the server was closed');
    this.#loop.enqueue({ run: () => this.#wakeIfClosed() });
  }

  waitClosed(): Coroutine<void> {
    return new Coroutine('waitClosed', this.#waitClosed());
  }

  closeClients(): void {
    for (const transport of [...this.#transports]) transport.close();
  }

  abortClients(): void {
    for (const transport of [...this.#transports]) transport.abort();
  }

  stop(options?: { grace?: number | undefined }): Coroutine<void> {
    return new Coroutine('stop', this.#stop(options?.grace ?? 0));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.waitClosed();
  }

  // What the listeners deliver.

  connection(channel: StreamChannel): void {
    if (this.#state !== 'serving' || this.#transports.size >= this.#connectionsMax) {
      discard(channel);
      return;
    }
    let protocol: StreamProtocol;
    try {
      protocol = this.#factory();
    } catch (exception) {
      discard(channel);
      this.#loop.callExceptionHandler({
        message: 'Exception in the protocol factory',
        exception,
        server: this,
      });
      return;
    }
    new StreamTransport(this.#loop, channel, protocol, [this, this.#keeper]).begin(() => {});
  }

  troubled(exception: Error): void {
    this.#loop.callExceptionHandler({
      message: 'Cannot accept connections for now',
      exception,
      server: this,
    });
  }

  attach(transport: StreamTransport): void {
    this.#transports.add(transport);
  }

  detach(transport: StreamTransport): void {
    this.#transports.delete(transport);
    this.#wakeIfClosed();
  }

  *#start(): Generator<Suspension, void, unknown> {
    if (this.#state === 'closed') throw serverClosed();
    if (this.#state === 'serving') return;
    this.#state = 'serving';
    try {
      this.#listeners = yield* this.#open(this);
    } catch (error) {
      this.#state = 'new';
      throw error;
    }
  }

  *#serveForever(): Generator<Suspension, never, unknown> {
    yield* this.#start();
    const forever = new Future<never>({ loop: this.#loop });
    this.#forever = forever;
    try {
      return yield* forever;
    } catch (error) {
      if (error instanceof CancelledError) {
        this.close();
        yield* this.#waitClosed();
      }
      throw error;
    } finally {
      this.#forever = null;
    }
  }

  *#waitClosed(): Generator<Suspension, void, unknown> {
    if (this.#state === 'closed' && this.#transports.size === 0) return;
    const waiter = new Future<void>({ loop: this.#loop });
    this.#closedWaiters.push(waiter);
    yield* waiter;
  }

  *#stop(grace: number): Generator<Suspension, void, unknown> {
    this.close();
    const timer = this.#loop.callLater(grace, () => this.abortClients());
    try {
      yield* this.#waitClosed();
    } finally {
      timer.cancel();
    }
  }

  #wakeIfClosed(): void {
    if (this.#state !== 'closed' || this.#transports.size > 0) return;
    for (const waiter of this.#closedWaiters) if (!waiter.done()) waiter.setResult();
    this.#closedWaiters = [];
  }

  toString(): string {
    return `<Server ${this.#state} sockets=${JSON.stringify(this.sockets)} connections=${this.#transports.size}>`;
  }
}

/** Closes a connection before anybody gets it. */
export function discard(channel: StreamChannel): void {
  channel.start({ data() {}, end() {}, failed() {}, writeProgress() {}, shutdownDone() {}, closed() {} });
  channel.abort();
}

function serverClosed(): StateError {
  return new StateError('ERR_SERVER_STATE', 'Cannot start the server: it is closed');
}
