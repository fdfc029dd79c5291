import type { AddressFamily, ResolvedAddress, Socket, SocketAddress, SocketType } from './address.ts';
import type { Context } from './context.ts';
import type { Executor } from './executor.ts';
import type { Awaitable, Future, Task, TaskFactory, TaskOptions, TaskSource, Waitable } from './future.ts';
import type { Handle, Runnable, TimerHandle } from './handle.ts';
import type { BaseProtocol, DatagramProtocol, StreamProtocol, SubprocessProtocol } from './protocol.ts';
import type { Server } from './server.ts';
import type {
  DatagramTransport,
  ReadTransport,
  SubprocessTransport,
  Transport,
  WriteTransport,
} from './transport.ts';

/** A signal by its name: `'SIGTERM'`. @see signal(7) */
export type Signal = `SIG${string}`;

/** A descriptor, or something that has one. */
export type Descriptor = number | { readonly fd: number };

/** Certificates, keys and rules for TLS, made by the driver's side of the house; opaque to the loop. */
export type TlsContext = object;

/** What an exception handler is told. Only `message` is always there. */
export interface ExceptionContext {
  message: string;
  exception?: unknown;
  future?: Future<unknown>;
  task?: Task<unknown>;
  handle?: Handle;
  protocol?: BaseProtocol;
  transport?: object;
  server?: object;
  signal?: Signal;
  /** debug mode: the stack where the failing handle, future or task was made */
  sourceTrace?: string;
  /** 'debug': told in debug mode only, since it is no mistake of the program's */
  level?: 'debug';
}

export type ExceptionHandler = (loop: EventLoop, context: ExceptionContext) => void;

/** Running and stopping. @see PEP 3156, "Starting, Stopping, and Closing an Event Loop" */
export interface RunningMethods {
  /**
   * Blocks the thread and runs until `stop`.
   *
   * @throws {NotSupportedError} the driver is always a guest of its host and cannot own the thread: use `run(main)`
   * @throws {StateError} closed, running, or another loop runs in this thread
   */
  runForever(): void;
  /**
   * Blocks the thread and runs until `awaitable` is done; returns its result or throws its exception.
   *
   * @throws {StateError} as `runForever`; also if stopped before the result was there, which leaves the task pending
   * @throws {TypeError} not something to wait for
   * @throws {RangeError} a future of another loop
   */
  runUntilComplete<T>(awaitable: Awaitable<T> | TaskSource<T>): T;
  /**
   * One turn: waits for I/O or a timer for at most `timeout` milliseconds (null: no limit), then runs what is ready.
   * Part of the embedding surface.
   */
  runOnce(timeout?: number | null): void;
  /** Ends `runForever` after the present turn; before it, after one turn that does not wait. */
  stop(): void;
  isRunning(): boolean;
  isClosed(): boolean;
  /** Drops what is queued, closes the driver. Idempotent. @throws {StateError} running */
  close(): void;
  /** Closes async generators that were started on this loop and are not finished. */
  shutdownAsyncGenerators(): Waitable<void>;
  /** Waits for the default executor's work to end, `timeout` milliseconds at most; it takes no more. */
  shutdownDefaultExecutor(timeout?: number | null): Waitable<void>;
}

/** For hosts that turn this loop inside one of their own, as libuv's embedders do. */
export interface EmbeddingMethods {
  /** A descriptor that is readable when `runOnce(0)` would do something; null where the driver has none. */
  readonly pollDescriptor: number | null;
  /** Milliseconds to the earliest timer, 0 if something is ready now, null if there is neither. */
  timeUntilNextTimer(): number | null;
  /** Ends a wait; callable from any thread that has the loop. */
  wakeUp(): void;
  /** Calls back before every wait. */
  addPrepare(callback: () => void): Handle;
  /** Calls back after every wait. */
  addCheck(callback: () => void): Handle;
}

/** @see PEP 3156, "Basic Callbacks" */
export interface CallbackMethods {
  /**
   * Queues `callback(...args)`: first in, first out, each exactly once, never from inside this call.
   *
   * What is queued during a turn runs in the next one. An error it throws goes to the exception handler.
   */
  callSoon<Args extends unknown[]>(callback: (...args: Args) => void, ...args: Args): Handle;
  /** As `callSoon`, in a context of your choice. */
  callSoonIn<Args extends unknown[]>(
    context: Context | undefined,
    callback: (...args: Args) => void,
    ...args: Args
  ): Handle;
  /** As `callSoon`, and ends a wait. The only method that another thread may call. */
  callSoonThreadsafe<Args extends unknown[]>(callback: (...args: Args) => void, ...args: Args): Handle;
  /**
   * Queues an object whose `run` is called once, without the cost of a handle: it cannot be cancelled and it enters its
   * context by itself. What tasks and transports wake up with.
   */
  enqueue(runnable: Runnable): void;
}

/** Milliseconds throughout. @see PEP 3156, "Basic Callbacks" */
export interface TimerMethods {
  /** Calls back once after `delay` milliseconds; a delay of 0 or less is due at the next turn. */
  callLater<Args extends unknown[]>(
    delay: number,
    callback: (...args: Args) => void,
    ...args: Args
  ): TimerHandle;
  /** Calls back once when `time()` is `when`; never before. Equal times are called in the order of the calls. */
  callAt<Args extends unknown[]>(when: number, callback: (...args: Args) => void, ...args: Args): TimerHandle;
  /** As `callAt`, in a context of your choice. */
  callAtIn<Args extends unknown[]>(
    context: Context | undefined,
    when: number,
    callback: (...args: Args) => void,
    ...args: Args
  ): TimerHandle;
  /**
   * Calls back after `interval` milliseconds and again `interval` after each call has ended, until cancelled. An error
   * is reported and ends it. The keynote's; asyncio dropped it.
   */
  callRepeatedly<Args extends unknown[]>(
    interval: number,
    callback: (...args: Args) => void,
    ...args: Args
  ): TimerHandle;
  /** The loop's monotonic clock: milliseconds with fractions, from an arbitrary start; virtual in a simulation. */
  time(): number;
}

/** @see PEP 3156, "Futures" and "Tasks" */
export interface FutureMethods {
  createFuture<T>(): Future<T>;
  /** Starts a task; its first step is queued. @throws {TypeError} nothing a task can drive; {StateError} closed */
  createTask<T>(source: TaskSource<T>, options?: TaskOptions): Task<T>;
  /** @throws {TypeError} neither a function nor null */
  setTaskFactory(factory: TaskFactory | null): void;
  getTaskFactory(): TaskFactory | null;
  /** A future of this loop for anything that can be waited for; a future of this loop is returned as it is. */
  wrapFuture<T>(awaitable: Awaitable<T>): Future<T>;
}

/** @see PEP 3156, "Thread interaction" */
export interface ThreadMethods {
  /** Runs `callback(...args)` in `executor`, null for the default one. Cancelling the future cancels the job. */
  runInExecutor<Args extends unknown[], Result>(
    executor: Executor | null,
    callback: (...args: Args) => Result,
    ...args: Args
  ): Future<Awaited<Result>>;
  /** null: one that the loop makes when it is needed. @throws {TypeError} not an executor */
  setDefaultExecutor(executor: Executor | null): void;
}

/** @see PEP 3156, "Signal callbacks" */
export interface SignalMethods {
  /**
   * Calls back on the loop whenever the process gets `signal`. One callback a signal: a second call replaces it.
   *
   * @throws {RangeError} no such signal
   * @throws {StateError} a signal that cannot be caught, or not the main thread
   */
  addSignalHandler<Args extends unknown[]>(
    signal: Signal,
    callback: (...args: Args) => void,
    ...args: Args
  ): void;
  /** Back to the default action. False if there was no handler. */
  removeSignalHandler(signal: Signal): boolean;
}

/**
 * Level-triggered: called again as long as the descriptor stays ready. A registered one keeps the host alive, and is to be
 * removed before it is closed; one that was not is reported once when that is found out.
 *
 * @see PEP 3156, "I/O Callbacks"
 */
export interface DescriptorMethods {
  /**
   * Replaces an earlier reader of that descriptor, and leaves its writer.
   *
   * @throws {StateError} `ERR_DESCRIPTOR_IN_USE`: a transport or a server of this loop has it, or a `sock…` method waits
   * @throws {SystemError} EBADF: it is closed; EPERM: the kernel does not watch such files, as regular ones
   * @throws {TypeError | RangeError} no descriptor
   */
  addReader<Args extends unknown[]>(
    descriptor: Descriptor,
    callback: (...args: Args) => void,
    ...args: Args
  ): void;
  addWriter<Args extends unknown[]>(
    descriptor: Descriptor,
    callback: (...args: Args) => void,
    ...args: Args
  ): void;
  /** Takes effect at once. False if there was none, or the loop is closed. */
  removeReader(descriptor: Descriptor): boolean;
  removeWriter(descriptor: Descriptor): boolean;
}

/**
 * Each tries at once, and waits only if it must; behind those that wait for the same of the socket already, first come,
 * first served. What was received is never lost to a cancel. If the socket is closed meanwhile, it fails with a StateError
 * (`ERR_SOCKET_CLOSED`).
 *
 * @throws {StateError} each at once: the socket is closed, or a transport or a reader or writer has it
 * @see PEP 3156, "I/O Callbacks"
 */
export interface SocketMethods {
  /** Up to `byteCount` bytes, and up to 64 KiB; empty at the end of the stream. */
  sockRecv(socket: Socket, byteCount: number): Future<Uint8Array>;
  /** Fills `buffer` from its start; resolves to the number of bytes. */
  sockRecvInto(socket: Socket, buffer: Uint8Array): Future<number>;
  sockRecvfrom(socket: Socket, byteCount: number): Future<[data: Uint8Array, address: SocketAddress]>;
  sockRecvfromInto(socket: Socket, buffer: Uint8Array): Future<[byteCount: number, address: SocketAddress]>;
  /** All of `data`, not to be changed meanwhile; after an error or a cancel nobody knows how much of it went. */
  sockSendall(socket: Socket, data: Uint8Array): Future<void>;
  sockSendto(socket: Socket, data: Uint8Array, address: SocketAddress): Future<number>;
  /** A host that is a name is looked up first. */
  sockConnect(socket: Socket, address: SocketAddress): Future<void>;
  sockAccept(socket: Socket): Future<[connection: Socket, address: SocketAddress]>;
}

export interface ResolveOptions {
  family?: AddressFamily | undefined;
  type?: SocketType | undefined;
  /** bits of getaddrinfo(3)'s `ai_flags` */
  flags?: number | undefined;
}

/** @see PEP 3156, "DNS"; getaddrinfo(3), getnameinfo(3) */
export interface NameMethods {
  /** A literal address with a numeric port is answered without asking a resolver. @throws {SystemError} */
  getaddrinfo(
    host: string | null,
    port: number | string | null,
    options?: ResolveOptions,
  ): Waitable<ResolvedAddress[]>;
  getnameinfo(address: SocketAddress, flags?: number): Waitable<[host: string, service: string]>;
}

export interface TlsOptions {
  /** true: a default context that verifies the peer */
  ssl?: TlsContext | boolean | undefined;
  /** the name the certificate must be for; the host unless given, '' to check none */
  serverHostname?: string | undefined;
  /** milliseconds, 60 000 unless given */
  sslHandshakeTimeout?: number | undefined;
  /** milliseconds, 30 000 unless given */
  sslShutdownTimeout?: number | undefined;
}

export interface ConnectionOptions extends TlsOptions {
  host?: string | undefined;
  port?: number | string | undefined;
  family?: AddressFamily | undefined;
  /** as for `getaddrinfo` */
  flags?: number | undefined;
  /** a connected stream socket, in place of host and port; the transport's from then on */
  socket?: Socket | undefined;
  /** bind to it before connecting */
  localAddress?: { host: string; port?: number | undefined } | undefined;
  /**
   * Milliseconds after which the next address is tried beside the one under way (RFC 8305); 250 unless given, null to
   * try one after the other.
   */
  happyEyeballsDelay?: number | null | undefined;
  /** how many addresses of the first family come before the families alternate; 1 unless given, 0: resolver's order */
  interleave?: number | undefined;
  /** report the failures of all addresses as a `GroupError`; unless given, they are summed up in one error */
  allErrors?: boolean | undefined;
}

export interface ServerOptions extends TlsOptions {
  /** several are bound once each; '', null or nothing: all interfaces */
  host?: string | readonly string[] | null | undefined;
  /** 0 or nothing: one that is free */
  port?: number | undefined;
  family?: AddressFamily | undefined;
  flags?: number | undefined;
  /** a bound stream socket, in place of host and port; the server's once it listens */
  socket?: Socket | undefined;
  /** connections the kernel queues, 100 unless given */
  backlog?: number | undefined;
  /** several sockets on one port share its connections; false unless given */
  reusePort?: boolean | undefined;
  keepAlive?: boolean | undefined;
  /** connections open at once; those beyond are closed as they come. No bound unless given. */
  maxConnections?: number | undefined;
  /** listen at once; true unless given */
  startServing?: boolean | undefined;
}

/** @see PEP 3156, "Internet connections" */
export interface ConnectionMethods {
  /**
   * Opens a connection and a protocol of `factory` for it. Ends when the protocol's `connectionMade` has run.
   *
   * @throws {SystemError} of the last address, or one error that sums up those of all
   * @throws {RangeError} neither or both of host/port and socket
   */
  createConnection<P extends StreamProtocol>(
    factory: () => P,
    options: ConnectionOptions,
  ): Waitable<[transport: Transport, protocol: P]>;
  /** @throws {SystemError} an address cannot be bound; the error names it, and nothing stays open */
  createServer(factory: () => StreamProtocol, options?: ServerOptions): Waitable<Server>;
  /** The keynote's name for `createServer`. */
  startServing(factory: () => StreamProtocol, options?: ServerOptions): Waitable<Server>;
  /** The server's side of a connection that was accepted elsewhere; the socket is the transport's from then on. */
  connectAcceptedSocket<P extends StreamProtocol>(
    factory: () => P,
    socket: Socket,
    options?: TlsOptions,
  ): Waitable<[transport: Transport, protocol: P]>;
}

/** @see asyncio `loop.start_tls` */
export interface TlsMethods {
  /** Upgrades a transport in place and returns the one to use from now on. The old one must not be used again. */
  startTls(
    transport: Transport,
    protocol: StreamProtocol,
    context: TlsContext,
    options?: { serverSide?: boolean | undefined } & Omit<TlsOptions, 'ssl'>,
  ): Waitable<Transport>;
}

export interface DatagramOptions {
  /** bind to it; host '': all interfaces, port 0 or nothing: one that is free */
  localAddress?: { host: string; port?: number | undefined } | { path: string } | undefined;
  /** send to it alone, and receive from it alone, unless broadcast is allowed */
  remoteAddress?: { host: string; port: number } | { path: string } | undefined;
  /** needed where there is no address */
  family?: AddressFamily | 'unix' | undefined;
  /** as for `getaddrinfo` */
  flags?: number | undefined;
  /** several sockets share the local address; false unless given */
  reusePort?: boolean | undefined;
  /** false unless given */
  allowBroadcast?: boolean | undefined;
  /** an open datagram socket, in place of everything else */
  socket?: Socket | undefined;
}

/** @see PEP 3156, "Datagram connections" */
export interface DatagramMethods {
  /**
   * Opens an endpoint for UDP or Unix datagrams, and a protocol of `factory` for it. Of the addresses that names stand for,
   * the first that works is taken. A stale socket file at a local path is replaced, and ours removed at the end.
   *
   * @throws {SystemError} it cannot be bound or connected; the error names the address
   * @throws {TypeError | RangeError} neither address nor family, or such as do not go together
   */
  createDatagramEndpoint<P extends DatagramProtocol>(
    factory: () => P,
    options: DatagramOptions,
  ): Waitable<[transport: DatagramTransport, protocol: P]>;
}

/** @see PEP 3156, "Pipes and Subprocesses" */
export interface PipeMethods {
  /**
   * Reads from a pipe, FIFO, socket, terminal or other character device until its end, which is told by `eofReceived` and
   * then `connectionLost`. The descriptor is the transport's from then on, does not block any more, and is closed by it:
   * by the `close` of an object that has one.
   *
   * The standard streams, 0 to 2, may be regular files, too; they stay open, and as they are for others who have them.
   *
   * @throws {RangeError} nothing of that kind, as a regular file; it stays the caller's
   * @throws {SystemError} EBADF
   */
  connectReadPipe<P extends StreamProtocol>(
    factory: () => P,
    pipe: Descriptor,
  ): Waitable<[transport: ReadTransport, protocol: P]>;
  /**
   * Writes to one, otherwise as `connectReadPipe`. When its reader goes away, the transport is lost: with a SystemError
   * `EPIPE` if something was not written yet. `writeEof` closes it.
   */
  connectWritePipe<P extends BaseProtocol>(
    factory: () => P,
    pipe: Descriptor,
  ): Waitable<[transport: WriteTransport, protocol: P]>;
}

export interface SubprocessOptions {
  /** each 'pipe' unless given */
  stdin?: 'pipe' | 'inherit' | 'ignore' | Descriptor | undefined;
  stdout?: 'pipe' | 'inherit' | 'ignore' | Descriptor | undefined;
  stderr?: 'pipe' | 'inherit' | 'ignore' | 'stdout' | Descriptor | undefined;
  cwd?: string | undefined;
  env?: Readonly<Record<string, string>> | undefined;
}

/** @see PEP 3156, "Pipes and Subprocesses" */
export interface SubprocessMethods {
  subprocessExec<P extends SubprocessProtocol>(
    factory: () => P,
    program: string,
    args?: readonly string[],
    options?: SubprocessOptions,
  ): Waitable<[transport: SubprocessTransport, protocol: P]>;
  subprocessShell<P extends SubprocessProtocol>(
    factory: () => P,
    command: string,
    options?: SubprocessOptions,
  ): Waitable<[transport: SubprocessTransport, protocol: P]>;
}

export interface UnixConnectionOptions extends TlsOptions {
  /** a path, or an abstract name that starts with NUL */
  path?: string | undefined;
  socket?: Socket | undefined;
}

export interface UnixServerOptions extends TlsOptions {
  path?: string | undefined;
  socket?: Socket | undefined;
  backlog?: number | undefined;
  maxConnections?: number | undefined;
  startServing?: boolean | undefined;
  /** remove the socket's file on close, if it is still the same; true unless given */
  cleanupSocket?: boolean | undefined;
}

/** @see asyncio `loop.create_unix_connection`, `loop.create_unix_server`; unix(7) */
export interface UnixMethods {
  createUnixConnection<P extends StreamProtocol>(
    factory: () => P,
    options: UnixConnectionOptions,
  ): Waitable<[transport: Transport, protocol: P]>;
  createUnixServer(factory: () => StreamProtocol, options: UnixServerOptions): Waitable<Server>;
}

/** An open file to send from. */
export interface SendableFile {
  readonly fd: number;
}

export interface SendfileOptions {
  /** of the first byte; 0 unless given */
  offset?: number | undefined;
  /** bytes, 1 or more; to the end of the file unless given */
  count?: number | undefined;
  /** read the file where the kernel does not send it by itself; true unless given */
  fallback?: boolean | undefined;
}

/** @see asyncio `loop.sendfile`; sendfile(2) */
export interface SendfileMethods {
  /**
   * Sends a regular file, or a part of it, behind what was written; resolves to how many bytes went. Until it is done
   * nothing can be written (`ERR_SENDING_FILE`); reading goes on. The file's position is behind what was sent then, also
   * after an error or a cancel.
   *
   * @throws {StateError} the transport is closing, or is none for connections; {SystemError} the connection broke
   * @throws {NotSupportedError} the kernel does not send it by itself, and `fallback` is false
   * @throws {RangeError} no regular file, no such bytes
   */
  sendfile(transport: Transport, file: SendableFile, options?: SendfileOptions): Waitable<number>;
  /** The same on a socket of the program's own. */
  sockSendfile(socket: Socket, file: SendableFile, options?: SendfileOptions): Waitable<number>;
}

/** @see PEP 3156, "Exceptions"; asyncio "Debug Mode" */
export interface ErrorMethods {
  /** Reports what has nobody to be thrown to. Never throws. */
  callExceptionHandler(context: ExceptionContext): void;
  defaultExceptionHandler(context: ExceptionContext): void;
  /** null: the default. @throws {TypeError} neither a function nor null */
  setExceptionHandler(handler: ExceptionHandler | null): void;
  getExceptionHandler(): ExceptionHandler | null;
  getDebug(): boolean;
  setDebug(enabled: boolean): void;
  /** Debug mode warns of callbacks and steps that take this many milliseconds or more; 100 unless set. */
  slowCallbackDuration: number;
}

/**
 * The standard event loop. Programs hold one; frameworks bring their own, or run on anybody's.
 *
 * Every wait it returns is accepted by `yield*` and by `await`. What the driver under a loop does not offer throws a
 * {@link NotSupportedError} that names the driver.
 *
 * @see PEP 3156
 */
export interface EventLoop
  extends RunningMethods,
    EmbeddingMethods,
    CallbackMethods,
    TimerMethods,
    FutureMethods,
    ThreadMethods,
    SignalMethods,
    DescriptorMethods,
    SocketMethods,
    NameMethods,
    ConnectionMethods,
    TlsMethods,
    DatagramMethods,
    PipeMethods,
    SubprocessMethods,
    UnixMethods,
    SendfileMethods,
    ErrorMethods {
  /** The name of the driver under it. */
  readonly driverName: string;
}
