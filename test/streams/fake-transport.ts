import type { EventLoop, Protocol, Transport } from '../../src/interface/index.ts';

/**
 * A stream transport with no kernel under it: the test says when bytes are sent and when the connection is lost, and
 * sees what was asked. Keeps the promises of `Transport`: `connectionLost` is queued, `pauseWriting` comes from inside
 * `write`.
 */
export class FakeTransport implements Transport {
  readonly written: Uint8Array[] = [];
  /** 'pause' and 'resume', as they came */
  readonly readingCalls: string[] = [];
  readonly extra: Record<string, unknown> = {};
  eofWritten = false;
  readonly #loop: EventLoop;
  #protocol: Protocol;
  #reading = true;
  #closing = false;
  #lost = false;
  #buffered = 0;
  #writingPaused = false;
  #limits = { high: 64 * 1024, low: 16 * 1024 };

  constructor(loop: EventLoop, protocol: Protocol = {}) {
    this.#loop = loop;
    this.#protocol = protocol;
  }

  get text(): string {
    return Buffer.concat(this.written).toString();
  }

  /** The kernel takes `byteCount` of the buffered bytes, or all. */
  send(byteCount = this.#buffered): void {
    this.#buffered -= byteCount;
    if (this.#writingPaused && this.#buffered <= this.#limits.low) {
      this.#writingPaused = false;
      this.#protocol.resumeWriting?.();
    }
    if (this.#closing && this.#buffered === 0) this.#lose(null);
  }

  /** The peer ends its direction. */
  end(): void {
    if (this.#protocol.eofReceived?.() !== true) this.close();
  }

  /** The connection breaks. */
  break(error: Error): void {
    this.#closing = true;
    this.#lose(error);
  }

  write(data: Uint8Array): void {
    if (this.#closing) return;
    this.written.push(data);
    this.#buffered += data.length;
    this.#pauseIfFull();
  }

  writelines(parts: Iterable<Uint8Array>): void {
    for (const part of parts) this.write(part);
  }

  writeEof(): void {
    this.eofWritten = true;
  }

  canWriteEof(): boolean {
    return true;
  }

  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    if (this.#buffered === 0) this.#lose(null);
  }

  abort(): void {
    this.#closing = true;
    this.#lose(null);
  }

  isClosing(): boolean {
    return this.#closing;
  }

  pauseReading(): void {
    this.readingCalls.push('pause');
    this.#reading = false;
  }

  resumeReading(): void {
    this.readingCalls.push('resume');
    this.#reading = true;
  }

  isReading(): boolean {
    return this.#reading && !this.#closing;
  }

  setWriteBufferLimits(limits: { high?: number | undefined; low?: number | undefined } = {}): void {
    const high = limits.high ?? (limits.low === undefined ? 64 * 1024 : 4 * limits.low);
    this.#limits = { high, low: limits.low ?? Math.floor(high / 4) };
    this.#pauseIfFull();
  }

  getWriteBufferLimits(): { low: number; high: number } {
    return this.#limits;
  }

  getWriteBufferSize(): number {
    return this.#buffered;
  }

  getExtraInfo(name: string, fallback: unknown = null): never {
    return (this.extra[name] ?? fallback) as never;
  }

  setProtocol(protocol: Protocol): void {
    this.#protocol = protocol;
  }

  getProtocol(): Protocol {
    return this.#protocol;
  }

  toString(): string {
    return '<FakeTransport>';
  }

  #pauseIfFull(): void {
    if (this.#writingPaused || this.#buffered <= this.#limits.high) return;
    this.#writingPaused = true;
    this.#protocol.pauseWriting?.();
  }

  #lose(error: Error | null): void {
    this.#buffered = 0;
    if (this.#lost) return;
    this.#lost = true;
    this.#loop.callSoon(() => this.#protocol.connectionLost?.(error));
  }
}
