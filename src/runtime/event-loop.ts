import {
  Coroutine,
  ensureFuture,
  Future,
  forgetTasks,
  isTaskStep,
  reportLost,
  Task,
  wrapFuture,
} from '../coroutines/index.ts';
import {
  type Awaitable,
  type BaseProtocol,
  type ConnectionOptions,
  type Context as ContextInterface,
  type DatagramOptions,
  type DatagramProtocol,
  type DatagramTransport,
  type Descriptor,
  type DescriptorWait,
  type Direction,
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
  type SendfileOptions,
  type Server as ServerInterface,
  type ServerOptions,
  type Signal,
  type Socket,
  type SocketAddress,
  StateError,
  type StreamChannel,
  type StreamOperations,
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
  type WakeupOperations,
  type WriteTransport,
} from '../interface/index.ts';
import {
  alreadyRunning,
  attach,
  BlockingRunner,
  type Callback,
  Context,
  copyContext,
  currentContext,
  detach,
  enterContext,
  GuestRunner,
  type Host,
  LoopHandle,
  type LoopObserver,
  LoopTimerHandle,
  leaveContext,
  markAbandoned,
  markOwnWorld,
  nodeHost,
  RepeatingTimerHandle,
  runningLoop,
  Scheduler,
  type SchedulerOwner,
  type Stepper,
  SteppingRunner,
  type TurnedHost,
  TurnedNode,
  warn,
} from '../loop/index.ts';
import { type OpenTransport, StreamTransport, type TransportLoop } from '../transports/index.ts';
import { checkHost, checkPort, resolve } from './addresses.ts';
import { beginTransport } from './begin-transport.ts';
import { checkConnectionOptions, connectToHost } from './connect.ts';
import { checkDatagramOptions, createDatagramEndpoint } from './datagrams.ts';
import { makeDefaultExecutor } from './default-executor.ts';
import { DescriptorCallback, descriptorNumber } from './descriptors.ts';
import { driversOffering, environment } from './drivers.ts';
import { watchHostIdle } from './host-idle.ts';
import { backlogDefault, checkServerOptions, listenNow, listenOn, listenOnHosts } from './listen.ts';
import { extension } from './loop-extension.ts';
import { OperationFuture } from './operation-future.ts';
import { checkPipe, connectReadPipe, connectWritePipe } from './pipes.ts';
import { isRunnable, isSource, needsMicrotasks } from './runnable.ts';
import { fileRange, sendfile, sockSendfile } from './sendfile.ts';
import { discard, Server, type ServerKeeper } from './server.ts';
import {
  checkStreamSocket,
  listenOnGiven,
  openGiven,
  sockAccept,
  sockConnect,
  sockRecv,
  sockRecvfrom,
  sockRecvfromInto,
  sockRecvInto,
  sockSendall,
  sockSendto,
} from './sockets.ts';

const slowCallbackDurationDefault = 100;

/** What a loop has in hand. */
export interface LoopInsides {
  /** the next one first */
  readonly timers: readonly LoopTimerHandle[];
  /** callbacks that are queued to run */
  readonly queued: number;
  /** the closing ones too */
  readonly transports: readonly OpenTransport[];
  readonly servers: readonly Server[];
  readonly signals: readonly Signal[];
  /** who waits for descriptors of the program's own */
  readonly waits: readonly DescriptorWait[];
}

export interface EventLoopOptions {
  /** on if TULIPA_DEBUG is set, unless given */
  debug?: boolean | undefined;
  /** as `newEventLoop` has it */
  turnsHost?: boolean | undefined;
  /** @internal whose guest it is; Node's unless given */
  host?: Host | undefined;
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
  readonly #blocking: BlockingRunner;
  /** the host's loop, if a run that blocks turns it too */
  readonly #turned: TurnedHost | null;
  #stepping: SteppingRunner | null = null;
  #runner: GuestRunner | BlockingRunner | SteppingRunner;
  /** open, and closing ones until their channel is gone */
  readonly #transports = new Set<OpenTransport>();
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
  /** Whether promises make progress while this runs; a blocked thread may be unable to run their reactions. */
  #drains = true;
  #stopEarly = false;
  /** Whether debugging has been told that this runs. */
  #extended = false;
  #closed = false;
  /** gone as if by loss of power: whatever is asked of it is taken, and never done */
  #abandoned = false;
  #onStop: (() => void) | null = null;
  #taskFactory: TaskFactory | null = null;
  #exceptionHandler: ExceptionHandler | null = null;
  #defaultExecutor: Executor | null = null;
  /** by this loop, because none was given */
  #madeExecutor: Executor | null = null;

  constructor(driver: Driver, options?: EventLoopOptions) {
    this.#driver = driver;
    this.#scheduler = new Scheduler(driver, this, nodeHost.drainMicrotasks ?? (() => {}));
    this.#guest = new GuestRunner(this.#scheduler, driver, this, options?.host ?? nodeHost);
    this.#turned = this.#turnsHost(options?.turnsHost) ? new TurnedNode() : null;
    this.#blocking = new BlockingRunner(this.#scheduler, this, nodeHost, driver, this.#turned);
    this.#runner = this.#guest;
    this.#scheduler.debug = options?.debug ?? environment('TULIPA_DEBUG') !== undefined;
    if (this.hasOwnWorld) markOwnWorld(this);
    driver.attach(this.#scheduler);
  }

  /** @throws {NotSupportedError} the driver cannot, and was told to by more than the environment */
  #turnsHost(wish: boolean | undefined): boolean {
    const able = this.#driver.watchLoop !== undefined;
    // The environment speaks to the program, and knows nothing of its threads, or of loops that are guests anyway.
    if (wish === undefined)
      return able && !nodeHost.prefersBlocking && environment('TULIPA_TURNS_HOST') === '1';
    if (wish && !able) {
      throw new NotSupportedError(
        'turnsHost',
        this.driverName,
        `Cannot turn the host's loop: the ${this.driverName} driver ${this.#driver.canBlock ? 'has no part in it' : 'is always a guest of it'}`,
      );
    }
    return wish;
  }

  get driverName(): string {
    return this.#driver.name;
  }

  /** @internal */
  get canBlock(): boolean {
    return this.#driver.canBlock;
  }

  /** @internal How other threads reach this loop; null: by messages that the host delivers. */
  get wakeups(): WakeupOperations | null {
    return this.#driver.wakeups ?? null;
  }

  /** @internal For what is served beside the loop: connections that are none of its transports. */
  get streams(): StreamOperations | null {
    return this.#driver.streams;
  }

  /**
   * @internal Whatever can happen to it happens in its driver, which knows when nothing ever will. The host has no part in
   * it: neither can the host turn it, nor will anything of the host's come while somebody waits in it.
   */
  get hasOwnWorld(): boolean {
    return this.#driver.onIdle !== undefined;
  }

  /** @internal Calls back whenever nothing is left that could ever happen to it. */
  watchIdle(callback: () => void): Operation {
    return this.#driver.onIdle?.(callback) ?? watchHostIdle(callback);
  }

  /** @internal How often the host's loop was turned from here. */
  get hostTurns(): number {
    return this.#turned?.turns ?? 0;
  }

  /** @internal It turns, and the host does not, but perhaps from inside of it. */
  get blocks(): boolean {
    return this.#blocking.turning;
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
      waits: this.#driver.descriptors?.waits?.() ?? [],
    };
  }

  // Running

  runForever(): void {
    this.#mustNotRun();
    this.#mustBlock('runForever');
    this.#turned?.mustBeOutside();
    this.#block();
  }

  runUntilComplete<T>(awaitable: Awaitable<T> | TaskSource<T>): T {
    this.#mustNotRun();
    this.#mustBlock('runUntilComplete');
    this.#turned?.mustBeOutside();
    if (!isRunnable(awaitable))
      throw new TypeError('Cannot run this: it is nothing that can be run or waited for');
    if (needsMicrotasks(awaitable) && !nodeHost.drainsHere()) throw stuck();
    const main = isSource(awaitable) ? this.createTask(awaitable) : ensureFuture(awaitable, { loop: this });
    const stop = () => {
      if (!main.cancelled()) main.exception(); // looked at: it is thrown below, and nobody need report it
      this.stop();
    };
    main.addDoneCallback(stop);
    try {
      this.#block();
    } catch (error) {
      // Thrown out of the loop, past it: main cannot be told, and its own error would be news that nobody waits for.
      if (main.done() && !main.cancelled()) main.exception();
      throw error;
    } finally {
      main.removeDoneCallback(stop);
    }
    if (!main.done())
      throw new StateError('ERR_LOOP_STOPPED', 'Cannot finish main: the loop was stopped before');
    return main.result();
  }

  runOnce(timeout: number | null = null): void {
    this.#mustNotRun();
    if (!this.#driver.canBlock) {
      if (timeout !== 0) this.#mustBlock('runOnce with a timeout other than 0');
      this.#guest.turnOnce();
      return;
    }
    if (timeout !== null) checkedTime(timeout, 'timeout');
    this.#turned?.mustBeOutside();
    this.#own(() => this.#blocking.runOnce(timeout === null ? null : Math.max(0, timeout)));
  }

  /** Owns the thread until `stop`. */
  #block(): void {
    this.#own(() => {
      this.#onStop = () => this.#blocking.stop(() => {});
      if (this.#stopEarly) this.#blocking.runOnce(0);
      else this.#blocking.run();
    });
  }

  /** Is this thread's running loop while `run` does. */
  #own(run: () => void): void {
    attach(this);
    this.#attached = true;
    this.#drains = nodeHost.drainsHere();
    this.#extend();
    try {
      run();
    } finally {
      this.#drains = true;
      this.#onStop = null;
      this.#stopEarly = false;
      this.#attached = false;
      detach(this);
      this.#endExtension();
    }
  }

  stop(): void {
    if (!this.#attached) {
      // As asyncio has it: the next run makes one turn.
      this.#stopEarly = this.#driver.canBlock;
      return;
    }
    // Outside a turn: after one that does not wait.
    if (this.#scheduler.inTurn) this.#onStop?.();
    else this.enqueue({ run: () => this.#onStop?.() });
  }

  isRunning(): boolean {
    return this.#attached || this.#guest.turning || this.#blocking.turning;
  }

  isClosed(): boolean {
    return this.#closed || this.#abandoned;
  }

  close(): void {
    if (this.isRunning())
      throw new StateError('ERR_LOOP_RUNNING', 'Cannot close the event loop: it is running');
    if (this.isClosed()) return;
    for (const signal of [...this.#signals.keys()]) this.removeSignalHandler(signal);
    reportLost(this);
    this.#closed = true;
    this.#scheduler.clear();
    extension?.closed(this);
    this.#driver.close();
    this.#shutDownExecutor();
  }

  /**
   * @internal Drops the loop as if its machine had lost its power, also in the middle of a turn: nothing of it is run any
   * more, no cleaning up either, what is asked of it is never done, and nobody is told of anything. Its driver is the
   * caller's to end. Idempotent.
   *
   * @throws {StateError} it runs and is not stepped
   */
  abandon(): void {
    if (this.isClosed()) return;
    if (this.isRunning() && this.#runner !== this.#stepping) throw alreadyRunning(this, this);
    this.#abandoned = true;
    this.#attached = false;
    this.#onStop = null;
    markAbandoned(this);
    forgetTasks(this);
    this.#stepping?.drop();
    this.#scheduler.abandon();
    this.#signals.clear();
    this.#servers.clear();
    this.#transports.clear();
    this.#transportGone = () => {};
    extension?.closed(this);
    this.#shutDownExecutor();
  }

  #shutDownExecutor(): void {
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

  /**
   * @internal Runs this in the thread from now on: as a guest of its host, or, `blocking`, from the host's next turn on and
   * to its exclusion. `onStop` is called after `stop`.
   *
   * @throws {NotSupportedError} the driver cannot be run so
   */
  attach(onStop: () => void, blocking: boolean): void {
    this.#mustBeThere();
    if (blocking) this.#mustBlock('run blocking');
    else if (this.hasOwnWorld) throw this.#noGuest();
    attach(this);
    this.#attached = true;
    this.#onStop = onStop;
    this.#runner = blocking ? this.#blocking : this.#guest;
    try {
      this.#runner.start();
    } catch (error) {
      this.#detached();
      throw error;
    }
    this.#extend();
  }

  /**
   * @internal Has it turned from now on by whoever calls `step`, beside other loops of this thread; it counts as running.
   * `onStop` is called after `stop`, and is to `detach` it.
   */
  attachStepped(stepper: Stepper, onStop: () => void): void {
    this.#mustBeThere();
    if (this.isRunning()) throw alreadyRunning(this, this);
    this.#stepping ??= new SteppingRunner(this.#scheduler, this);
    this.#runner = this.#stepping;
    this.#attached = true;
    this.#onStop = onStop;
    this.#stepping.start(stepper);
    if (this.getDebug()) this.#extend();
  }

  /** @internal One turn, without waiting and without asking the driver. @throws {StateError} it is not stepped */
  step(): void {
    if (this.#stepping === null)
      throw new StateError('ERR_LOOP_STOPPED', 'Cannot turn the event loop: it is not stepped');
    this.#stepping.step();
  }

  /**
   * @internal Has `choose` say, whenever a task is to go on and others of this turn could too, which one does: by its place
   * among these, the oldest first. Callbacks keep their order. null: first in, first out.
   */
  setOrder(choose: ((candidates: readonly Runnable[]) => number) | null): void {
    this.#scheduler.order = choose === null ? null : { isStep: isTaskStep, choose };
  }

  /** @internal How much is queued to run. */
  get queued(): number {
    return this.#scheduler.queued;
  }

  /** @internal False: no timer is pending but such as only run if there is something else to do. */
  get hasRefdTimers(): boolean {
    return this.#scheduler.hasRefdTimers;
  }

  /** @internal When the next timer is due, by this loop's clock; Infinity: none is pending. */
  get earliestTimer(): number {
    return this.#scheduler.earliestTimer;
  }

  /** @internal Ends that with the turn that is under way, if one is; then calls `onDetached`. */
  detach(onDetached: () => void): void {
    this.#onStop = null;
    this.#runner.stop(() => {
      this.#detached();
      this.#endExtension();
      onDetached();
    });
  }

  #extend(): void {
    this.#extended = true;
    extension?.running(this);
  }

  #endExtension(): void {
    if (!this.#extended) return;
    this.#extended = false;
    extension?.stopped(this);
  }

  #detached(): void {
    this.#attached = false;
    detach(this);
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
      const gone = () => {
        if (!changed.done()) changed.setResult();
      };
      this.#transportGone = gone;
      const timer = this.callAt(end, gone);
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
    if (!this.#drains && needsMicrotasks(source)) throw stuck();
    if (this.#taskFactory !== null) return this.#taskFactory(this, source, options) as Task<T>;
    const { name, context, eagerStart } = options;
    return new Task<T>(source, { name, context, eagerStart, loop: this });
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
    // Its job is a promise.
    if (!this.#drains) throw stuck();
    if (this.hasOwnWorld && (executor ?? this.#defaultExecutor)?.needsHost !== false) {
      throw new NotSupportedError(
        'executors',
        this.driverName,
        `Cannot run in an executor: no thread or process is part of what happens on the ${this.driverName} driver; one that says \`needsHost: false\` can be used`,
      );
    }
    const chosen = executor ?? this.#defaultExecutor ?? this.#ownExecutor();
    if (chosen.needsHost === true && this.#blocking.turning && this.#turned === null) {
      throw new NotSupportedError(
        'executors',
        this.driverName,
        'Cannot run in this executor: its jobs end by the host’s loop, which the run blocks; use await run(main) with runner: guest',
      );
    }
    return wrapFuture(chosen.submit(callback, ...args), { loop: this });
  }

  #ownExecutor(): Executor {
    if (makeDefaultExecutor === null) {
      throw new NotSupportedError(
        'executors',
        this.driverName,
        'Cannot run in the default executor: none was set, and nothing makes one',
      );
    }
    const executor = makeDefaultExecutor();
    this.#defaultExecutor = executor;
    this.#madeExecutor = executor;
    return executor;
  }

  setDefaultExecutor(executor: Executor | null): void {
    if (executor !== null && (typeof executor !== 'object' || typeof executor.submit !== 'function')) {
      throw new TypeError('Cannot set the default executor: it is neither an executor nor null');
    }
    // Nobody else could shut down the one that was made here.
    if (this.#madeExecutor !== null && this.#madeExecutor === this.#defaultExecutor) this.#shutDownExecutor();
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
      // At once: queued again, it could be removed or replaced before it runs.
      if (this.#signals.get(signal) === watch)
        new LoopHandle(this.#scheduler, callback as Callback, args, context).run();
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
    descriptor: Descriptor,
    callback: (...args: Args) => void,
    ...args: Args
  ): void {
    this.#watch(descriptor, 'read', 'addReader', callback as Callback, args);
  }

  addWriter<Args extends unknown[]>(
    descriptor: Descriptor,
    callback: (...args: Args) => void,
    ...args: Args
  ): void {
    this.#watch(descriptor, 'write', 'addWriter', callback as Callback, args);
  }

  removeReader(descriptor: Descriptor): boolean {
    return this.#unwatch(descriptor, 'read', 'removeReader');
  }

  removeWriter(descriptor: Descriptor): boolean {
    return this.#unwatch(descriptor, 'write', 'removeWriter');
  }

  #watch(
    descriptor: Descriptor,
    direction: Direction,
    method: string,
    callback: Callback,
    args: unknown[],
  ): void {
    const descriptors = this.#need('descriptors', method);
    this.#checkCallback(callback);
    const fd = descriptorNumber(descriptor, 'watch');
    descriptors.watch(fd, direction, new DescriptorCallback(this.#scheduler, callback, args));
  }

  #unwatch(descriptor: Descriptor, direction: Direction, method: string): boolean {
    if (this.#closed) return false;
    const descriptors = this.#need('descriptors', method);
    return descriptors.unwatch(descriptorNumber(descriptor, 'stop watching'), direction);
  }

  sockRecv(socket: Socket, byteCount: number): Future<Uint8Array> {
    return sockRecv(this, this.#need('sockets', 'sockRecv'), socket, byteCount);
  }

  sockRecvInto(socket: Socket, buffer: Uint8Array): Future<number> {
    return sockRecvInto(this, this.#need('sockets', 'sockRecvInto'), socket, buffer);
  }

  sockRecvfrom(socket: Socket, byteCount: number): Future<[data: Uint8Array, address: SocketAddress]> {
    return sockRecvfrom(this, this.#need('sockets', 'sockRecvfrom'), socket, byteCount);
  }

  sockRecvfromInto(socket: Socket, buffer: Uint8Array): Future<[byteCount: number, address: SocketAddress]> {
    return sockRecvfromInto(this, this.#need('sockets', 'sockRecvfromInto'), socket, buffer);
  }

  sockSendall(socket: Socket, data: Uint8Array): Future<void> {
    return sockSendall(this, this.#need('sockets', 'sockSendall'), socket, data);
  }

  sockSendto(socket: Socket, data: Uint8Array, address: SocketAddress): Future<number> {
    return sockSendto(this, this.#need('sockets', 'sockSendto'), socket, data, address);
  }

  sockConnect(socket: Socket, address: SocketAddress): Future<void> {
    const sockets = this.#need('sockets', 'sockConnect');
    return sockConnect(this, sockets, () => this.#need('names', 'sockConnect'), socket, address);
  }

  sockAccept(socket: Socket): Future<[connection: Socket, address: SocketAddress]> {
    return sockAccept(this, this.#need('sockets', 'sockAccept'), socket);
  }

  sockSendfile(socket: Socket, file: SendableFile, options: SendfileOptions = {}): Coroutine<number> {
    const sockets = this.#need('sockets', 'sockSendfile');
    checkStreamSocket(this, socket, 'send the file');
    const sending = sockSendfile(this, sockets, socket, fileRange(file, options), options.fallback !== false);
    return new Coroutine('sockSendfile', sending);
  }

  sendfile(transport: Transport, file: SendableFile, options: SendfileOptions = {}): Coroutine<number> {
    this.#need('sockets', 'sendfile');
    const sending = sendfile(this, transport, fileRange(file, options), options.fallback !== false);
    return new Coroutine('sendfile', sending);
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
    if (options.socket !== undefined) {
      return this.#connectedBy('createConnection with a socket', factory, options.socket);
    }
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
    if (options.socket !== undefined) {
      return this.#connectedBy('createUnixConnection with a socket', factory, options.socket, 'unix');
    }
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
    if (options.socket !== undefined) {
      return this.#serveOn('createServer with a socket', factory, options.socket, options);
    }
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

  /**
   * @internal As `createServer`, before it returns, at a literal address or at all interfaces; null: the driver cannot.
   *
   * @throws {SystemError} it cannot be listened there
   */
  createServerNow(
    factory: () => StreamProtocol,
    options: { host: string | null; port: number; backlog: number | undefined; reusePort: boolean },
  ): Server | null {
    const { host, port, backlog, reusePort } = options;
    checkServerOptions({ host, port, backlog });
    const streams = this.#need('streams', 'createServer');
    if (streams.listenNow === undefined) return null;
    const server = new Server(
      this,
      factory,
      () => {
        throw new TypeError('Cannot start the server: it was started when it was made');
      },
      this.#keeper,
    );
    const listen = { backlog: backlog ?? backlogDefault, reusePort, keepAlive: false };
    server.startNow((sink) => listenNow(streams, host, port, listen, sink));
    return server;
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
    if (options.socket !== undefined) {
      return this.#serveOn('createUnixServer with a socket', factory, options.socket, options, 'unix');
    }
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
    factory: () => P,
    socket: Socket,
    options: TlsOptions = {},
  ): Coroutine<[transport: Transport, protocol: P]> {
    this.#checkFactory(factory);
    this.#checkTls(options);
    return this.#connectedBy('connectAcceptedSocket', factory, socket);
  }

  #connectedBy<P extends StreamProtocol>(
    method: string,
    factory: () => P,
    socket: Socket,
    family?: 'unix',
  ): Coroutine<[transport: Transport, protocol: P]> {
    const sockets = this.#need('sockets', method);
    checkStreamSocket(this, socket, 'connect', family);
    return new Coroutine(method, this.#connected(factory, openGiven(sockets, socket)));
  }

  #serveOn(
    method: string,
    factory: () => StreamProtocol,
    socket: Socket,
    options: UnixServerOptions,
    family?: 'unix',
  ): Coroutine<ServerInterface> {
    const sockets = this.#need('sockets', method);
    checkStreamSocket(this, socket, 'create the server', family);
    const listening = {
      backlog: options.backlog ?? backlogDefault,
      keepFile: options.cleanupSocket === false,
    };
    const server = new Server(
      this,
      factory,
      (sink) => listenOnGiven(this, sockets, socket, listening, sink),
      this.#keeper,
      options.maxConnections,
    );
    return new Coroutine(method, this.#started(server, options.startServing !== false));
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
    yield* beginTransport(this, transport);
    return [transport, protocol];
  }

  *#started(server: Server, startServing: boolean): Generator<Suspension, ServerInterface, unknown> {
    this.#mustBeOpen();
    if (startServing) yield* server.startServing();
    return server;
  }

  // Datagrams, pipes, subprocesses

  createDatagramEndpoint<P extends DatagramProtocol>(
    factory: () => P,
    options: DatagramOptions,
  ): Coroutine<[transport: DatagramTransport, protocol: P]> {
    this.#checkFactory(factory);
    checkDatagramOptions(options);
    const datagrams = this.#need('datagrams', 'createDatagramEndpoint');
    if (options.socket !== undefined && datagrams.adopt === null)
      throw this.#notSupported('sockets', 'createDatagramEndpoint with a socket');
    const names = () => this.#need('names', 'createDatagramEndpoint');
    return new Coroutine(
      'createDatagramEndpoint',
      createDatagramEndpoint(this, datagrams, names, factory, options, this.#keeper),
    );
  }

  connectReadPipe<P extends StreamProtocol>(
    factory: () => P,
    pipe: Descriptor,
  ): Coroutine<[transport: ReadTransport, protocol: P]> {
    this.#checkFactory(factory);
    checkPipe(pipe);
    const pipes = this.#need('pipes', 'connectReadPipe');
    return new Coroutine('connectReadPipe', connectReadPipe(this, pipes, factory, pipe, this.#keeper));
  }

  connectWritePipe<P extends BaseProtocol>(
    factory: () => P,
    pipe: Descriptor,
  ): Coroutine<[transport: WriteTransport, protocol: P]> {
    this.#checkFactory(factory);
    checkPipe(pipe);
    const pipes = this.#need('pipes', 'connectWritePipe');
    return new Coroutine('connectWritePipe', connectWritePipe(this, pipes, factory, pipe, this.#keeper));
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
    if (this.#abandoned) return;
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
    if (this.#attached) this.#extend();
  }

  slowCallback(what: string, duration: number): void {
    warn('SlowCallbackWarning', `${what} took ${duration.toFixed(1)} ms and held up the loop for so long`);
  }

  toString(): string {
    const state = this.isClosed() ? 'closed' : this.isRunning() ? 'running' : 'idle';
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

  #mustBeThere(): void {
    this.#mustBeOpen();
    if (this.#abandoned)
      throw new StateError('ERR_LOOP_CLOSED', 'Cannot run the event loop: it was abandoned');
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new StateError('ERR_LOOP_CLOSED', 'Cannot use the event loop: it is closed');
  }

  #mustNotRun(): void {
    this.#mustBeThere();
    const running = this.isRunning() ? this : runningLoop();
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

  #noGuest(): NotSupportedError {
    return new NotSupportedError(
      'guest',
      this.driverName,
      `Cannot run as a guest: what happens on the ${this.driverName} driver is nothing of the host's; run it blocking`,
    );
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
    if (options.path === undefined) return '';
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
function contextOf({ task, handle }: ExceptionContext): Context {
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

function stuck(): StateError {
  return new StateError(
    'ERR_NO_MICROTASKS',
    'Cannot run an async function, or wait for a promise, here: the thread is blocked inside a promise reaction, or at the top level of an ES module, where the runtime runs no other; use a coroutine, or await run(main)',
  );
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
