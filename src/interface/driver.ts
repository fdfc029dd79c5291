import type { AddressFamily, ResolvedAddress, Socket, SocketAddress } from './address.ts';
import type { ExceptionContext, ResolveOptions, Signal } from './event-loop.ts';
import type { Runnable } from './handle.ts';

/**
 * A driver is everything that touches the outside: the clock, waiting, waking, channels. A loop is a scheduler plus a
 * driver, so that whatever is written above a driver runs on all of them.
 *
 * The contract is completion-shaped ("done", never "ready"): a readiness kernel can imitate completion by trying, waiting
 * and trying again, while the reverse costs. It is written with callbacks instead of futures, which live above it. Three
 * rules hold for every callback that a driver is given:
 *
 * 1. It is called through the {@link DriverHost}, never from inside a call to the driver. Two exceptions:
 *    `StreamChannel.write`, which says at once what the kernel took, and {@link SocketOperations}, which try at once.
 * 2. After the `close`, `abort` or `cancel` of the thing it belongs to it is not called again, except `closed`.
 * 3. It does not throw; the host catches what a careless one lets out.
 *
 * How to write one, and prove it, with a whole example: `docs/writing-a-driver.md` of the repository.
 */
export interface Driver {
  readonly name: string;
  /** True if `wait` can own the thread; false for one that is always a guest of its host. */
  readonly canBlock: boolean;
  /**
   * Readable when `wait(0)` would do something: lets a host embed the loop. null where there is none. It may change, of
   * which the driver tells its host while both are open.
   */
  readonly pollDescriptor: number | null;

  readonly streams: StreamOperations | null;
  readonly names: NameOperations | null;
  readonly signals: SignalOperations | null;
  readonly descriptors: DescriptorOperations | null;
  readonly sockets: SocketOperations | null;
  readonly datagrams: DatagramOperations | null;
  readonly pipes: PipeOperations | null;
  /** Groups that no driver offers yet are null; each gets its type with the first driver that does. */
  readonly processes: null;
  readonly tls: null;

  /**
   * Makes `pollDescriptor` readable at a time, of the driver's clock; null: at none. More exact than what a host's timers
   * offer. null where the driver cannot, or has no `pollDescriptor`.
   */
  readonly alarm: ((when: number | null) => void) | null;
  /**
   * How many open things keep the host alive, beyond those that do so by themselves. The driver tells its host when this
   * becomes 0 and when it no longer is.
   */
  readonly refs: number;

  /** How other threads reach who waits in it. Left out where nothing but the host's own messages can. */
  readonly wakeups?: WakeupOperations;

  /**
   * Has waits end while the descriptor of a whole loop, the host's, is readable. That is noted and calls nobody. To be
   * closed before the driver. Left out where the driver has no such waits.
   *
   * @throws {SystemError} the kernel does not watch it: ELOOP, that loop watches this one
   */
  watchLoop?(descriptor: number): WatchedLoop;

  /** Called once, before anything else. */
  attach(host: DriverHost): void;
  /** Milliseconds, monotonic, fractions allowed; virtual in a simulation. */
  now(): number;
  /** Waits at most `timeout` milliseconds (null: no limit) and hands over what has completed. Never early. */
  wait(timeout: number | null): void;
  /** Ends a wait, from any thread or signal handler. */
  wake(): void;
  /**
   * Calls back, as an I/O callback, each time that a wait would have no end: nothing can ever happen any more, but for
   * timers that are worth nothing alone (`DriverHost.hasRefdTimers`), unless somebody queues something. Where nobody wants to know, such a wait throws a StateError, `ERR_DEADLOCK`. Left out by
   * drivers that cannot know. Who can is a world of its own: its loops are no guests of a host, and use no threads.
   */
  onIdle?(callback: () => void): Operation;
  /** Closes what is still open, without telling anybody. Idempotent. */
  close(): void;
}

/** The features a driver may lack, by the name of the member that is then null. */
export type DriverFeature =
  | 'streams'
  | 'names'
  | 'signals'
  | 'descriptors'
  | 'sockets'
  | 'datagrams'
  | 'pipes'
  | 'processes'
  | 'tls';

/** What a driver may ask of the loop that it drives. */
export interface DriverHost {
  /**
   * Calls `callback(argument)` as an I/O callback of the loop: after what was queued before, as part of a turn.
   *
   * Inside a wait, or when a turn is under way, it is queued; otherwise (the driver is a guest and its host has just
   * called) the turn is run before this returns, so that a borrowed buffer can be passed along.
   */
  dispatch<A>(callback: (argument: A) => void, argument: A): void;
  /** True if `dispatch` would queue: what is lent must be copied for it. */
  readonly inTurn: boolean;
  /** False: of the pending timers none is worth staying alive for. Left out where timers are not told apart. */
  readonly hasRefdTimers?: boolean;
  /** Queues something to run as an I/O callback. Costs less than `dispatch`, and never runs it at once. */
  enqueue(runnable: Runnable): void;
  /** Calls back as an I/O callback after `delay` milliseconds; does not keep the host alive by itself. */
  callLater(delay: number, callback: () => void): Operation;
  /** `Driver.refs` has become 0, or is no longer. */
  refsChanged(): void;
  /** `Driver.pollDescriptor` is another one from now on; the one before is closed when this has returned. */
  pollDescriptorChanged(): void;
  /** Reports trouble that belongs to no caller. */
  report(context: ExceptionContext): void;
}

/** What ends a driver's wait, in a form that can be sent to other threads. They ring it as `threads/bell.ts` does. */
export interface Bell {
  /** Eight bytes written here, a number in the machine's order, ring it. */
  readonly descriptor: number;
  /**
   * How many threads are at it; and whether it is gone (not 0), and its descriptor perhaps somebody else's. Who rings
   * counts itself first and looks then, so that the descriptor is not closed while it is written to.
   */
  readonly state: Int32Array<SharedArrayBuffer>;
}

export interface WakeupOperations {
  readonly bell: Bell;
  /** Calls back as an I/O callback after it was rung; once if that was several times. */
  onRing(callback: () => void): Operation;
  /** Whoever is to be called by another thread keeps the host alive. */
  ref(): void;
  unref(): void;
}

/** How an operation ends: one of the two, once. */
export interface Completion<T> {
  succeeded(value: T): void;
  failed(error: Error): void;
}

/** A loop whose descriptor a driver watches. */
export interface WatchedLoop {
  /** Whether it was readable in a wait since this was last asked. */
  wasReady(): boolean;
  /** Idempotent. */
  close(): void;
}

/** Something under way. */
export interface Operation {
  /** Gives it up and releases what it holds; the completion is not called any more. Idempotent. */
  cancel(): void;
}

export type StreamTarget =
  | { kind: 'internet'; host: string; port: number; family: AddressFamily }
  | { kind: 'unix'; path: string };

export interface StreamOptions {
  /** bind to it first; a literal address of the same family */
  localAddress?: { host: string; port: number } | undefined;
}

export interface ListenOptions {
  backlog: number;
  reusePort: boolean;
  keepAlive: boolean;
  /** Unix sockets: leave the file when the listener closes; it is removed unless given */
  keepFile?: boolean | undefined;
}

export interface StreamOperations {
  /** Connects. TCP sockets come with no-delay set. Cancelled, it leaves no socket open, connected or not. */
  connect(target: StreamTarget, options: StreamOptions, completion: Completion<StreamChannel>): Operation;
  /**
   * Binds and listens. IPv6 sockets take IPv6 only. A socket file that an earlier server left behind is replaced; any
   * other file of that name is EADDRINUSE. Errors name the address.
   */
  listen(
    target: StreamTarget,
    options: ListenOptions,
    sink: ListenerSink,
    completion: Completion<Listener>,
  ): Operation;
  /** As `listen`, before it returns. Left out where the driver cannot. @throws {SystemError} as `listen` fails with */
  listenNow?(target: StreamTarget, options: ListenOptions, sink: ListenerSink): Listener;
}

export interface ListenerSink {
  connection(channel: StreamChannel): void;
  /**
   * Connections cannot be accepted for now (descriptors or memory ran out): they wait in the kernel, or are refused, as
   * the driver can. Told once a second at most; the listener goes on by itself.
   */
  troubled(error: Error): void;
}

export interface Listener {
  readonly address: SocketAddress;
  /** Stops listening at once; connections that were handed over go on. Idempotent. */
  close(): void;
  /**
   * Has the kernel make no more connections, hands over those that it has made, and calls back. Without it, these are
   * reset by `close`. Left out where the driver cannot.
   */
  finish?(onFinished: () => void): void;
  ref(): void;
  unref(): void;
}

/** Where a stream channel delivers. */
export interface StreamSink {
  /**
   * Bytes, at least one. `lent`: the memory is the driver's and is used again after the call; else it is the
   * receiver's to keep.
   */
  data(chunk: Uint8Array, lent: boolean): void;
  /**
   * Where the next bytes are wanted; null: wherever the channel likes. A channel that can read into the receiver's memory
   * asks before every read and tells by `filled` how much it has put there, from the beginning, if anything; one that
   * cannot asks never.
   */
  room(): Uint8Array | null;
  filled(byteCount: number): void;
  /** The peer ended its direction. Last call of the reading side. */
  end(): void;
  /** The connection broke. The channel is dead; only `closed` follows. */
  failed(error: Error): void;
  /**
   * Of the bytes last passed to `write`, at most `pending` are still not with the kernel; the number only falls.
   * 0: ready for the next write, which may be made from inside this call.
   */
  writeProgress(pending: number): void;
  /** After `shutdown`: the peer has been told. */
  shutdownDone(): void;
  /** After `close` or `abort`: the descriptor is gone. */
  closed(): void;
}

/**
 * One open stream. No buffering policy here: that is the transport's. Delivers nothing before `start`, and reads only
 * when told to.
 */
export interface StreamChannel {
  readonly localAddress: SocketAddress | null;
  readonly remoteAddress: SocketAddress | null;
  /** -1 where the driver has none to show */
  readonly fd: number;
  /** Sets where to deliver. Called once; what broke the connection before is delivered after it. */
  start(sink: StreamSink): void;
  /** Reads until told to pause. Idempotent; does nothing after the end. */
  startReading(): void;
  /** No `data` and no `end` after this, until `startReading`. Idempotent. */
  pauseReading(): void;
  /**
   * Sends the chunks in order and returns how many bytes the kernel has not taken yet, or more if that is not known:
   * 0 is done. Otherwise the channel keeps the chunks, sends the rest by itself and reports `writeProgress`; until that
   * says 0, no second write. If the connection is broken, nothing is taken and `failed` follows.
   */
  write(chunks: readonly Uint8Array[]): number;
  /**
   * Sends a part of a file, less if it ends before, without reading it: sendfile(2). Until that has ended, or was
   * cancelled, no write. Succeeds with the number of bytes that went. If it is the connection that failed, `failed` follows.
   * Left out where there is no such thing.
   */
  sendFile?(range: FileRange, completion: Completion<number>): FileSending;
  /** Ends the sending direction. Called once. No write may be pending. */
  shutdown(): void;
  /** Closes in good order: what the kernel has taken is still sent. No write may be pending. */
  close(): void;
  /** Closes at once and drops what is pending. */
  abort(): void;
  /** As `abort`, and the peer is told that the connection broke. Left out where the driver cannot. */
  reset?(): void;
  ref(): void;
  unref(): void;
}

export interface DatagramTarget {
  family: AddressFamily | 'unix';
  /** bind to it: literal, of that family; null: the kernel binds at the first send */
  localAddress: SocketAddress | null;
  /** connect to it: datagrams of others are not delivered, and what its kernel says of ours is told; null: do not */
  remoteAddress: SocketAddress | null;
  /** let several sockets share the local address */
  reusePort: boolean;
  allowBroadcast: boolean;
}

export interface DatagramOperations {
  /**
   * Opens a socket, binds and connects it. IPv6 sockets that are bound take IPv6 only. A socket file that an earlier one
   * left behind is replaced; ours is removed when the channel closes. Errors name the address.
   */
  open(target: DatagramTarget, completion: Completion<DatagramChannel>): Operation;
  /** Takes over an open socket; null where the driver cannot. @throws {StateError} closed; {SystemError} EBADF */
  readonly adopt: ((socket: Socket) => DatagramChannel) | null;
}

/** Where a datagram channel delivers. */
export interface DatagramSink {
  /** One, whole; it may be empty. `lent`: as for `StreamSink.data`. */
  datagram(data: Uint8Array, lent: boolean, address: SocketAddress): void;
  /** One could not be received or sent, or did not arrive as far as is known. The channel goes on. */
  troubled(error: Error): void;
  /** The socket is of no use any more; only `closed` follows. */
  failed(error: Error): void;
  /** Of what was passed to `send`, so much is still not with the kernel. It only falls until the next `send`. */
  sendProgress(pendingCount: number, pendingBytes: number): void;
  /** After `close`: the descriptor is gone. */
  closed(): void;
}

/** One open datagram socket. Delivers nothing before `start`, and reads only when told to. */
export interface DatagramChannel {
  readonly family: AddressFamily | 'unix';
  readonly localAddress: SocketAddress | null;
  /** null: not connected */
  readonly remoteAddress: SocketAddress | null;
  /** -1 where the driver has none to show */
  readonly fd: number;
  /** Sets where to deliver. Called once. */
  start(sink: DatagramSink): void;
  startReading(): void;
  /**
   * Sends one datagram behind those that are pending. True: the kernel has it, or refuses it, of which `troubled` tells;
   * it has not arrived by that. False: the channel has made a copy and sends that when it can, telling of it by
   * `sendProgress`.
   *
   * @param address null: to whom it is connected
   * @throws {RangeError} no literal address
   * @throws {SystemError} EINVAL: a path that is too long
   */
  send(data: Uint8Array, address: SocketAddress | null): boolean;
  /** Closes at once; what is pending is dropped. */
  close(): void;
  ref(): void;
  unref(): void;
}

/**
 * One end of a pipe, or a socket or character device of which one direction is used. The standard streams, 0 to 2, may be
 * anything, also a regular file; they stay open, and stay as they are for other processes that have them.
 */
export interface PipeOperations {
  /**
   * A channel that reads; nothing may be written to it. Descriptors that never let anybody wait are read all the same, a
   * piece in each turn. A terminal that hangs up has ended.
   *
   * @param close how the descriptor is given back; null: by close(2)
   * @throws {RangeError} a regular file, a directory, or something else that is no pipe
   * @throws {SystemError} EBADF
   */
  openReader(fd: number, close: (() => void) | null): StreamChannel;
  /** A channel that writes. Its `startReading` looks out for the reader: `end` says that the reader is gone. */
  openWriter(fd: number, close: (() => void) | null): StreamChannel;
}

export interface NameOperations {
  lookup(
    host: string | null,
    service: string | number | null,
    options: ResolveOptions,
    completion: Completion<ResolvedAddress[]>,
  ): Operation;
  reverse(
    address: { host: string; port: number },
    flags: number,
    completion: Completion<[host: string, service: string]>,
  ): Operation;
}

export interface SignalOperations {
  /** True for a signal this platform knows. */
  exists(signal: Signal): boolean;
  /** Takes over the signal's default action until cancelled. @throws what the platform says of one that cannot be caught */
  watch(signal: Signal, callback: (signal: Signal) => void): Operation;
  /** True if something else in this process handles the signal too, past this driver. */
  watchedElsewhere(signal: Signal): boolean;
  /** Sends the signal to this process, which ends it unless somebody watches. */
  raise(signal: Signal): void;
}

/** Level-triggered watching of any descriptor. @see PEP 3156, "I/O Callbacks" */
export interface DescriptorOperations {
  /**
   * Runs `callback` as an I/O callback whenever the descriptor is ready, in place of an earlier one for the same direction.
   * If it is found out that the descriptor was closed meanwhile, that is reported once, and it is watched no more.
   *
   * @throws {StateError} something else of this loop has the descriptor, or waits for the same of it
   * @throws {SystemError} the kernel does not watch it: EBADF, EPERM
   */
  watch(descriptor: number, direction: Direction, callback: Runnable): void;
  /** False if there was none. It is not run any more, also if it is queued. */
  unwatch(descriptor: number, direction: Direction): boolean;
  /** Who waits for descriptors of the program's own: callbacks, and operations on sockets. Left out where nobody can tell. */
  waits?(): DescriptorWait[];
}

export type Direction = 'read' | 'write';

/** Somebody who waits for a descriptor. */
export interface DescriptorWait {
  readonly descriptor: number;
  readonly direction: Direction;
  /** the callback that `watch` was given; or what an operation is to do, in words: 'receive' */
  readonly who: Runnable | string;
}

/**
 * Operations on sockets that are the program's own. Each is tried at once, and waits for the kernel only if it must, behind
 * those that wait for the same already; so its completion may be called from inside the call: what has been taken out of a
 * socket is told before anybody can cancel. If the socket is closed meanwhile, it fails.
 *
 * @throws {StateError} each of them: the socket is closed, or a transport has it, or somebody else waits for it
 */
export interface SocketOperations {
  /** Up to `byteCount` bytes, the receiver's to keep; empty at the end of the stream. */
  receive(socket: Socket, byteCount: number, completion: Completion<Uint8Array>): Operation;
  receiveInto(socket: Socket, buffer: Uint8Array, completion: Completion<number>): Operation;
  receiveFrom(
    socket: Socket,
    byteCount: number,
    completion: Completion<[data: Uint8Array, address: SocketAddress]>,
  ): Operation;
  receiveFromInto(
    socket: Socket,
    buffer: Uint8Array,
    completion: Completion<[byteCount: number, address: SocketAddress]>,
  ): Operation;
  sendAll(socket: Socket, data: Uint8Array, completion: Completion<void>): Operation;
  sendTo(socket: Socket, data: Uint8Array, address: SocketAddress, completion: Completion<number>): Operation;
  /** @throws {RangeError} the host is no literal address */
  connect(socket: Socket, address: SocketAddress, completion: Completion<void>): Operation;
  accept(socket: Socket, completion: Completion<[connection: Socket, address: SocketAddress]>): Operation;
  /** As `StreamChannel.sendFile`. */
  sendFile(socket: Socket, range: FileRange, completion: Completion<number>): FileSending;
  /** A channel on a connected stream socket, which is the channel's from now on. @throws {SystemError} ENOTCONN */
  openChannel(socket: Socket): StreamChannel;
  /** Listens on a bound stream socket, which is the listener's from now on. */
  listen(
    socket: Socket,
    options: Pick<ListenOptions, 'backlog' | 'keepFile'>,
    sink: ListenerSink,
    completion: Completion<Listener>,
  ): Operation;
}

/** Bytes of a file. */
export interface FileRange {
  readonly fd: number;
  readonly offset: number;
  /** null: to its end */
  readonly count: number | null;
}

/** A file that is being sent. It cannot be sent so: its completion fails with a {@link NotSupportedError} and none has gone. */
export interface FileSending extends Operation {
  /** bytes that the kernel has taken so far */
  readonly sentBytes: number;
}
