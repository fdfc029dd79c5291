import {
  type BaseProtocol,
  type EventLoop,
  type Future,
  StateError,
  type Suspension,
  type WriteTransport,
} from '../interface/index.ts';
import { getRunningLoop, warn } from '../loop/index.ts';
import { FlowControl } from './flow-control.ts';
import { cancellationOf, type Outcome, outcomeOf, reportFailure } from './outcome.ts';
import { toStreamError } from './stream-error.ts';
import { StreamWriter } from './stream-writer.ts';
import { closeWhenDropped } from './unclosed-writer.ts';

/** Writes after the end that are dropped in silence, as every transport does; from the next one on there is a warning. */
const SILENT_WRITES_MAX = 4;

/** Where bytes go, any number of pieces at a time: how any other kind of stream becomes a {@link StreamWriter}. */
export interface ByteSink {
  /** Bytes that were taken and are not done with yet. */
  readonly bufferedBytes: number;
  /**
   * Takes bytes, which are its own from then on.
   *
   * @returns null if it wants more; else a promise that is kept when it does. If it breaks, so does `closed`.
   */
  write(bytes: Uint8Array): PromiseLike<unknown> | null;
  /** Ends it once everything is done. Called at most once, and then no `write` any more. */
  close(): void;
  /**
   * Ends it now. Called at most once, perhaps after `close`.
   *
   * @param reason what the writer was aborted with, or the cancellation by which the run ended
   * @returns what is waited for, if it can be; a failure is reported to the loop's exception handler
   */
  abort(reason: unknown): unknown;
  /** Kept when it has ended in good order, whoever asked for that; broken with the error by which it ended. */
  readonly closed: PromiseLike<unknown>;
}

export interface ByteSinkOptions {
  /** of the task that waits for the end; shown where tasks are listed */
  name?: string | undefined;
}

/**
 * A writer into the sink. Awaiting a write waits until the sink wants more: its own marks count, there are no others.
 *
 * `writeEof` and `end` close, as there is no other direction; `abort(reason)` aborts with that reason, and so does the
 * end of the run unless the writer is closing. An error of the sink is thrown by writes and by `waitClosed`, as it is.
 *
 * @throws {StateError} no loop runs
 */
export function writerTo(sink: ByteSink, options: ByteSinkOptions = {}): StreamWriter<WriteTransport> {
  const loop = getRunningLoop();
  const flow = new FlowControl(loop, { writeError });
  const transport = new SinkTransport(loop, sink, new FlowProtocol(flow), options.name ?? 'writerTo');
  const writer = new StreamWriter<WriteTransport>(transport, flow, { loop });
  closeWhenDropped(writer, null, loop);
  return writer;
}

function writeError(loss: Error | null): Error {
  return loss ?? new StateError('ERR_STREAM_CLOSED', 'Cannot write: the stream is closed');
}

/** Tells a writer's flow control what the transport says. */
class FlowProtocol implements BaseProtocol {
  readonly #flow: FlowControl;

  constructor(flow: FlowControl) {
    this.#flow = flow;
  }

  pauseWriting(): void {
    this.#flow.pause();
  }

  resumeWriting(): void {
    this.#flow.resume();
  }

  connectionLost(error: Error | null): void {
    this.#flow.lose(error);
  }
}

/** A sink as a transport: what a writer writes to. */
class SinkTransport implements WriteTransport {
  readonly #loop: EventLoop;
  readonly #sink: ByteSink;
  readonly #watch: Future<void>;
  #protocol: BaseProtocol;
  #paused = false;
  #eofWritten = false;
  #closing = false;
  #lost = false;
  #writesAfterEnd = 0;

  constructor(loop: EventLoop, sink: ByteSink, protocol: BaseProtocol, name: string) {
    this.#loop = loop;
    this.#sink = sink;
    this.#protocol = protocol;
    // Followed from here on and not from the task's first step: it may be broken by then, and nobody had looked.
    const closed = outcomeOf(loop, () => sink.closed);
    const watch = loop.createTask(this.#waitForEnd(closed), { name });
    watch.addDoneCallback(() => {
      // Cancelled, as nothing else can befall it. What is closing does so without us.
      if (this.#lost || this.#closing) return;
      this.#abort(cancellationOf(watch));
    });
    this.#watch = watch;
  }

  write(data: Uint8Array): void {
    if (!(data instanceof Uint8Array)) throw new TypeError('Cannot write: the data is not a Uint8Array');
    // Sinks keep and may even transfer what they are given, which must not befall the writer's bytes.
    if (this.#takes(data.length)) this.#send(new Uint8Array(data));
  }

  writelines(parts: Iterable<Uint8Array>): void {
    const all = [...parts];
    let byteCount = 0;
    for (const part of all) {
      if (!(part instanceof Uint8Array))
        throw new TypeError('Cannot write: a part of the data is not a Uint8Array');
      byteCount += part.length;
    }
    if (!this.#takes(byteCount)) return;
    const joined = new Uint8Array(byteCount);
    let filled = 0;
    for (const part of all) {
      joined.set(part, filled);
      filled += part.length;
    }
    this.#send(joined);
  }

  canWriteEof(): boolean {
    return true;
  }

  writeEof(): void {
    this.#eofWritten = true;
    this.close();
  }

  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#sink.close();
  }

  abort(reason?: unknown): void {
    if (this.#lost) return;
    this.#abort(reason);
    this.#watch.cancel(reason);
  }

  isClosing(): boolean {
    return this.#closing;
  }

  getWriteBufferSize(): number {
    return this.#lost ? 0 : this.#sink.bufferedBytes;
  }

  getWriteBufferLimits(): { low: number; high: number } {
    return { low: 0, high: 0 };
  }

  setWriteBufferLimits(): never {
    throw new StateError('ERR_FIXED_LIMITS', 'Cannot set the write buffer limits: the stream has its own');
  }

  getExtraInfo(_name: string, fallback: unknown = null): never {
    return fallback as never;
  }

  getProtocol(): BaseProtocol {
    return this.#protocol;
  }

  setProtocol(protocol: BaseProtocol): void {
    this.#protocol = protocol;
  }

  toString(): string {
    const state = this.#lost ? 'lost' : this.#closing ? 'closing' : 'open';
    return `<SinkTransport ${state} buffered=${this.getWriteBufferSize()}>`;
  }

  *#waitForEnd(closed: Future<Outcome<unknown>>): Generator<Suspension, void, unknown> {
    const outcome = yield* closed;
    this.#lose('error' in outcome ? toStreamError(outcome.error) : null);
  }

  /** Is anything to be written? @throws {StateError} after `writeEof` */
  #takes(byteCount: number): boolean {
    if (this.#eofWritten)
      throw new StateError('ERR_WRITE_AFTER_EOF', 'Cannot write: writeEof was called before');
    if (byteCount === 0) return false;
    if (!this.#closing) return true;
    this.#writesAfterEnd += 1;
    if (this.#writesAfterEnd > SILENT_WRITES_MAX) {
      warn('WriteAfterEndWarning', 'A stream was written to after its end; the data is dropped');
    }
    return false;
  }

  #send(bytes: Uint8Array): void {
    const wanted = this.#sink.write(bytes);
    if (wanted === null) return;
    if (this.#paused) {
      wanted.then(undefined, ignore);
      return;
    }
    this.#paused = true;
    this.#protocol.pauseWriting?.();
    wanted.then(() => this.#later(() => this.#resume()), ignore);
  }

  #resume(): void {
    if (this.#lost || !this.#paused) return;
    this.#paused = false;
    this.#protocol.resumeWriting?.();
  }

  #abort(reason: unknown): void {
    this.#lose(null);
    reportFailure(this.#loop, 'Exception while the sink of a writer was aborted', () =>
      this.#sink.abort(reason),
    );
  }

  #lose(error: Error | null): void {
    if (this.#lost) return;
    this.#closing = true;
    this.#lost = true;
    this.#later(() => this.#protocol.connectionLost?.(error));
  }

  #later(callback: () => void): void {
    if (!this.#loop.isClosed()) this.#loop.callSoon(callback);
  }
}

/** `closed` tells. */
function ignore(): void {}
