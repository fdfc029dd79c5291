import {
  type BaseProtocol,
  type BufferedProtocol,
  type Completion,
  type ExceptionContext,
  type ExtraInfo,
  type FileRange,
  type FileSending,
  type Protocol,
  StateError,
  type StreamChannel,
  type StreamProtocol,
  type StreamSink,
  type Transport,
} from '../interface/index.ts';
import { copyContext, enterContext, leaveContext, warn } from '../loop/index.ts';
import { copyBytes } from './copy-bytes.ts';
import { writeLimits } from './flow-control.ts';
import { OutgoingFile, type ReadFile } from './outgoing-file.ts';
import { TransportCall } from './transport-call.ts';
import type { TransportKeeper, TransportLoop } from './transport-loop.ts';

/** Writes after the end that are dropped in silence; from the next one on there is a warning. */
const silentWritesMax = 4;

/** A write of so many bytes is worth a system call of its own: to collect it with others would only delay it. */
const collectedBytesMax = 16 * 1024;

/**
 * A stream, over any driver's channel. Flow control and the rules of when a protocol is called are here, once.
 *
 * Writing. The first write of a turn goes to the kernel at once; small ones that follow in the same turn are collected and
 * sent together in the next one, so that a header and a body, or ten thousand small answers, cost a system call and not
 * ten thousand.
 * At most one write is with the channel; what comes meanwhile waits in `#queued`.
 *
 * Reading. A chunk may be larger than the buffer of a `BufferedProtocol`; if that pauses reading between two parts, the
 * rest is in `#held`, and comes before anything that is read later.
 *
 * Ending. `connectionLost` is queued exactly once, by whatever comes first: `abort`, a fatal error, or `close` once
 * everything is sent. The channel is closed after it, even if it throws.
 */
export class StreamTransport implements Transport, StreamSink {
  readonly #loop: TransportLoop;
  readonly #channel: StreamChannel;
  readonly #keepers: readonly TransportKeeper<StreamTransport>[];
  readonly #context = copyContext();
  #protocol: StreamProtocol;
  #buffered: BufferedProtocol | null = null;
  #queued: Uint8Array[] = [];
  #queuedBytes = 0;
  #sendingBytes = 0;
  /** goes where writes would, so that there are none meanwhile */
  #file: OutgoingFile | null = null;
  #flushQueued = false;
  #turnOfWrite = -1;
  #limits = writeLimits();
  #writingPaused = false;
  #readingPaused = false;
  #held: Uint8Array | null = null;
  #endReceived = false;
  #eofWritten = false;
  #shutDown = false;
  #closing = false;
  #lost = false;
  #resets = false;
  #writesAfterEnd = 0;

  constructor(
    loop: TransportLoop,
    channel: StreamChannel,
    protocol: StreamProtocol,
    keepers: readonly TransportKeeper<StreamTransport>[],
  ) {
    this.#loop = loop;
    this.#channel = channel;
    this.#protocol = protocol;
    this.#keepers = keepers;
    this.setProtocol(protocol);
    channel.start(this);
    for (const keeper of keepers) keeper.attach(this);
  }

  /**
   * Queues the three calls by which a connection begins: `connectionMade`, then reading, then `started`. Pausing in
   * `connectionMade` therefore comes before the first read.
   */
  begin(started: () => void): void {
    this.#later('protocol.connectionMade', 'protocol.connectionMade() failed', () => {
      this.#tellOfCall('connectionMade');
      this.#protocol.connectionMade?.(this);
    });
    this.#later('StreamTransport.startReading', 'Cannot start reading', () => this.#startReading());
    this.#later('StreamTransport.started', 'Cannot tell who opened the connection', started);
  }

  getExtraInfo<Name extends keyof ExtraInfo>(name: Name): ExtraInfo[Name] | null;
  getExtraInfo<Name extends keyof ExtraInfo, D>(name: Name, fallback: D): ExtraInfo[Name] | D;
  getExtraInfo(name: string, fallback: unknown = null): unknown {
    if (name === 'sockname') return this.#channel.localAddress ?? fallback;
    if (name === 'peername') return this.#channel.remoteAddress ?? fallback;
    if (name === 'fd') return this.#channel.fd === -1 ? fallback : this.#channel.fd;
    return fallback;
  }

  getProtocol(): StreamProtocol {
    return this.#protocol;
  }

  setProtocol(protocol: StreamProtocol): void {
    if (typeof protocol !== 'object' || protocol === null) {
      throw new TypeError('Cannot set the protocol: it is not an object');
    }
    this.#protocol = protocol;
    this.#buffered = isBuffered(protocol) ? protocol : null;
  }

  isClosing(): boolean {
    return this.#closing;
  }

  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#channel.pauseReading();
    this.#flush();
    this.#loseIfSent();
  }

  abort(): void {
    this.#end(null);
  }

  /** As `abort`, and the peer is told that the connection broke, where the driver can. */
  reset(): void {
    this.#resets = true;
    this.#end(null);
  }

  pauseReading(): void {
    if (this.#closing || this.#readingPaused) return;
    this.#readingPaused = true;
    this.#channel.pauseReading();
  }

  resumeReading(): void {
    if (this.#closing || !this.#readingPaused) return;
    this.#readingPaused = false;
    if (this.#held === null) this.#startReading();
    else this.#later('StreamTransport.resumeReading', 'Cannot go on reading', () => this.#deliverHeld());
  }

  isReading(): boolean {
    return !this.#closing && !this.#readingPaused && !this.#endReceived;
  }

  write(data: Uint8Array): void {
    if (!(data instanceof Uint8Array)) throw new TypeError('Cannot write: the data is not a Uint8Array');
    if (this.#eofWritten || this.#file !== null) this.#refuseWrite('write');
    if (data.length === 0) return;
    if (this.#closing) {
      if (++this.#writesAfterEnd > silentWritesMax) {
        warn('WriteAfterEndWarning', 'A transport was written to after its end; the data is dropped');
      }
      return;
    }
    if (
      this.#queuedBytes === 0 &&
      this.#sendingBytes === 0 &&
      (this.#turnOfWrite !== this.#loop.turns || data.length >= collectedBytesMax)
    ) {
      this.#turnOfWrite = this.#loop.turns;
      this.#sendingBytes = this.#channel.write([data]);
    } else {
      this.#queued.push(data);
      this.#queuedBytes += data.length;
      // Collect no more than what fits below the high-water mark: above it the protocol would be paused for bytes that
      // the kernel could have taken.
      if (this.#queuedBytes > this.#limits.high) this.#flush();
      else if (this.#sendingBytes === 0) this.#queueFlush();
    }
    this.#pauseIfFull();
  }

  writelines(parts: Iterable<Uint8Array>): void {
    const all = [...parts];
    for (const part of all) {
      if (!(part instanceof Uint8Array))
        throw new TypeError('Cannot write: a part of the data is not a Uint8Array');
    }
    this.write(joined(all));
  }

  canWriteEof(): boolean {
    return true;
  }

  writeEof(): void {
    if (this.#closing || this.#eofWritten) return;
    this.#eofWritten = true;
    this.#flush();
    this.#shutDownIfSent();
  }

  setWriteBufferLimits(limits?: { high?: number | undefined; low?: number | undefined }): void {
    this.#limits = writeLimits(limits);
    this.#pauseIfFull();
  }

  getWriteBufferLimits(): { low: number; high: number } {
    return { low: this.#limits.low, high: this.#limits.high };
  }

  getWriteBufferSize(): number {
    return this.#queuedBytes + this.#sendingBytes;
  }

  /**
   * @internal Sends a file behind what was written. Until that has ended nothing can be written; reading goes on.
   *
   * @param read how it is read if the kernel does not send it by itself; null: then that is an error
   * @throws {StateError} closing, `writeEof` was called, or another file is under way
   */
  sendFile(range: FileRange, read: ReadFile | null, completion: Completion<number>): FileSending {
    if (this.#closing)
      throw new StateError('ERR_TRANSPORT_CLOSED', 'Cannot send the file: the transport is closing');
    if (this.#eofWritten || this.#file !== null) this.#refuseWrite('send the file');
    const file = new OutgoingFile(
      range,
      read,
      completion,
      () => this.#proceedWithFile(),
      () => this.#fileEnded(),
    );
    this.#file = file;
    this.#flush();
    this.#proceedWithFile();
    return file;
  }

  /** Whether a pending connection keeps the host alive; true at first. */
  setRef(ref: boolean): void {
    if (ref) this.#channel.ref();
    else this.#channel.unref();
  }

  // What the channel delivers.

  data(chunk: Uint8Array, lent: boolean): void {
    if (this.#closing) return;
    const previous = enterContext(this.#context);
    try {
      this.#tellOfCall(this.#buffered === null ? 'dataReceived' : 'bufferUpdated');
      if (this.#buffered !== null) this.#fill(chunk, lent);
      else (this.#protocol as Protocol).dataReceived?.(lent ? copyBytes(chunk) : chunk);
    } catch (error) {
      this.#broken('Fatal error: the protocol could not take the data', error);
    } finally {
      leaveContext(previous);
    }
  }

  room(): Uint8Array | null {
    if (this.#buffered === null || this.#closing) return null;
    const previous = enterContext(this.#context);
    try {
      return roomOf(this.#buffered);
    } catch (error) {
      this.#broken('Fatal error: the protocol could not take the data', error);
      return null;
    } finally {
      leaveContext(previous);
    }
  }

  filled(byteCount: number): void {
    // The protocol may have been replaced, or all have ended, by the call for its buffer.
    if (this.#closing || this.#buffered === null) return;
    const previous = enterContext(this.#context);
    try {
      this.#tellOfCall('bufferUpdated');
      this.#buffered.bufferUpdated(byteCount);
    } catch (error) {
      this.#broken('Fatal error: the protocol could not take the data', error);
    } finally {
      leaveContext(previous);
    }
  }

  end(): void {
    if (this.#closing) return;
    this.#endReceived = true;
    const previous = enterContext(this.#context);
    let keepOpen: unknown;
    try {
      this.#tellOfCall('eofReceived');
      keepOpen = this.#protocol.eofReceived?.();
    } catch (error) {
      this.#broken('Fatal error: protocol.eofReceived() failed', error);
      return;
    } finally {
      leaveContext(previous);
    }
    if (keepOpen !== true) this.close();
  }

  failed(error: Error): void {
    if (this.#lost) return;
    // Peers come and go: that is no error of the program's, and the protocol is told.
    if (this.#loop.getDebug()) this.#report('Fatal error on the connection', error, { level: 'debug' });
    this.#end(error);
  }

  writeProgress(pending: number): void {
    if (this.#lost) return;
    this.#sendingBytes = pending;
    if (pending === 0) this.#flush();
    this.#resumeIfDrained();
    this.#proceedWithFile();
    this.#loseIfSent();
    this.#shutDownIfSent();
  }

  shutdownDone(): void {
    // Nothing to do: the peer's own end, or our close, is what follows.
  }

  closed(): void {
    for (const keeper of this.#keepers) keeper.detach(this);
  }

  /** Passes a chunk through the protocol's own buffer, in as many parts as that takes. */
  #fill(chunk: Uint8Array, lent: boolean): void {
    let rest = chunk;
    while (rest.length > 0 && !this.#closing) {
      // The protocol may have paused reading, or been replaced, at the part before.
      if (this.#readingPaused) {
        this.#held = lent ? new Uint8Array(rest) : rest;
        return;
      }
      const protocol = this.#buffered;
      if (protocol === null) {
        (this.#protocol as Protocol).dataReceived?.(lent ? copyBytes(rest) : rest);
        return;
      }
      const buffer = roomOf(protocol);
      const part = rest.subarray(0, buffer.length);
      buffer.set(part);
      rest = rest.subarray(part.length);
      protocol.bufferUpdated(part.length);
    }
  }

  #deliverHeld(): void {
    if (this.#readingPaused) return;
    const held = this.#held;
    this.#held = null;
    if (held !== null) this.data(held, false);
    this.#startReading();
  }

  #startReading(): void {
    if (this.isReading()) this.#channel.startReading();
  }

  #queueFlush(): void {
    if (this.#flushQueued) return;
    this.#flushQueued = true;
    this.#later('StreamTransport.flush', 'Cannot write', () => {
      this.#flushQueued = false;
      this.#flush();
      if (!this.#lost) this.#resumeIfDrained();
    });
  }

  /** Hands what is queued to the channel, if it has nothing in hand. */
  #flush(): void {
    if (this.#lost || this.#queuedBytes === 0 || this.#sendingBytes > 0) return;
    const chunks = this.#queued;
    this.#queued = [];
    this.#queuedBytes = 0;
    this.#turnOfWrite = this.#loop.turns;
    this.#sendingBytes = this.#channel.write(chunks);
  }

  #proceedWithFile(): void {
    if (this.#file === null || this.#lost || this.getWriteBufferSize() > 0) return;
    const block = this.#file.proceed(this.#channel);
    if (block === null) return;
    this.#sendingBytes = this.#channel.write([block]);
    // By the queue, so that others get their turn.
    if (this.#sendingBytes === 0) {
      this.#later('StreamTransport.sendFile', 'Cannot send the file', () => this.#proceedWithFile());
    }
  }

  #fileEnded(): void {
    this.#file = null;
    this.#loseIfSent();
    this.#shutDownIfSent();
  }

  #refuseWrite(doing: string): never {
    if (this.#eofWritten)
      throw new StateError('ERR_WRITE_AFTER_EOF', `Cannot ${doing}: writeEof was called before`);
    throw new StateError('ERR_SENDING_FILE', `Cannot ${doing}: a file is being sent`);
  }

  #isAllSent(): boolean {
    return this.#file === null && this.getWriteBufferSize() === 0;
  }

  /** Ends a transport that is closing. */
  #loseIfSent(): void {
    if (this.#closing && this.#isAllSent()) this.#lose(null, false);
  }

  #shutDownIfSent(): void {
    if (!this.#eofWritten || this.#shutDown || this.#lost || !this.#isAllSent()) return;
    this.#shutDown = true;
    this.#channel.shutdown();
  }

  #pauseIfFull(): void {
    if (this.#writingPaused || this.getWriteBufferSize() <= this.#limits.high) return;
    this.#writingPaused = true;
    this.#guarded('pauseWriting');
  }

  #resumeIfDrained(): void {
    if (!this.#writingPaused || this.getWriteBufferSize() > this.#limits.low) return;
    this.#writingPaused = false;
    this.#guarded('resumeWriting');
  }

  #guarded(name: 'pauseWriting' | 'resumeWriting'): void {
    const previous = enterContext(this.#context);
    try {
      this.#tellOfCall(name);
      this.#protocol[name]?.();
    } catch (exception) {
      this.#report(`protocol.${name}() failed`, exception);
    } finally {
      leaveContext(previous);
    }
  }

  /** The protocol threw where it must not: the connection is of no use any more. */
  #broken(message: string, error: unknown): void {
    this.#report(message, error);
    this.#end(error instanceof Error ? error : new Error(String(error), { cause: error }));
  }

  #report(message: string, exception: unknown, more?: Partial<ExceptionContext>): void {
    this.#loop.callExceptionHandler({
      message,
      exception,
      transport: this,
      protocol: this.#protocol,
      ...more,
    });
  }

  /** Ends now: what is not sent is dropped. */
  #end(error: Error | null): void {
    if (this.#lost) return;
    this.#closing = true;
    this.#queued = [];
    this.#queuedBytes = 0;
    this.#sendingBytes = 0;
    this.#channel.pauseReading();
    this.#lose(error, true);
    this.#file?.fail(
      error ?? new StateError('ERR_TRANSPORT_CLOSED', 'Cannot send the file: the transport was aborted'),
    );
  }

  /** @param abort the channel may have something in hand, which is to be dropped */
  #lose(error: Error | null, abort: boolean): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#held = null;
    this.#later('protocol.connectionLost', 'protocol.connectionLost() failed', () => {
      try {
        this.#tellOfCall('connectionLost');
        this.#protocol.connectionLost?.(error);
      } finally {
        if (this.#resets && this.#channel.reset !== undefined) this.#channel.reset();
        else if (abort) this.#channel.abort();
        else this.#channel.close();
      }
    });
  }

  #tellOfCall(method: string): void {
    this.#loop.observer?.protocolCalled(this, this.#protocol, method);
  }

  /** Queues a call in the context of whoever made this endpoint; what it throws is reported as `message`. */
  #later(name: string, message: string, callback: () => void): void {
    this.#loop.enqueue(new TransportCall(this, name, message, callback));
  }

  /** @internal Makes a call that was queued. */
  makeCall({ message, callback }: TransportCall): void {
    const previous = enterContext(this.#context);
    try {
      callback();
    } catch (exception) {
      this.#report(message, exception);
    } finally {
      leaveContext(previous);
    }
  }

  toString(): string {
    const state = this.#lost ? 'lost' : this.#closing ? 'closing' : 'open';
    return `<StreamTransport ${state} buffered=${this.getWriteBufferSize()}>`;
  }
}

function isBuffered(protocol: BaseProtocol): protocol is BufferedProtocol {
  return typeof (protocol as Partial<BufferedProtocol>).getBuffer === 'function';
}

function roomOf(protocol: BufferedProtocol): Uint8Array {
  const buffer = protocol.getBuffer(-1);
  if (!(buffer instanceof Uint8Array) || buffer.length === 0) {
    throw new StateError('ERR_EMPTY_BUFFER', 'Cannot read: getBuffer returned no room');
  }
  return buffer;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const only = parts[0];
  if (parts.length === 1 && only !== undefined) return only;
  let bytes = 0;
  for (const part of parts) bytes += part.length;
  const all = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
