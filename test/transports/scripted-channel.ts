import type { SocketAddress, StreamChannel, StreamSink } from '../../src/interface/index.ts';

/**
 * A channel with no kernel under it: takes as many bytes as the test leaves room for, says when some more are gone when
 * the test tells it to, and fails on command. Keeps account of what it was asked, and refuses what the contract forbids.
 */
export class ScriptedChannel implements StreamChannel {
  readonly localAddress: SocketAddress = { host: '192.0.2.1', port: 1, family: 4 };
  readonly remoteAddress: SocketAddress = { host: '192.0.2.2', port: 2, family: 4 };
  readonly fd: number;
  /** what was asked, in order: 'read', 'pause', 'write 3', 'shutdown', 'close', 'abort', 'ref', 'unref' */
  readonly asked: string[] = [];
  /** bytes that the kernel takes before it is full */
  room: number;
  /** what the kernel has taken */
  readonly taken: number[] = [];
  reading = false;
  #sink: StreamSink | null = null;
  #pending: number[] = [];
  #closed = false;

  constructor(options: { room?: number; fd?: number } = {}) {
    this.room = options.room ?? Infinity;
    this.fd = options.fd ?? -1;
  }

  get text(): string {
    return String.fromCharCode(...this.taken);
  }

  /** Writes so far, by size. */
  get writes(): number[] {
    return this.asked.filter((what) => what.startsWith('write')).map((what) => Number(what.slice(6)));
  }

  // The test's side.

  /** Some bytes arrive, in one read. */
  receive(data: string | Uint8Array, lent = true): void {
    if (!this.reading) throw new Error('the channel was not told to read');
    const chunk = typeof data === 'string' ? new TextEncoder().encode(data) : data;
    this.#mustHaveSink().data(chunk, lent);
    // The memory is the driver's again.
    if (lent) chunk.fill(0xff);
  }

  receiveEnd(): void {
    if (!this.reading) throw new Error('the channel was not told to read');
    this.reading = false;
    this.#mustHaveSink().end();
  }

  /** The kernel takes `byteCount` of what is pending. */
  take(byteCount = this.#pending.length): void {
    this.taken.push(...this.#pending.splice(0, byteCount));
    this.#mustHaveSink().writeProgress(this.#pending.length);
  }

  fail(error: Error): void {
    this.#mustHaveSink().failed(error);
  }

  /** The descriptor is gone. */
  finish(): void {
    if (!this.#closed) throw new Error('the channel was not told to close');
    this.#mustHaveSink().closed();
  }

  // The transport's side.

  start(sink: StreamSink): void {
    if (this.#sink !== null) throw new Error('the channel was started twice');
    this.#sink = sink;
  }

  startReading(): void {
    this.asked.push('read');
    this.reading = true;
  }

  pauseReading(): void {
    this.asked.push('pause');
    this.reading = false;
  }

  write(chunks: readonly Uint8Array[]): number {
    if (this.#pending.length > 0) throw new Error('a second write was made while the first was pending');
    if (this.#closed) throw new Error('a write was made after the close');
    const bytes = chunks.flatMap((chunk) => [...chunk]);
    this.asked.push(`write ${bytes.length}`);
    this.taken.push(...bytes.splice(0, this.room));
    this.#pending = bytes;
    return bytes.length;
  }

  shutdown(): void {
    this.#mustBeSent('shutdown');
  }

  close(): void {
    this.#mustBeSent('close');
    this.#closed = true;
  }

  abort(): void {
    this.asked.push('abort');
    this.#pending = [];
    this.#closed = true;
  }

  ref(): void {
    this.asked.push('ref');
  }

  unref(): void {
    this.asked.push('unref');
  }

  #mustBeSent(what: string): void {
    if (this.#pending.length > 0) throw new Error(`${what} was asked for while a write was pending`);
    this.asked.push(what);
  }

  #mustHaveSink(): StreamSink {
    if (this.#sink === null) throw new Error('the channel was not started');
    return this.#sink;
  }
}
