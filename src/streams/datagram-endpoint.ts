import { coroutine } from '../coroutines/index.ts';
import {
  type Coroutine,
  type DatagramProtocol,
  type DatagramTransport,
  type EventLoop,
  type ExtraInfo,
  type Future,
  isCancellation,
  type SocketAddress,
  StateError,
  type Waitable,
} from '../interface/index.ts';
import { getRunningLoop } from '../loop/index.ts';
import { DeferredWait } from './deferred-wait.ts';
import { FlowControl } from './flow-control.ts';
import type { StreamData } from './stream-writer.ts';

const receiveBufferBytesDefault = 1024 * 1024;

/** What a waiting datagram counts for besides its bytes, as in a transport. */
const overheadBytes = 8;

const inspect = Symbol.for('nodejs.util.inspect.custom');
const encoder = new TextEncoder();

/** One datagram, and who has sent it. */
export interface Datagram {
  readonly data: Uint8Array;
  readonly address: SocketAddress;
}

export interface DatagramEndpointOptions {
  /** With so many bytes waiting to be received, more are dropped, as the kernel would; 1 MiB unless given */
  receiveBufferBytesMax?: number | undefined;
  /**
   * Told of what could not be sent or received. Unless given, the next `receive` throws it, which suits who has one peer;
   * a server that others can make fail should have one.
   */
  onError?: ((error: Error) => void) | undefined;
  /** the running loop unless given */
  loop?: EventLoop | undefined;
}

/** A datagram endpoint whose datagrams are waited for. Made by `openDatagram`. */
export class DatagramEndpoint implements AsyncDisposable {
  /** @internal for the transport */
  readonly protocol: DatagramProtocol;
  readonly #loop: EventLoop;
  readonly #flow: FlowControl;
  readonly #bytesMax: number;
  /** What `send` returns if there is nothing to wait for, and if there may be: no call makes a new one. */
  readonly #sent: Waitable<void>;
  readonly #pending: Waitable<void>;
  readonly #queue: Datagram[] = [];
  #queuedBytes = 0;
  #dropped = 0;
  /** the first that nobody has been told of: those after it say no more, and must not pile up */
  #error: Error | null = null;
  #transport: DatagramTransport | null = null;
  #receiving = false;
  #waiter: Future<void> | null = null;

  /** @throws {RangeError} `receiveBufferBytesMax` is not a positive number */
  constructor(options: DatagramEndpointOptions = {}) {
    const { receiveBufferBytesMax = receiveBufferBytesDefault, onError } = options;
    if (!(receiveBufferBytesMax > 0)) {
      throw new RangeError(
        `Cannot set receiveBufferBytesMax to ${receiveBufferBytesMax}: it must be more than 0`,
      );
    }
    this.#bytesMax = receiveBufferBytesMax;
    this.#loop = options.loop ?? getRunningLoop();
    this.#flow = new FlowControl(this.#loop, { writeError: (loss) => loss ?? closedError('send') });
    const sent = this.#loop.createFuture<void>();
    sent.setResult();
    this.#sent = sent;
    this.#pending = new DeferredWait(() => this.drain());
    this.protocol = {
      connectionMade: (transport) => {
        this.#transport = transport;
      },
      datagramReceived: (data, address) => this.#arrived({ data, address }),
      errorReceived: onError ?? ((error) => this.#troubled(error)),
      pauseWriting: () => this.#flow.pause(),
      resumeWriting: () => this.#flow.resume(),
      connectionLost: (error) => {
        this.#flow.lose(error);
        this.#wake();
      },
    };
  }

  /** @throws {StateError} not open yet */
  get transport(): DatagramTransport {
    if (this.#transport === null)
      throw new StateError('ERR_NOT_OPEN', 'Cannot use the endpoint: it is not open');
    return this.#transport;
  }

  /** How many datagrams were dropped here, because nobody received as fast as they came. The kernel's own do not count. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * The next datagram. One at a time may wait for it; cancelled, it has taken none.
   *
   * @throws {StateError} closed, and everything that had arrived was received; or another `receive` waits
   * @throws {SystemError} what could not be sent or received, unless there is an `onError`. The first one of several, and
   *   once; the endpoint goes on
   */
  receive(): Coroutine<Datagram> {
    return DatagramEndpoint.#receive(this);
  }

  /**
   * Sends one datagram, now; awaiting the result waits until the transport wants more. That it was sent does not mean that
   * it arrives.
   *
   * @param data text is sent as UTF-8
   * @param address not needed for an endpoint with a remote address
   * @throws {TypeError | RangeError} as `DatagramTransport.sendto`
   */
  send(data: StreamData, address?: SocketAddress): Waitable<void> {
    this.transport.sendto(typeof data === 'string' ? encoder.encode(data) : data, address);
    return this.#flow.paused || this.#flow.lost ? this.#pending : this.#sent;
  }

  /** Waits until the transport wants more. @throws {StateError} closed; the error by which the endpoint was lost */
  drain(): Coroutine<void> {
    return DatagramEndpoint.#drain(this);
  }

  /** Closes the endpoint once everything is sent. */
  close(): void {
    this.#transport?.close();
  }

  /** Closes the endpoint now. */
  abort(): void {
    this.#transport?.abort();
  }

  isClosing(): boolean {
    return this.transport.isClosing();
  }

  /** Waits until the endpoint is closed. @throws the error by which it was lost */
  waitClosed(): Coroutine<void> {
    return DatagramEndpoint.#waitClosed(this);
  }

  getExtraInfo<Name extends keyof ExtraInfo>(name: Name): ExtraInfo[Name] | null;
  getExtraInfo<Name extends keyof ExtraInfo, D>(name: Name, fallback: D): ExtraInfo[Name] | D;
  getExtraInfo(name: string, fallback?: unknown): unknown;
  getExtraInfo(name: string, fallback: unknown = null): unknown {
    return this.transport.getExtraInfo(name, fallback);
  }

  /** The datagrams that arrive, until the endpoint is closed; throws as `receive` does. Leaving the loop closes nothing. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Datagram, void, undefined> {
    for (;;) {
      let next: Datagram;
      try {
        next = await this.receive();
      } catch (error) {
        if (error instanceof StateError && error.code === 'ERR_ENDPOINT_CLOSED') return;
        throw error;
      }
      yield next;
    }
  }

  /** For `await using`: closes and waits. Cancelled, it aborts. */
  [Symbol.asyncDispose](): Coroutine<void> {
    return DatagramEndpoint.#dispose(this);
  }

  toString(): string {
    const state =
      this.#transport === null ? 'new' : this.#flow.lost ? 'closed' : this.isClosing() ? 'closing' : 'open';
    return `<DatagramEndpoint ${state} waiting=${this.#queue.length} dropped=${this.#dropped}>`;
  }

  [inspect](): string {
    return this.toString();
  }

  static readonly #receive = coroutine(function* receive(endpoint: DatagramEndpoint) {
    if (endpoint.#receiving) {
      throw new StateError(
        'ERR_READ_IN_PROGRESS',
        'Cannot receive: another receive() waits, and one at a time may',
      );
    }
    endpoint.#receiving = true;
    try {
      while (endpoint.#queue.length === 0 && endpoint.#error === null) {
        if (endpoint.#flow.lost) {
          yield* endpoint.#flow.waitLost();
          throw closedError('receive');
        }
        endpoint.#waiter = endpoint.#loop.createFuture<void>();
        yield* endpoint.#waiter;
      }
      return endpoint.#take();
    } finally {
      endpoint.#receiving = false;
      endpoint.#waiter = null;
    }
  });

  static readonly #drain = coroutine(function* drain(endpoint: DatagramEndpoint) {
    yield* endpoint.#flow.waitWritable();
  });

  static readonly #waitClosed = coroutine(function* waitClosed(endpoint: DatagramEndpoint) {
    yield* endpoint.#flow.waitLost();
  });

  static readonly #dispose = coroutine(function* dispose(endpoint: DatagramEndpoint) {
    endpoint.close();
    try {
      yield* endpoint.#flow.waitLost();
    } catch (error) {
      if (!isCancellation(error)) return;
      endpoint.abort();
      throw error;
    }
  });

  #arrived(datagram: Datagram): void {
    const size = datagram.data.length + overheadBytes;
    if (this.#queuedBytes > 0 && this.#queuedBytes + size > this.#bytesMax) {
      this.#dropped++;
      return;
    }
    this.#queuedBytes += size;
    this.#queue.push(datagram);
    this.#wake();
  }

  #troubled(error: Error): void {
    this.#error ??= error;
    this.#wake();
  }

  #take(): Datagram {
    const error = this.#error;
    this.#error = null;
    if (error !== null) throw error;
    const next = this.#queue.shift() as Datagram;
    this.#queuedBytes -= next.data.length + overheadBytes;
    return next;
  }

  #wake(): void {
    const waiter = this.#waiter;
    this.#waiter = null;
    // Cancelled, and its coroutine has not run since: it needs no second outcome.
    if (waiter !== null && !waiter.done()) waiter.setResult();
  }
}

function closedError(doing: string): StateError {
  return new StateError('ERR_ENDPOINT_CLOSED', `Cannot ${doing}: the endpoint is closed`);
}
