import { Coroutine, Future, Task, wrapFuture } from '../coroutines/index.ts';
import {
  type Awaitable,
  type BaseProtocol,
  type ConnectionOptions,
  type Context as ContextInterface,
  type DatagramOptions,
  type DatagramProtocol,
  type DatagramTransport,
  type Descriptor,
  type Driver,
  type DriverFeature,
  type EventLoop as EventLoopInterface,
  type ExceptionContext,
  type ExceptionHandler,
  type Executor,
  type Future as FutureInterface,
  type Handle,
  NotSupportedError,
  type Operation,
  type ReadTransport,
  type ResolvedAddress,
  type ResolveOptions,
  type Runnable,
  type SendableFile,
  type Server as ServerInterface,
  type ServerOptions,
  type Signal,
  type Socket,
  type SocketAddress,
  StateError,
  type StreamChannel,
  type StreamProtocol,
  type SubprocessOptions,
  type SubprocessProtocol,
  type SubprocessTransport,
  type Suspension,
  type TaskFactory,
  type TaskOptions,
  type TaskSource,
  type TimerHandle,
  type TlsContext,
  type TlsOptions,
  type Transport,
  type UnixConnectionOptions,
  type UnixServerOptions,
  type Waitable,
  type WriteTransport,
} from '../interface/index.ts';
import {
  alreadyRunning,
  attach,
  type Callback,
  Context,
  copyContext,
  currentContext,
  detach,
  enterContext,
  GuestRunner,
  LoopHandle,
  type LoopObserver,
  LoopTimerHandle,
  leaveContext,
  nodeHost,
  RepeatingTimerHandle,
  runningLoop,
  Scheduler,
  type SchedulerOwner,
  warn,
} from '../loop/index.ts';
import { StreamTransport, type TransportLoop } from '../transports/index.ts';
import { checkHost, checkPort, resolve } from './addresses.ts';
import { checkConnectionOptions, connectToHost } from './connect.ts';
import { driversOffering, environment } from './drivers.ts';
import { backlogDefault, checkServerOptions, listenOn, listenOnHosts } from './listen.ts';
import { extension } from './loop-extension.ts';
import { OperationFuture } from './operation-future.ts';
import { discard, Server, type ServerKeeper } from './server.ts';

const slowCallbackDurationDefault = 100;

/** What a loop has in hand. */
export interface LoopInsides {
  /** the next one first */
  readonly timers: readonly LoopTimerHandle[];
  /** callbacks that are queued to run */
  readonly queued: number;
  /** the closing ones too */
  readonly transports: readonly StreamTransport[];
  readonly servers: readonly Server[];
  readonly signals: readonly Signal[];
}

export interface EventLoopOptions {
  /** on if TULIPA_DEBUG is set, unless given */
  debug?: boolean | undefined;
}

/**
 * The standard loop: a scheduler plus a driver. It is made by `newEventLoop`.
 *
 * On a driver that is always a guest, like `node`, `run(main)` attaches it to the host's loop; from then on it is this
 * thread's running loop until `run` has ended.
 */
export class EventLoop implements EventLoopInterface, SchedulerOwner, TransportLoop {
  readonly #driver: Driver;
  readonly #scheduler: Scheduler;
  readonly #guest: GuestRunner;
  /** open, and closing ones until their channel is gone */
  readonly #transports = new Set<StreamTransport>();
  readonly #keeper: ServerKeeper = {
    serverOpened: (server) => {
      this.#servers.add(server);
      this.observer?.opened(server);
    },
    serverClosed: (server) => {
      this.#servers.delete(server);
      this.observer?.closed(server);
    },
    attach: (transport) => {
      this.#transports.add(transport);
      this.observer?.opened(transport);
    },
    detach: (transport) => {
      this.#transports.delete(transport);
      this.observer?.closed(transport);
      this.#transportGone();
    },
  };
  /** listening, or about to */
  readonly #servers = new Set<Server>();
  readonly #signals = new Map<Signal, Operation>();
  slowCallbackDuration = slowCallbackDurationDefault;
  /** @internal whether to open the debug socket; undefined: as the environment says, or when somebody asks */
  debugSocket: boolean | undefined;
  #attached = false;
  #closed = false;
  #onStop: (() => void) | null = null;
  #taskFactory: TaskFactory | null = null;
  #exceptionHandler: ExceptionHandler | null = null;
  #defaultExecutor: Executor | null = null;

  constructor(driver: Driver, options?: EventLoopOptions) {
    this.#driver = driver;
    this.#scheduler = new Scheduler(driver, this, nodeHost.drainMicrotasks ?? (() => {}));
    this.#guest = new GuestRunner(this.#scheduler, this, nodeHost);
    this.#scheduler.debug = options?.debug ?? environment('TULIPA_DEBUG') !== undefined;
    driver.attach(this.#scheduler);
  }

  get driverName(): string {
    return this.#driver.name;
  }

  get turns(): number {
    return this.#scheduler.turns;
  }

  /** @internal */
  get observer(): LoopObserver | null {
    return this.#scheduler.observer;
  }

  set observer(observer: LoopObserver | null) {
    this.#scheduler.observer = observer;
  }

  /** @internal */
  inspect(): LoopInsides {
    return {
      timers: this.#scheduler.timers,
      queued: this.#scheduler.queued,
      transports: [...this.#transports],
      servers: [...this.#servers],
      signals: [...this.#signals.keys()],
    };
  }

  // Running

  runForever(): void {
    this.#mustNotRun();
    this.#mustBlock('runForever');
  }

  runUntilComplete<T>(awaitable: Awaitable<T> | TaskSource<T>): T {
    this.#mustNotRun();
    this.#mustBlock('runUntilComplete');
    throw new TypeError(`Cannot run ${String(awaitable)}`);
  }

  runOnce(timeout: number | null = null): void {
    this.#mustNotRun();
    if (timeout !== 0) this.#mustBlock('runOnce with a timeout other than 0');
    this.#guest.turnOnce();
  }

  stop(): void {
    if (!this.#attached) return;
    // Outside a turn: after one that does not wait.
    if (this.#scheduler.inTurn) this.#onStop?.();
    else this.enqueue({ run: () => this.#onStop?.() });
  }

  isRunning(): boolean {
    return this.#attached || this.#guest.turning;
  }

  isClosed(): boolean {
    return this.#closed;
  }

  close(): void {
    if (this.isRunning())
      throw new StateError('ERR_LOOP_RUNNING', 'Cannot close the event loop: it is running');
    if (this.#closed) return;
    for (const signal of [...this.#signals.keys()]) this.removeSignalHandler(signal);
    this.#closed = true;
    this.#scheduler.clear();
    extension?.closed(this);
    this.#driver.close();
    this.#defaultExecutor?.shutdown({ wait: false }).then(undefined, (exception: unknown) => {
      this.callExceptionHandler({ message: 'Exception while the default executor was shut down', exception });
    });
  }

  shutdownAsyncGenerators(): Waitable<void> {
    // JavaScript tells nobody when an async generator is first iterated, so there is nothing to keep account of.
    throw new NotSupportedError(
      'async generators',
      this.driverName,
      'Cannot shut down async generators: the runtime tells nobody of them',
    );
  }

  shutdownDefaultExecutor(timeout: number | null = null): Waitable<void> {
    const executor = this.#defaultExecutor;
    this.#defaultExecutor = closedExecutor;
    const ended = executor === null ? Promise.resolve() : executor.shutdown({ wait: true });
    return new Coroutine('shutdownDefaultExecutor', waitAtMost(this, ended, timeout));
  }

  /** @internal Makes this the guest of the thread's host; `onStop` is called after `stop`. */
  attach(onStop: () => void): void {
    this.#mustBeOpen();
    attach(this);
    this.#attached = true;
    this.#onStop = onStop;
    extension?.running(this);
    this.#guest.start();
  }

  /** @internal Ends that with the turn that is under way, if one is; then calls `onDetached`. */
  detach(onDetached: () => void): void {
    this.#onStop = null;
    this.#guest.stop(() => {
      this.#attached = false;
      detach(this);
      extension?.stopped(this);
      onDetached();
    });
  }

  /**
   * @internal Calls back at every such signal that the program does not handle itself, with this loop or otherwise; null
   * if that is not ours to do.
   */
  watchUnhandled(signal: Signal, callback: () => void): Operation | null {
    const signals = this.#driver.signals;
    if (signals === null || signals.watchedElsewhere(signal)) return null;
    try {
      return signals.watch(signal, () => {
        if (!this.#signals.has(signal) && !signals.watchedElsewhere(signal)) callback();
      });
    } catch {
      return null; // a run without it is better than none
    }
  }

  /** @internal SIGINT's default action. */
  interruptProcess(): void {
    this.#driver.signals?.raise('SIGINT');
  }

  /** @internal Closes servers; then waits, `timeout` milliseconds at most, for what closing transports still have to send. */
  *finishTransports(timeout: number): Generator<Suspension, void, unknown> {
    for (const server of [...this.#servers]) server.close();
    const end = this.time() + timeout;
    while ([...this.#transports].some((transport) => transport.isClosing()) && this.time() < end) {
      const changed = new Future<void>({ loop: this });
      this.#transportGone = () => {
        if (!changed.done()) changed.setResult();
      };
      const timer = this.callAt(end, this.#transportGone);
      try {
        yield* changed;
      } finally {
        timer.cancel();
      }
    }
    for (const transport of [...this.#transports]) transport.abort();
    yield;
  }

  #transportGone: () => void = () => {};

  // Embedding

  get pollDescriptor(): number | null {
    return this.#driver.pollDescriptor;
  }

  timeUntilNextTimer(): number | null {
    if (this.#scheduler.queued > 0) return 0;
    const earliest = this.#scheduler.earliestTimer;
    return earliest === Infinity ? null : Math.max(0, earliest - this.time());
  }

  wakeUp(): void {
    this.#driver.wake();
  }

  addPrepare(callback: () => void): Handle {
    return this.#addHook(this.#scheduler.prepare, callback);
  }

  addCheck(callback: () => void): Handle {
    return this.#addHook(this.#scheduler.check, callback);
  }

  #addHook(hooks: Set<Runnable>, callback: () => void): Handle {
    this.#mustBeOpen();
    this.#checkCallback(callback);
    return new Hook(this.#scheduler, hooks, callback);
  }

  // Callbacks

  callSoon<Args extends unknown[]>(callback: (...args: Args) => void, ...args: Args): Handle {
    return this.#callSoon(callback, args, undefined);
  }

  callSoonIn<Args extends unknown[]>(
    context: ContextInterface | undefined,
    callback: (...args: Args) => void,
    ...args: Args
  ): Handle {
    return this.#callSoon(callback, args, context);
  }

  callSoonThreadsafe<Args extends unknown[]>(callback: (...args: Args) => void, ...args: Args): Handle {
    const handle = this.#callSoon(callback, args, undefined);
    this.#driver.wake();
    return handle;
  }

  enqueue(runnable: Runnable): void {
    if (this.#closed) this.#mustBeOpen();
    this.#scheduler.enqueue(runnable);
  }

  #callSoon(callback: Callback, args: unknown[], context: ContextInterface | undefined): Handle {
    if (this.#closed) this.#mustBeOpen();
    this.#checkCallback(callback);
    const handle = new LoopHandle(this.#scheduler, callback, args, context);
    this.#scheduler.enqueue(handle);
    return handle;
  }

  // Timers

  callLater<Args extends unknown[]>(
    delay: number,
    callback: (...args: Args) => void,
    ...args: Args
  ): TimerHandle {
    return this.#callAt(this.time() + checkedTime(delay, 'delay'), callback, args, undefined);
  }

  callAt<Args extends unknown[]>(
    when: number,
    callback: (...args: Args) => void,
    ...args: Args
  ): TimerHandle {
    return this.#callAt(checkedTime(when, 'time'), callback, args, undefined);
  }

  callAtIn<Args extends unknown[]>(
    context: ContextInterface | undefined,
    when: number,
    callback: (...args: Args) => void,
    ...args: Args
  ): TimerHandle {
    return this.#callAt(checkedTime(when, 'time'), callback, args, context);
  }

  callRepeatedly<Args extends unknown[]>(
    interval: number,
    callback: (...args: Args) => void,
    ...args: Args
  ): TimerHandle {
    if (checkedTime(interval, 'interval') < 0)
      throw new RangeError('Cannot call repeatedly: the interval is negative');
    this.#mustBeOpen();
    this.#checkCallback(callback as Callback);
    const timer = new RepeatingTimerHandle(this.#scheduler, interval, callback as Callback, args);
    this.#scheduler.insertTimer(timer);
    return timer;
  }

  time(): number {
    return this.#driver.now();
  }

  #callAt(
    when: number,
    callback: Callback,
    args: unknown[],
    context: ContextInterface | undefined,
  ): TimerHandle {
    if (this.#closed) this.#mustBeOpen();
    this.#checkCallback(callback);
    const timer = new LoopTimerHandle(this.#scheduler, when, callback, args, context);
    this.#scheduler.insertTimer(timer);
    return timer;
  }

  // Futures and tasks

  createFuture<T>(): Future<T> {
    return new Future<T>({ loop: this });
  }

  createTask<T>(source: TaskSource<T>, options: TaskOptions = {}): Task<T> {
    if (this.#closed) {
      if (source instanceof Coroutine) source.close();
      this.#mustBeOpen();
    }
    if (this.#taskFactory !== null) return this.#taskFactory(this, source, options) as Task<T>;
    return new Task<T>(source, { ...options, loop: this });
  }

  setTaskFactory(factory: TaskFactory | null): void {
    if (factory !== null && typeof factory !== 'function') {
      throw new TypeError('Cannot set the task factory: it is neither a function nor null');
    }
    this.#taskFactory = factory;
  }

  getTaskFactory(): TaskFactory | null {
    return this.#taskFactory;
  }

  wrapFuture<T>(awaitable: Awaitable<T>): FutureInterface<T> {
    return wrapFuture(awaitable, { loop: this });
  }

  // Threads and executors

  runInExecutor<Args extends unknown[], Result>(
    executor: Executor | null,
    callback: (...args: Args) => Result,
    ...args: Args
  ): FutureInterface<Awaited<Result>> {
    this.#mustBeOpen();
    this.#checkCallback(callback as Callback);
    const chosen = executor ?? this.#defaultExecutor;
    if (chosen === null) {
      throw new NotSupportedError(
        'executors',
        this.driverName,
        'Cannot run in the default executor: none was set, and no driver brings one',
      );
    }
    return wrapFuture(chosen.submit(callback, ...args), { loop: this });
  }

  setDefaultExecutor(executor: Executor | null): void {
    if (executor !== null && (typeof executor !== 'object' || typeof executor.submit !== 'function')) {
      throw new TypeError('Cannot set the default executor: it is neither an executor nor null');
    }
    this.#defaultExecutor = executor;
  }

  // Signals

  addSignalHandler<Args extends unknown[]>(
    signal: Signal,
    callback: (...args: Args) => void,
    ...args: Args
  ): void {
    this.#mustBeOpen();
    if (typeof signal !== 'string')
      throw new TypeError('Cannot handle the signal: it is not named by a string');
    this.#checkCallback(callback as Callback);
    if (isCoroutineFunction(callback)) {
      throw new TypeError(
        `Cannot handle ${signal}: a coroutine function is no callback; start a task in one`,
      );
    }
    const signals = this.#need('signals', 'addSignalHandler');
    if (!signals.exists(signal))
      throw new RangeError(`Cannot handle ${String(signal)}: there is no such signal here`);
    const context = copyContext();
    const watch = signals.watch(signal, () => {
      // It may have been removed or replaced while it was queued.
      if (this.#signals.get(signal) === watch) this.callSoonIn(context, callback, ...args);
    });
    this.#signals.get(signal)?.cancel();
    this.#signals.set(signal, watch);
  }

  removeSignalHandler(signal: Signal): boolean {
    const watch = this.#signals.get(signal);
    if (watch === undefined) return false;
    this.#signals.delete(signal);
    watch.cancel();
    return true;
  }

  // Descriptors and sockets

  addReader<Args extends unknown[]>(
    _descriptor: Descriptor,
    _callback: (...args: Args) => void,
    ..._args: Args
  ): void {
    this.#need('descriptors', 'addReader');
  }

  addWriter<Args extends unknown[]>(
    _descriptor: Descriptor,
    _callback: (...args: Args) => void,
    ..._args: Args
  ): void {
    this.#need('descriptors', 'addWriter');
  }

  removeReader(_descriptor: Descriptor): boolean {
    if (this.#closed) return false;
    return this.#need('descriptors', 'removeReader');
  }

  removeWriter(_descriptor: Descriptor): boolean {
    if (this.#closed) return false;
    return this.#need('descriptors', 'removeWriter');
  }

  sockRecv(_socket: Socket, _byteCount: number): Future<Uint8Array> {
    return this.#need('sockets', 'sockRecv');
  }

  sockRecvInto(_socket: Socket, _buffer: Uint8Array): Future<number> {
    return this.#need('sockets', 'sockRecvInto');
  }

  sockRecvfrom(_socket: Socket, _byteCount: number): Future<[Uint8Array, SocketAddress]> {
    return this.#need('sockets', 'sockRecvfrom');
  }

  sockRecvfromInto(_socket: Socket, _buffer: Uint8Array): Future<[number, SocketAddress]> {
    return this.#need('sockets', 'sockRecvfromInto');
  }

  sockSendall(_socket: Socket, _data: Uint8Array): Future<void> {
    return this.#need('sockets', 'sockSendall');
  }

  sockSendto(_socket: Socket, _data: Uint8Array, _address: SocketAddress): Future<number> {
    return this.#need('sockets', 'sockSendto');
  }

  sockConnect(_socket: Socket, _address: SocketAddress): Future<void> {
    return this.#need('sockets', 'sockConnect');
  }

  sockAccept(_socket: Socket): Future<[Socket, SocketAddress]> {
    return this.#need('sockets', 'sockAccept');
  }

  sockSendfile(_socket: Socket, _file: SendableFile): Waitable<number> {
    return this.#need('sockets', 'sockSendfile');
  }

  sendfile(_transport: Transport, _file: SendableFile): Waitable<number> {
    return this.#need('sockets', 'sendfile');
  }

  // Names

  getaddrinfo(
    host: string | null,
    port: number | string | null,
    options: ResolveOptions = {},
  ): Waitable<ResolvedAddress[]> {
    this.#mustBeOpen();
    checkHost(host);
    checkPort(port);
    const names = this.#need('names', 'getaddrinfo');
    return new Coroutine('getaddrinfo', resolve(this, names, host, port, options));
  }

  getnameinfo(address: SocketAddress, flags = 0): Waitable<[host: string, service: string]> {
    this.#mustBeOpen();
    const names = this.#need('names', 'getnameinfo');
    if (!('host' in address)) throw new RangeError('Cannot look up the name: a Unix address has none');
    return new OperationFuture<[string, string]>(this, (completion) =>
      names.reverse(address, flags, completion),
    );
  }

  // Connections and servers

  createConnection<P extends StreamProtocol>(
    factory: () => P,
    options: ConnectionOptions,
  ): Coroutine<[transport: Transport, protocol: P]> {
    this.#checkFactory(factory);
    this.#checkTls(options);
    const named = options.host !== undefined || options.port !== undefined;
    if (named === (options.socket !== undefined)) {
      throw new RangeError(`Cannot connect: give ${named ? 'either' : 'one of'} host and port, or a socket`);
    }
    checkConnectionOptions(options);
    if (options.socket !== undefined) this.#need('sockets', 'createConnection with a socket');
    const streams = this.#need('streams', 'createConnection');
    const names = this.#need('names', 'createConnection');
    return new Coroutine(
      'createConnection',
      this.#connected(factory, connectToHost(this, streams, names, options)),
    );
  }

  createUnixConnection<P extends StreamProtocol>(
    factory: () => P,
    options: UnixConnectionOptions,
  ): Coroutine<[transport: Transport, protocol: P]> {
    this.#checkFactory(factory);
    this.#checkTls(options);
    const path = this.#checkPath(options, 'connect');
    const streams = this.#need('streams', 'createUnixConnection');
    const loop = this;
    function* connect(): Generator<Suspension, StreamChannel, unknown> {
      return yield* new OperationFuture<StreamChannel>(loop, (completion) =>
        streams.connect({ kind: 'unix', path }, {}, completion),
      );
    }
    return new Coroutine('createUnixConnection', this.#connected(factory, connect()));
  }

  createServer(factory: () => StreamProtocol, options: ServerOptions = {}): Coroutine<ServerInterface> {
    this.#checkFactory(factory);
    this.#checkTls(options);
    const named = options.host !== undefined || options.port !== undefined;
    if (named && options.socket !== undefined) {
      throw new RangeError('Cannot create the server: give either host and port, or a socket');
    }
    checkServerOptions(options);
    if (options.socket !== undefined) this.#need('sockets', 'createServer with a socket');
    const streams = this.#need('streams', 'createServer');
    const names = this.#need('names', 'createServer');
    const server = new Server(
      this,
      factory,
      (sink) => listenOnHosts(this, streams, names, options, sink),
      this.#keeper,
      options.maxConnections,
    );
    return new Coroutine('createServer', this.#started(server, options.startServing !== false));
  }

  startServing(factory: () => StreamProtocol, options?: ServerOptions): Coroutine<ServerInterface> {
    return this.createServer(factory, options);
  }

  createUnixServer(factory: () => StreamProtocol, options: UnixServerOptions): Coroutine<ServerInterface> {
    this.#checkFactory(factory);
    this.#checkTls(options);
    const path = this.#checkPath(options, 'create the server');
    const { backlog = backlogDefault, maxConnections } = options;
    checkServerOptions({ backlog, maxConnections });
    const streams = this.#need('streams', 'createUnixServer');
    const loop = this;
    const listening = {
      backlog,
      reusePort: false,
      keepAlive: false,
      keepFile: options.cleanupSocket === false,
    };
    const server = new Server(
      this,
      factory,
      function* (sink) {
        return [yield* listenOn(loop, streams, { kind: 'unix', path }, listening, sink)];
      },
      this.#keeper,
      maxConnections,
    );
    return new Coroutine('createUnixServer', this.#started(server, options.startServing !== false));
  }

  connectAcceptedSocket<P extends StreamProtocol>(
    _factory: () => P,
    _socket: Socket,
    _options?: TlsOptions,
  ): Waitable<[transport: Transport, protocol: P]> {
    return this.#need('sockets', 'connectAcceptedSocket');
  }

  startTls(_transport: Transport, _protocol: StreamProtocol, _context: TlsContext): Waitable<Transport> {
    return this.#need('tls', 'startTls');
  }

  *#connected<P extends StreamProtocol>(
    factory: () => P,
    connect: Generator<Suspension, StreamChannel, unknown>,
  ): Generator<Suspension, [transport: Transport, protocol: P], unknown> {
    this.#mustBeOpen();
    const channel = yield* connect;
    let transport: StreamTransport;
    let protocol: P;
    try {
      protocol = factory();
      transport = new StreamTransport(this, channel, protocol, [this.#keeper]);
    } catch (error) {
      discard(channel);
      throw error;
    }
    const started = new Future<void>({ loop: this });
    transport.begin(() => {
      if (!started.done()) started.setResult();
    });
    try {
      yield* started;
    } catch (error) {
      transport.close();
      throw error;
    }
    return [transport, protocol];
  }

  *#started(server: Server, startServing: boolean): Generator<Suspension, ServerInterface, unknown> {
    this.#mustBeOpen();
    if (startServing) yield* server.startServing();
    return server;
  }

  // Datagrams, pipes, subprocesses

  createDatagramEndpoint<P extends DatagramProtocol>(
    _factory: () => P,
    _options: DatagramOptions,
  ): Waitable<[transport: DatagramTransport, protocol: P]> {
    return this.#need('datagrams', 'createDatagramEndpoint');
  }

  connectReadPipe<P extends StreamProtocol>(
    _factory: () => P,
    _pipe: Descriptor,
  ): Waitable<[transport: ReadTransport, protocol: P]> {
    return this.#need('pipes', 'connectReadPipe');
  }

  connectWritePipe<P extends BaseProtocol>(
    _factory: () => P,
    _pipe: Descriptor,
  ): Waitable<[transport: WriteTransport, protocol: P]> {
    return this.#need('pipes', 'connectWritePipe');
  }

  subprocessExec<P extends SubprocessProtocol>(
    _factory: () => P,
    _program: string,
    _args?: readonly string[],
    _options?: SubprocessOptions,
  ): Waitable<[transport: SubprocessTransport, protocol: P]> {
    return this.#need('processes', 'subprocessExec');
  }

  subprocessShell<P extends SubprocessProtocol>(
    _factory: () => P,
    _command: string,
    _options?: SubprocessOptions,
  ): Waitable<[transport: SubprocessTransport, protocol: P]> {
    return this.#need('processes', 'subprocessShell');
  }

  // Errors and debugging

  callExceptionHandler(context: ExceptionContext): void {
    const handler = this.#exceptionHandler;
    if (handler === null) {
      this.#reportSafely(context);
      return;
    }
    const previous = enterContext(contextOf(context));
    try {
      handler(this, context);
    } catch (exception) {
      this.#reportSafely({ ...context, message: 'Unhandled error in exception handler', exception });
      this.#reportSafely(context);
    } finally {
      leaveContext(previous);
    }
  }

  /** Writes the message, the exception with its stack, and what else is known, to standard error. */
  defaultExceptionHandler(context: ExceptionContext): void {
    const { message, exception, sourceTrace, ...others } = context;
    if (others.task !== undefined) delete others.future; // the same object
    const lines = [message];
    for (const key of Object.keys(others).sort())
      lines.push(`${key}: ${shown(others[key as keyof typeof others])}`);
    if (sourceTrace !== undefined) lines.push('created at:', sourceTrace);
    // The text is no format: a `%` in it would eat the exception.
    // biome-ignore lint/suspicious/noConsole: the last resort is standard error
    console.error('%s', lines.join('\n'), ...('exception' in context ? [exception] : []));
  }

  setExceptionHandler(handler: ExceptionHandler | null): void {
    if (handler !== null && typeof handler !== 'function') {
      throw new TypeError('Cannot set the exception handler: it is neither a function nor null');
    }
    this.#exceptionHandler = handler;
  }

  getExceptionHandler(): ExceptionHandler | null {
    return this.#exceptionHandler;
  }

  getDebug(): boolean {
    return this.#scheduler.debug;
  }

  setDebug(enabled: boolean): void {
    this.#scheduler.debug = enabled;
    if (this.#attached) extension?.running(this);
  }

  slowCallback(what: string, duration: number): void {
    warn('SlowCallbackWarning', `${what} took ${duration.toFixed(1)} ms and held up the loop for so long`);
  }

  toString(): string {
    const state = this.#closed ? 'closed' : this.isRunning() ? 'running' : 'idle';
    return `<EventLoop ${this.driverName} ${state}${this.getDebug() ? ' debug' : ''}>`;
  }

  #reportSafely(context: ExceptionContext): void {
    try {
      this.defaultExceptionHandler(context);
    } catch (error) {
      const lost = `${shown(context.message)} (${shown(context.exception)})`;
      // biome-ignore lint/suspicious/noConsole: the last resort is standard error
      console.error('Exception in the default exception handler: %s; it was told: %s', shown(error), lost);
    }
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new StateError('ERR_LOOP_CLOSED', 'Cannot use the event loop: it is closed');
  }

  #mustNotRun(): void {
    this.#mustBeOpen();
    const running = runningLoop();
    if (running !== null) throw alreadyRunning(this, running);
  }

  #mustBlock(what: string): void {
    if (!this.#driver.canBlock) {
      throw this.#notSupported(
        'blocking',
        `${what}: it is always a guest of its host's loop, use \`await run(main)\``,
      );
    }
  }

  /** What the driver offers under that name. @throws {NotSupportedError} it does not */
  #need<F extends DriverFeature>(feature: F, method: string): NonNullable<Driver[F]> {
    this.#mustBeOpen();
    const operations = this.#driver[feature];
    if (operations === null) throw this.#notSupported(feature, method);
    return operations as NonNullable<Driver[F]>;
  }

  #notSupported(feature: DriverFeature | 'blocking', what: string): NotSupportedError {
    const others = driversOffering(feature);
    const who =
      others.length > 0 ? `drivers that do: ${others.join(', ')}` : 'no driver of this version does';
    return new NotSupportedError(
      feature,
      this.driverName,
      `Cannot ${what}: the ${this.driverName} driver does not offer ${feature} (${who})`,
    );
  }

  #checkCallback(callback: Callback): void {
    if (typeof callback !== 'function')
      throw new TypeError('Cannot schedule the callback: it is not a function');
    if (this.#scheduler.debug && isCoroutineFunction(callback)) {
      throw new TypeError(
        'Cannot schedule the callback: a coroutine function would never run; make a task of it',
      );
    }
  }

  #checkFactory(factory: () => unknown): void {
    this.#mustBeOpen();
    if (typeof factory !== 'function')
      throw new TypeError('Cannot make a protocol: the factory is not a function');
  }

  #checkTls(options: TlsOptions): void {
    if (options.ssl !== undefined && options.ssl !== false) {
      this.#need('tls', 'use TLS');
      return;
    }
    for (const name of ['serverHostname', 'sslHandshakeTimeout', 'sslShutdownTimeout'] as const) {
      if (options[name] !== undefined)
        throw new RangeError(`Cannot use ${name}: it is for TLS, and ssl is not given`);
    }
  }

  #checkPath(options: { path?: string | undefined; socket?: Socket | undefined }, doing: string): string {
    if ((options.path === undefined) === (options.socket === undefined)) {
      throw new RangeError(`Cannot ${doing}: give either a path or a socket`);
    }
    if (options.path === undefined) this.#need('sockets', `${doing} with a socket`);
    if (typeof options.path !== 'string') throw new TypeError(`Cannot ${doing}: the path is not a string`);
    if (options.path === '' || options.path.indexOf('\0') > 0) {
      throw new RangeError(
        `Cannot ${doing}: the path is empty or contains a NUL that is not its first character`,
      );
    }
    return options.path;
  }
}

/** A callback before or after every wait. */
class Hook extends LoopHandle {
  readonly #hooks: Set<Runnable>;

  constructor(scheduler: Scheduler, hooks: Set<Runnable>, callback: () => void) {
    super(scheduler, callback, [], undefined);
    this.#hooks = hooks;
    hooks.add(this);
  }

  override run(): void {
    if (this.callback !== null) this.invoke(this.callback, []);
  }

  override cancel(): void {
    super.cancel();
    this.#hooks.delete(this);
  }
}

const closedExecutor: Executor = {
  submit() {
    throw new StateError('ERR_EXECUTOR_CLOSED', 'Cannot run in the default executor: it was shut down');
  },
  shutdown: () => Promise.resolve(),
};

function* waitAtMost(
  loop: EventLoop,
  ended: PromiseLike<void>,
  timeout: number | null,
): Generator<Suspension, void, unknown> {
  const followed = wrapFuture(ended, { loop });
  let late = false;
  const giveUp = () => {
    late = followed.cancel();
  };
  const timer = timeout === null ? null : loop.callLater(timeout, giveUp);
  try {
    yield* followed;
  } catch (error) {
    // Cancelled by us, or by who waits for us?
    if (!late) throw error;
    warn('ExecutorWarning', `The default executor did not finish its work within ${timeout} ms`);
  } finally {
    timer?.cancel();
  }
}

/** Where the handler of an exception runs: where the failing task or callback did. */
function contextOf({ task, handle }: ExceptionContext): Context | null {
  try {
    const context = task?.getContext() ?? handle?.getContext();
    return context instanceof Context ? context : currentContext();
  } catch {
    return currentContext(); // not ours, and no reason to lose the report
  }
}

/** `String(value)`, with the stack of an error, and never throws. */
function shown(value: unknown): string {
  try {
    return value instanceof Error && typeof value.stack === 'string' ? value.stack : String(value);
  } catch {
    return `<${typeof value}>`;
  }
}

function checkedTime(time: number, what: string): number {
  if (typeof time !== 'number')
    throw new TypeError(`Cannot schedule the callback: the ${what} is not a number`);
  if (Number.isNaN(time)) throw new RangeError(`Cannot schedule the callback: the ${what} is NaN`);
  return time;
}

function isCoroutineFunction(callback: unknown): boolean {
  const kind = (callback as { constructor?: { name?: string } }).constructor?.name;
  return kind === 'GeneratorFunction' || kind === 'AsyncFunction' || kind === 'AsyncGeneratorFunction';
}
