import { coroutine } from '../coroutines/index.ts';
import {
  type Coroutine,
  type EventLoop,
  type ExtraInfo,
  isCancellation,
  LoopError,
  type Suspension,
  type Transport,
  type Waitable,
  type WriteTransport,
} from '../interface/index.ts';
import { getRunningLoop } from '../loop/index.ts';
import { DeferredWait } from './deferred-wait.ts';
import type { FlowControl } from './flow-control.ts';
import type { StreamReader } from './stream-reader.ts';

/** How many times the transport's high-water mark may be buffered before writing is refused. */
export const HARD_CAP_FACTOR = 64;

/** The mark that is reckoned with where the transport's is 0: pause whenever anything is buffered at all. */
const LEAST_HIGH_WATER_BYTES = 64 * 1024;

const inspect = Symbol.for('nodejs.util.inspect.custom');
const encoder = new TextEncoder();

/** What a stream takes; text is sent as UTF-8. */
export type StreamData = Uint8Array | string;

export interface StreamWriterOptions {
  /** the other half of the stream: its error is what `drain` throws first */
  reader?: StreamReader | null | undefined;
  /**
   * With more bytes than that buffered, writing is refused; {@link HARD_CAP_FACTOR} times the transport's high-water
   * mark at the time unless given
   */
  writeBufferBytesMax?: number | undefined;
  /** the running loop unless given */
  loop?: EventLoop | undefined;
}

/**
 * The sending side of a stream.
 *
 * `write` hands over at once and what it returns waits, if that is awaited, until the transport wants more: so a slow
 * peer holds up who writes, and costs no memory. `writeNow` does not wait; both refuse at a hard cap.
 *
 * The transport does not copy: leave the bytes unchanged until they are sent (`transport.getWriteBufferSize() === 0`).
 *
 * @see asyncio.StreamWriter
 */
export class StreamWriter<T extends WriteTransport = Transport> implements AsyncDisposable {
  readonly transport: T;
  readonly #flow: FlowControl;
  readonly #reader: StreamReader | null;
  readonly #bytesMax: number | null;
  /** What `write` returns if there is nothing to wait for, and if there may be: no call makes a new one. */
  readonly #written: Waitable<void>;
  readonly #pending: Waitable<void>;

  /**
   * @param flow what the transport's protocol knows of it
   * @throws {RangeError} the cap is not a positive number
   */
  constructor(transport: T, flow: FlowControl, options: StreamWriterOptions = {}) {
    this.transport = transport;
    this.#flow = flow;
    this.#reader = options.reader ?? null;
    this.#bytesMax = checkBytesMax(options.writeBufferBytesMax);
    const written = (options.loop ?? getRunningLoop()).createFuture<void>();
    written.setResult();
    this.#written = written;
    this.#pending = new DeferredWait(() => this.drain());
  }

  /**
   * Sends `data`, now; awaiting the result waits until the transport wants more, which below its high-water mark is at
   * once. To be awaited, or not: nothing is lost and nothing reported if it is not.
   *
   * After the end of the connection the data is dropped, and awaiting the result throws as `drain` does.
   *
   * @throws {LoopError} `ERR_WRITE_BUFFER_FULL`: more than the hard cap is buffered already; nothing was written
   * @throws {StateError} after `writeEof`
   * @throws {TypeError} neither bytes nor text
   */
  write(data: StreamData): Waitable<void> {
    this.writeNow(data);
    return this.#wait();
  }

  /** The same as one write of all parts joined. @throws as `write` */
  writelines(parts: Iterable<StreamData>): Waitable<void> {
    if (typeof parts === 'string' || parts instanceof Uint8Array) {
      throw new TypeError('Cannot write the parts: they are one, which write() takes');
    }
    const chunks = Array.from(parts, toBytes);
    this.#refuseIfFull();
    this.transport.writelines(chunks);
    return this.#wait();
  }

  /** Sends `data` and never waits. @throws as `write` */
  writeNow(data: StreamData): void {
    const bytes = toBytes(data);
    this.#refuseIfFull();
    this.transport.write(bytes);
  }

  /**
   * Waits until the transport wants more. Any number of coroutines may wait. It is not a flush: up to the low-water mark
   * may still be buffered.
   *
   * @throws the reader's exception, if it has one
   * @throws {SystemError} `ECONNRESET`: the connection is lost; `cause` says why, where something went wrong
   */
  drain(): Coroutine<void> {
    return StreamWriter.#drain(this);
  }

  /** Ends this direction once everything is sent; reading goes on. */
  writeEof(): void {
    this.transport.writeEof();
  }

  canWriteEof(): boolean {
    return this.transport.canWriteEof();
  }

  /**
   * Ends this direction and waits until everything is sent. Reading goes on; once the peer has ended its direction too,
   * the connection is closed.
   *
   * What can only be closed is closed, and so is a connection whose other direction has ended.
   *
   * @throws as `drain`, and the error by which the connection was lost
   */
  end(): Coroutine<void> {
    return StreamWriter.#end(this);
  }

  /**
   * Ends the connection now and drops what is not sent.
   *
   * @param reason told to what is behind a converted stream; a connection has no way to tell
   */
  abort(reason?: unknown): void {
    (this.transport as { abort(reason?: unknown): void }).abort(reason);
  }

  /** Closes the stream once everything is sent; see `waitClosed`. */
  close(): void {
    this.transport.close();
  }

  isClosing(): boolean {
    return this.transport.isClosing();
  }

  /** Waits until the connection has ended. @throws the error by which it was lost, each time */
  waitClosed(): Coroutine<void> {
    return StreamWriter.#waitClosed(this);
  }

  getExtraInfo<Name extends keyof ExtraInfo>(name: Name): ExtraInfo[Name] | null;
  getExtraInfo<Name extends keyof ExtraInfo, D>(name: Name, fallback: D): ExtraInfo[Name] | D;
  getExtraInfo(name: string, fallback?: unknown): unknown;
  getExtraInfo(name: string, fallback: unknown = null): unknown {
    return this.transport.getExtraInfo(name, fallback);
  }

  /**
   * For `await using`: closes and waits. That the connection was lost is no error here: it has ended, as was asked.
   * Cancelled while it waits for the peer to take the rest, it aborts the connection, so that nothing stays open.
   */
  [Symbol.asyncDispose](): Coroutine<void> {
    return StreamWriter.#dispose(this);
  }

  toString(): string {
    const state = this.#flow.lost
      ? ' lost'
      : this.isClosing()
        ? ' closing'
        : this.#flow.paused
          ? ' paused'
          : '';
    return `<StreamWriter${state} buffered=${this.transport.getWriteBufferSize()}>`;
  }

  [inspect](): string {
    return this.toString();
  }

  static readonly #drain = coroutine(function* drain(writer: StreamWriter<WriteTransport>) {
    writer.#throwReaderException();
    if (writer.transport.isClosing()) {
      // The end of the connection is announced by a callback of its own. Without giving it a turn, a loop that writes and
      // drains on a connection that is gone would never learn of it.
      yield;
      writer.#throwReaderException();
    }
    yield* writer.#flow.waitWritable();
  });

  static readonly #end = coroutine(function* end(writer: StreamWriter<WriteTransport>) {
    const { transport } = writer;
    if (writer.#flow.endWriting() || !transport.canWriteEof()) transport.close();
    else transport.writeEof();
    if (transport.isClosing()) {
      yield* writer.#flow.waitLost();
    } else if (transport.getWriteBufferSize() > 0) {
      // Nothing is written any more, so that the marks are ours: paused until nothing is buffered at all.
      transport.setWriteBufferLimits({ high: 0 });
      yield* writer.drain();
    }
  });

  static readonly #waitClosed = coroutine(function* waitClosed(
    writer: StreamWriter<WriteTransport>,
  ): Generator<Suspension, void, unknown> {
    yield* writer.#flow.waitLost();
  });

  static readonly #dispose = coroutine(function* dispose(writer: StreamWriter<WriteTransport>) {
    writer.transport.close();
    try {
      yield* writer.#flow.waitLost();
    } catch (error) {
      if (!isCancellation(error)) return;
      writer.abort(error);
      throw error;
    }
  });

  #wait(): Waitable<void> {
    const ready =
      !this.#flow.paused &&
      !this.#flow.lost &&
      !this.transport.isClosing() &&
      (this.#reader === null || this.#reader.exception() === null);
    return ready ? this.#written : this.#pending;
  }

  #throwReaderException(): void {
    const exception = this.#reader?.exception() ?? null;
    if (exception !== null) throw exception;
  }

  #refuseIfFull(): void {
    // Below the high-water mark only a cap that was given could be reached.
    if (this.#bytesMax === null && !this.#flow.paused) return;
    const buffered = this.transport.getWriteBufferSize();
    const bytesMax = this.#bytesMax ?? this.#defaultBytesMax();
    if (buffered <= bytesMax) return;
    throw new LoopError(
      'ERR_WRITE_BUFFER_FULL',
      `Cannot write: ${buffered} bytes are buffered already, and the cap is ${bytesMax}`,
    );
  }

  #defaultBytesMax(): number {
    const { high } = this.transport.getWriteBufferLimits();
    return HARD_CAP_FACTOR * (high === 0 ? LEAST_HIGH_WATER_BYTES : high);
  }
}

function toBytes(data: StreamData): Uint8Array {
  if (typeof data === 'string') return encoder.encode(data);
  if (data instanceof Uint8Array) return data;
  throw new TypeError('Cannot write: the data is neither a Uint8Array nor a string');
}

function checkBytesMax(bytesMax: number | undefined): number | null {
  if (bytesMax === undefined) return null;
  if (typeof bytesMax !== 'number')
    throw new TypeError('Cannot set the cap of the write buffer: it is not a number');
  if (bytesMax > 0) return bytesMax;
  throw new RangeError(`Cannot set the cap of the write buffer to ${bytesMax}: it must be more than 0`);
}
