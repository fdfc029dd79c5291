import { coroutine } from '../coroutines/index.ts';
import {
  type Coroutine,
  type EventLoop,
  type Future,
  IncompleteReadError,
  LimitOverrunError,
  type ReadTransport,
  StateError,
  type Suspension,
} from '../interface/index.ts';
import { getRunningLoop } from '../loop/index.ts';
import { ByteQueue, type Match } from './byte-queue.ts';
import { LineTooLongError } from './line-too-long-error.ts';
import { compileSeparators, NEWLINE, type Separator, type Separators } from './separators.ts';
import { StreamIterator } from './stream-iterator.ts';

/** Bytes of a line, and half of what is buffered before the transport is paused, unless a reader is given another. */
export const DEFAULT_LIMIT = 64 * 1024;

const inspect = Symbol.for('nodejs.util.inspect.custom');

export interface StreamReaderOptions {
  /** bytes, more than 0; 65536 unless given */
  limit?: number | undefined;
  /** bytes, at least the limit: with more than that buffered the transport is paused; twice the limit unless given */
  readBufferBytesMax?: number | undefined;
  /** the running loop unless given */
  loop?: EventLoop | undefined;
}

/** What a reader asks of whoever feeds it. Every {@link ReadTransport} is one. */
export interface ReadControl {
  pauseReading(): void;
  resumeReading(): void;
  /** Nobody reads any more. @param reason why, for who can tell others of it */
  close(reason?: unknown): void;
}

/** How the search for a separator ended. */
type Search =
  | { found: Match }
  /** the stream ended first */
  | { found: null; consumed: -1; end: null }
  /** too far away; `end` is where the separator was found, behind it, or null where it was not */
  | { found: null; consumed: number; end: number | null };

/**
 * The receiving side of a stream: a protocol feeds it bytes, one coroutine at a time reads them.
 *
 * Back-pressure: with more than twice the limit buffered (`readBufferBytesMax`) it pauses its transport, and resumes it
 * when there is no more than the limit left, or when a reader waits. A reader that asked for a number of bytes gets them
 * whatever the limit.
 *
 * Bytes leave the buffer only as a read's result, in the step in which it returns. A read that is cancelled, or that
 * fails for any reason but the ones its method names, has therefore taken nothing.
 *
 * After `setException`, every read throws that error, even if there is data.
 *
 * @see asyncio.StreamReader
 */
export class StreamReader implements Disposable {
  readonly #loop: EventLoop;
  readonly #limit: number;
  readonly #bytesMax: number;
  readonly #queue = new ByteQueue();
  #transport: ReadControl | null = null;
  /** We have paused the transport, not its user. */
  #paused = false;
  #ended = false;
  #closed = false;
  #exception: Error | null = null;
  /** The method that reads at present; it may be waiting, or about to go on. */
  #reading: string | null = null;
  #waiter: Future<void> | null = null;
  /** How many buffered bytes wake the waiter: a reader of 10 MiB is not asked at each of a thousand pieces. */
  #wakeAt = 0;

  /** @throws {RangeError} `limit` is not a positive number, or `readBufferBytesMax` less than it */
  constructor(options: StreamReaderOptions = {}) {
    this.#limit = checkLimit(options.limit);
    this.#bytesMax = checkBytesMax(options.readBufferBytesMax, this.#limit);
    this.#loop = options.loop ?? getRunningLoop();
  }

  /** Bytes. */
  get limit(): number {
    return this.#limit;
  }

  /** Bytes that have arrived and were not read. */
  get bufferedBytes(): number {
    return this.#queue.byteCount;
  }

  /** Says whom to pause. @throws {StateError} that was said before */
  setTransport(transport: ReadControl): void {
    if (this.#transport !== null) {
      throw new StateError('ERR_TRANSPORT_SET', 'Cannot set the transport: the reader has one');
    }
    this.#transport = transport;
  }

  /**
   * Adds bytes that have arrived; none at all do nothing.
   *
   * @param data the reader's from now on, and the property of whoever reads them in the end
   * @throws {StateError} the end was fed before
   */
  feedData(data: Uint8Array): void {
    if (!(data instanceof Uint8Array)) throw new TypeError('Cannot feed data: it is not a Uint8Array');
    if (this.#closed) return;
    if (this.#ended)
      throw new StateError('ERR_STREAM_ENDED', 'Cannot feed data: the end of the stream was fed');
    if (data.length === 0) return;
    this.#queue.push(data);
    if (this.#waiter !== null && this.#queue.byteCount < this.#wakeAt) return;
    this.#wake();
    this.#pauseIfFull();
  }

  /** Says that nothing more will arrive. Repeating it does nothing. */
  feedEof(): void {
    this.#ended = true;
    this.#wake();
  }

  /** Ends the stream with an error, which every read throws from now on. */
  setException(exception: Error): void {
    this.#exception = exception;
    this.#wake();
  }

  exception(): Error | null {
    return this.#exception;
  }

  /**
   * Gives up the rest: drops what is buffered and closes the transport, which for a connection means both directions. A
   * read that waits, or comes later, finds the end of the stream. Repeating it does nothing.
   *
   * @param reason told to what is behind a converted stream; a connection has no way to tell
   */
  close(reason?: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue.skip(this.#queue.byteCount);
    this.feedEof();
    this.#transport?.close(reason);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** True once the end was fed and everything before it was read. */
  atEof(): boolean {
    return this.#ended && this.#queue.byteCount === 0;
  }

  /**
   * Reads up to `byteCount` bytes: what is there, and waits only if there is nothing.
   *
   * @param byteCount 0: empty bytes, at once; less than 0, or nothing: everything up to the end of the stream
   * @returns at least one byte unless the stream has ended; the caller's to keep and change
   * @throws {StateError} somebody else is reading
   */
  read(byteCount = -1): Coroutine<Uint8Array> {
    checkByteCount(byteCount);
    return byteCount < 0 ? StreamReader.#readAll(this) : StreamReader.#readSome(this, byteCount);
  }

  /**
   * Reads a line with its `'\n'`.
   *
   * @returns a last line may come without its end; empty bytes are the end of the stream; the caller's to keep
   * @throws {LineTooLongError} the line is longer than the limit. It is dropped, or with its end still to come the whole
   *   buffer, whose rest will then look like a line.
   * @throws {StateError} somebody else is reading
   */
  readLine(): Coroutine<Uint8Array> {
    return StreamReader.#readLine(this);
  }

  /**
   * Reads exactly `byteCount` bytes, also more than the limit.
   *
   * @param byteCount 0 or more; what arrives beyond them stays buffered for the next read
   * @returns the caller's to keep and change
   * @throws {IncompleteReadError} the stream ended first; `partial` holds what did arrive, the buffer is empty
   * @throws {StateError} somebody else is reading
   * @throws {RangeError} `byteCount` is negative
   */
  readExactly(byteCount: number): Coroutine<Uint8Array> {
    checkByteCount(byteCount);
    if (byteCount < 0) throw new RangeError(`Cannot read ${byteCount} bytes: the number is negative`);
    return StreamReader.#readExactly(this, byteCount);
  }

  /**
   * Reads up to a separator, which is the last part of what it returns.
   *
   * @param separator bytes, or text for its UTF-8; of several, the one that ends first
   * @returns the caller's to keep and change
   * @throws {IncompleteReadError} the stream ended first; `partial` holds what did arrive, the buffer is empty
   * @throws {LimitOverrunError} the separator begins beyond the limit; everything stays in the buffer
   * @throws {StateError} somebody else is reading
   * @throws {RangeError} a separator is empty, or there is none
   */
  readUntil(separator: Separator | readonly Separator[] = '\n'): Coroutine<Uint8Array> {
    return StreamReader.#readUntil(this, compileSeparators(separator));
  }

  /** The lines, each with its `'\n'`; a last one may come without. */
  [Symbol.asyncIterator](): StreamIterator {
    return new StreamIterator(() => this.readLine());
  }

  /**
   * The bytes in pieces, as they come.
   *
   * @param byteCountMax of a piece, more than 0; the limit unless given
   */
  chunks(byteCountMax = Math.min(Math.ceil(this.#limit), Number.MAX_SAFE_INTEGER)): StreamIterator {
    checkByteCount(byteCountMax);
    if (byteCountMax <= 0)
      throw new RangeError(`Cannot read chunks of ${byteCountMax} bytes: that is nothing`);
    return new StreamIterator(() => this.read(byteCountMax));
  }

  toString(): string {
    const facts = ['StreamReader'];
    if (this.#queue.byteCount > 0) facts.push(`${this.#queue.byteCount} bytes`);
    if (this.#ended) facts.push('eof');
    if (this.#limit !== DEFAULT_LIMIT) facts.push(`limit=${this.#limit}`);
    if (this.#waiter !== null) facts.push(`waiter=${this.#reading}`);
    if (this.#exception !== null) facts.push(`exception=${this.#exception}`);
    if (this.#transport !== null) facts.push(`transport=${describe(this.#transport)}`);
    if (this.#paused) facts.push('paused');
    return `<${facts.join(' ')}>`;
  }

  [inspect](): string {
    return this.toString();
  }

  static readonly #readSome = coroutine(function* read(reader: StreamReader, byteCount: number) {
    if (reader.#exception !== null) throw reader.#exception;
    if (byteCount === 0) return new Uint8Array(0);
    reader.#begin('read');
    try {
      if (reader.#queue.byteCount === 0 && !reader.#ended) yield* reader.#waitFor(1);
      return reader.#take(Math.min(byteCount, reader.#queue.byteCount));
    } finally {
      reader.#finish();
    }
  });

  static readonly #readAll = coroutine(function* read(reader: StreamReader) {
    reader.#begin('read');
    try {
      while (!reader.#ended) yield* reader.#waitFor(Number.POSITIVE_INFINITY);
      return reader.#take(reader.#queue.byteCount);
    } finally {
      reader.#finish();
    }
  });

  static readonly #readExactly = coroutine(function* readExactly(reader: StreamReader, byteCount: number) {
    reader.#begin('readExactly');
    try {
      while (reader.#queue.byteCount < byteCount) {
        if (reader.#ended) throw new IncompleteReadError(reader.#take(reader.#queue.byteCount), byteCount);
        yield* reader.#waitFor(byteCount);
      }
      return reader.#take(byteCount);
    } finally {
      reader.#finish();
    }
  });

  static readonly #readUntil = coroutine(function* readUntil(reader: StreamReader, separators: Separators) {
    reader.#begin('readUntil');
    try {
      const search = yield* reader.#search(separators);
      if (search.found !== null) return reader.#take(search.found.end);
      if (search.consumed < 0) throw new IncompleteReadError(reader.#take(reader.#queue.byteCount), null);
      throw overrunError(search.consumed);
    } finally {
      reader.#finish();
    }
  });

  static readonly #readLine = coroutine(function* readLine(reader: StreamReader) {
    reader.#begin('readLine');
    try {
      const search = yield* reader.#search(NEWLINE);
      if (search.found !== null) return reader.#take(search.found.end);
      if (search.consumed < 0) return reader.#take(reader.#queue.byteCount);
      reader.#queue.skip(search.end ?? reader.#queue.byteCount);
      throw new LineTooLongError(overrunError(search.consumed));
    } finally {
      reader.#finish();
    }
  });

  /** Waits until a separator is there, or never will be within the limit. Takes nothing. */
  *#search(separators: Separators): Generator<Suspension, Search, unknown> {
    for (let searched = 0; ; ) {
      const { byteCount } = this.#queue;
      const found = this.#queue.search(separators, searched);
      if (found !== null) {
        return found.start <= this.#limit
          ? { found }
          : { found: null, consumed: found.start, end: found.end };
      }
      // A separator may have begun in the last bytes; the ones before them are certainly not part of any.
      const consumed = byteCount + 1 - separators.longest;
      if (consumed > this.#limit) return { found: null, consumed, end: null };
      if (this.#ended) return { found: null, consumed: -1, end: null };
      searched = byteCount;
      yield* this.#waitFor(byteCount + 1);
    }
  }

  /** Waits until so many bytes are buffered, or the stream has ended. @throws the stream's exception */
  *#waitFor(byteCount: number): Generator<Suspension, void, unknown> {
    const waiter = this.#loop.createFuture<void>();
    this.#waiter = waiter;
    this.#wakeAt = byteCount;
    this.#resume();
    try {
      yield* waiter;
    } finally {
      this.#waiter = null;
    }
    if (this.#exception !== null) throw this.#exception;
  }

  #begin(method: string): void {
    if (this.#exception !== null) throw this.#exception;
    if (this.#reading !== null) {
      const who = `${this.#reading}() is waiting on this stream`;
      throw new StateError('ERR_READ_IN_PROGRESS', `Cannot call ${method}(): ${who}, and one at a time may`);
    }
    this.#reading = method;
  }

  #finish(): void {
    this.#reading = null;
    // A cancelled read of many bytes may leave more than we would have let in without it.
    this.#pauseIfFull();
    if (this.#queue.byteCount <= this.#limit) this.#resume();
  }

  #take(byteCount: number): Uint8Array {
    return this.#queue.take(byteCount);
  }

  #wake(): void {
    const waiter = this.#waiter;
    if (waiter === null) return;
    this.#waiter = null;
    // Cancelled, and its coroutine has not run since: it needs no second outcome.
    if (!waiter.done()) waiter.setResult();
  }

  #pauseIfFull(): void {
    if (this.#transport === null || this.#paused || this.#ended) return;
    if (this.#queue.byteCount <= this.#bytesMax) return;
    this.#paused = true;
    this.#transport.pauseReading();
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#transport?.resumeReading();
  }
}

/** @throws {RangeError} `limit` is not a positive number */
export function checkLimit(limit: number = DEFAULT_LIMIT): number {
  if (typeof limit !== 'number') throw new TypeError('Cannot set the limit: it is not a number');
  if (!(limit > 0)) throw new RangeError(`Cannot set the limit to ${limit}: it must be more than 0`);
  return limit;
}

function checkBytesMax(bytesMax: number | undefined, limit: number): number {
  if (bytesMax === undefined) return 2 * limit;
  if (typeof bytesMax !== 'number') throw new TypeError('Cannot set readBufferBytesMax: it is not a number');
  // Below the limit, pausing and resuming would take turns over the same bytes.
  if (bytesMax >= limit) return bytesMax;
  throw new RangeError(
    `Cannot set readBufferBytesMax to ${bytesMax}: it must be at least the limit, ${limit}`,
  );
}

function checkByteCount(byteCount: number): void {
  if (typeof byteCount !== 'number') throw new TypeError('Cannot read: the number of bytes is not a number');
  if (!Number.isInteger(byteCount))
    throw new RangeError(`Cannot read ${byteCount} bytes: that is no whole number`);
}

function overrunError(consumed: number): LimitOverrunError {
  return new LimitOverrunError(`Cannot read to the separator: there is none in ${consumed} bytes`, consumed);
}

function describe(value: object): string {
  const text = String(value);
  return text === '[object Object]' ? value.constructor.name : text;
}
