import type { AddressFamily, ResolvedAddress, SocketAddress } from './address.ts';
import type { ExceptionContext, ResolveOptions, Signal } from './event-loop.ts';

/**
 * A driver is everything that touches the outside: the clock, waiting, waking, channels. A loop is a scheduler plus a
 * driver, so that whatever is written above a driver runs on all of them.
 *
 * The contract is completion-shaped ("done", never "ready"): a readiness kernel can imitate completion by trying, waiting
 * and trying again, while the reverse costs. It is written with callbacks instead of futures, which live above it. Three
 * rules hold for every callback that a driver is given:
 *
 * 1. It is called through the {@link DriverHost}, never from inside a call to the driver. The one exception is
 *    `StreamChannel.write`, which says at once what the kernel took.
 * 2. After the `close`, `abort` or `cancel` of the thing it belongs to it is not called again, except `closed`.
 * 3. It does not throw; the host catches what a careless one lets out.
 */
export interface Driver {
  readonly name: string;
  /** True if `wait` can own the thread; false for one that is always a guest of its host. */
  readonly canBlock: boolean;
  /** Readable when `wait(0)` would do something: lets a host embed the loop. null where there is none. */
  readonly pollDescriptor: number | null;

  readonly streams: StreamOperations | null;
  readonly names: NameOperations | null;
  readonly signals: SignalOperations | null;
  /** Groups that no driver offers yet are null; each gets its type with the first driver that does. */
  readonly descriptors: null;
  readonly sockets: null;
  readonly datagrams: null;
  readonly pipes: null;
  readonly processes: null;
  readonly tls: null;

  /** Called once, before anything else. */
  attach(host: DriverHost): void;
  /** Milliseconds, monotonic, fractions allowed; virtual in a simulation. */
  now(): number;
  /** Waits at most `timeout` milliseconds (null: no limit) and hands over what has completed. Never early. */
  wait(timeout: number | null): void;
  /** Ends a wait, from any thread or signal handler. */
  wake(): void;
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
  /** Reports trouble that belongs to no caller. */
  report(context: ExceptionContext): void;
}

/** How an operation ends: one of the two, once. */
export interface Completion<T> {
  succeeded(value: T): void;
  failed(error: Error): void;
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
  /** Ends the sending direction. Called once. No write may be pending. */
  shutdown(): void;
  /** Closes in good order: what the kernel has taken is still sent. No write may be pending. */
  close(): void;
  /** Closes at once and drops what is pending. */
  abort(): void;
  ref(): void;
  unref(): void;
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
