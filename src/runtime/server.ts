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
  type StreamSink,
  type Suspension,
} from '../interface/index.ts';
import { copyContext, enterContext, leaveContext } from '../loop/index.ts';
import { StreamTransport, type TransportKeeper, type TransportLoop } from '../transports/index.ts';

/** Binds and listens to all addresses of a server, or none. */
export type Open = (sink: ListenerSink) => Generator<Suspension, Listener[], unknown>;

/** Who wants to know of a server's connections, and when it opens and closes: the loop. */
export interface ServerKeeper extends TransportKeeper {
  serverOpened(server: Server): void;
  serverClosed(server: Server): void;
}

/**
 * A server over any driver's listeners. Protocols are made, and called, in the context of whoever made the server.
 *
 * @see asyncio.Server
 */
export class Server implements ServerInterface, ListenerSink, TransportKeeper<StreamTransport> {
  readonly #loop: EventLoop & TransportLoop;
  readonly #factory: () => StreamProtocol;
  readonly #open: Open;
  readonly #keeper: ServerKeeper;
  readonly #connectionsMax: number;
  readonly #context = copyContext();
  readonly #transports = new Set<StreamTransport>();
  #listeners: Listener[] = [];
  #ref = true;
  #state: 'new' | 'starting' | 'serving' | 'closed' = 'new';
  #startWaiters: Future<void>[] = [];
  #closedWaiters: Future<void>[] = [];
  #forever: Future<never> | null = null;

  /** Made by `createServer` and `createUnixServer`. `keeper` is told of every connection too. */
  constructor(
    loop: EventLoop & TransportLoop,
    factory: () => StreamProtocol,
    open: Open,
    keeper: ServerKeeper,
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

  /** Whether it keeps the host alive while it listens; true at first. */
  setRef(ref: boolean): void {
    this.#ref = ref;
    for (const listener of this.#listeners) tellRef(listener, ref);
  }

  /** @internal As `startServing`, before it returns. @throws as `open` does */
  startNow(open: (sink: ListenerSink) => Listener[]): void {
    this.#state = 'starting';
    this.#keeper.serverOpened(this);
    try {
      this.#listeners = open(this);
      this.#state = 'serving';
    } catch (error) {
      this.#state = 'closed';
      this.#keeper.serverClosed(this);
      throw error;
    }
  }

  startServing(): Coroutine<void> {
    return new Coroutine('startServing', this.#start());
  }

  serveForever(): Coroutine<never> {
    this.#mustNotServeForever();
    return new Coroutine('serveForever', this.#serveForever());
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    for (const listener of this.#listeners) listener.close();
    this.#listeners = [];
    this.#keeper.serverClosed(this);
    this.#forever?.cancel('the server was closed');
    this.#wakeIfClosed();
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
    const wanted = this.#state === 'starting' || this.#state === 'serving';
    if (!wanted || this.#transports.size >= this.#connectionsMax) {
      discard(channel);
      return;
    }
    // A copy for each connection: what its protocol sets is its own.
    const previous = enterContext(this.#context.copy());
    try {
      const protocol = this.#factory();
      new StreamTransport(this.#loop, channel, protocol, [this, this.#keeper]).begin(() => {});
    } catch (exception) {
      discard(channel);
      this.#loop.callExceptionHandler({
        message: 'Cannot serve a connection: the factory made no protocol',
        exception,
        server: this,
      });
    } finally {
      leaveContext(previous);
    }
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
    while (this.#state === 'starting') {
      const waiter = new Future<void>({ loop: this.#loop });
      this.#startWaiters.push(waiter);
      yield* waiter;
    }
    if (this.#state === 'serving') return;
    this.#mustBeOpen();
    this.#state = 'starting';
    this.#keeper.serverOpened(this);
    try {
      this.#listeners = yield* this.#open(this);
      this.#mustBeOpen();
      this.#state = 'serving';
      if (!this.#ref) this.setRef(false);
    } catch (error) {
      // Closed, or failed after a connection had come to the first of several addresses.
      for (const listener of this.#listeners) listener.close();
      this.#listeners = [];
      this.abortClients();
      if (this.#state === 'starting') {
        this.#state = 'new';
        this.#keeper.serverClosed(this);
      }
      throw error;
    } finally {
      wake(this.#startWaiters.splice(0));
    }
  }

  *#serveForever(): Generator<Suspension, never, unknown> {
    this.#mustNotServeForever();
    const forever = new Future<never>({ loop: this.#loop });
    this.#forever = forever;
    try {
      yield* this.#start();
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
    try {
      for (const listener of this.#listeners) yield* this.#finished(listener);
    } finally {
      this.close();
    }
    const timer = this.#loop.callLater(grace, () => this.abortClients());
    try {
      yield* this.#waitClosed();
    } finally {
      timer.cancel();
    }
  }

  /** Takes over the connections that the kernel has made already. */
  *#finished(listener: Listener): Generator<Suspension, void, unknown> {
    if (this.#state !== 'serving' || listener.finish === undefined) return;
    const finished = new Future<void>({ loop: this.#loop });
    listener.finish(() => {
      if (!finished.done()) finished.setResult();
    });
    yield* finished;
  }

  #wakeIfClosed(): void {
    if (this.#state === 'closed' && this.#transports.size === 0) wake(this.#closedWaiters.splice(0));
  }

  // A method, because the checker does not see that the state may have changed during a wait.
  #mustBeOpen(): void {
    if (this.#state !== 'closed') return;
    throw new StateError('ERR_SERVER_STATE', 'Cannot start the server: it is closed');
  }

  #mustNotServeForever(): void {
    this.#mustBeOpen();
    if (this.#forever === null) return;
    throw new StateError('ERR_SERVER_STATE', 'Cannot serve forever: the server already does');
  }

  toString(): string {
    return `<Server ${this.#state} sockets=${JSON.stringify(this.sockets)} connections=${this.#transports.size}>`;
  }
}

function tellRef(listener: Listener, ref: boolean): void {
  if (ref) listener.ref();
  else listener.unref();
}

const nobody: StreamSink = {
  data() {},
  room: () => null,
  filled() {},
  end() {},
  failed() {},
  writeProgress() {},
  shutdownDone() {},
  closed() {},
};

/** Closes a connection before anybody gets it. */
export function discard(channel: StreamChannel): void {
  channel.start(nobody);
  channel.abort();
}

function wake(waiters: readonly Future<void>[]): void {
  for (const waiter of waiters) if (!waiter.done()) waiter.setResult();
}
