import type { EventLoop, Future, Suspension } from '../interface/index.ts';
import { getRunningLoop } from '../loop/index.ts';
import { copyData } from './copy-data.ts';
import { cancellationOf, outcomeOf, reportFailure } from './outcome.ts';
import { toStreamError } from './stream-error.ts';
import { checkLimit, type ReadControl, StreamReader } from './stream-reader.ts';

/** Where bytes come from, asked for them piece by piece: how any other kind of stream becomes a {@link StreamReader}. */
export interface ByteSource {
  /**
   * The next piece: bytes in any view or text for its UTF-8, of which the reader makes a copy; null at the end. Not
   * called again before the answer is there, nor after the end or an error.
   */
  pull(): PromiseLike<ArrayBufferView | ArrayBuffer | string | null>;
  /**
   * Gives up the rest and lets go of what is held. Called at most once, and not after the end or an error; a pull may be
   * under way, whose answer does not matter any more.
   *
   * @param reason what the reader was closed with, or the cancellation by which the run ended
   * @returns what is waited for, if it can be; a failure is reported to the loop's exception handler
   */
  cancel(reason: unknown): unknown;
}

export interface ByteSourceOptions {
  /** the reader's, in bytes; 65536 unless given */
  limit?: number | undefined;
  /** of the task that pulls; shown where tasks are listed */
  name?: string | undefined;
}

/**
 * A reader of what the source gives. It pulls ahead, while no more than its limit is buffered.
 *
 * Closing the reader cancels the source, and so does the end of the run. An error of the source is thrown by every read
 * from then on, as it is.
 *
 * @throws {StateError} no loop runs
 * @throws {RangeError} the limit is not a positive number
 */
export function readerFrom(source: ByteSource, options: ByteSourceOptions = {}): StreamReader {
  const loop = getRunningLoop();
  const limit = checkLimit(options.limit);
  const reader = new StreamReader({ limit, readBufferBytesMax: limit, loop });
  reader.setTransport(new Pump(loop, source, reader, options.name ?? 'readerFrom'));
  return reader;
}

/** Moves bytes from a source into a reader, in a task of its own. */
class Pump implements ReadControl {
  readonly #loop: EventLoop;
  readonly #source: ByteSource;
  readonly #task: Future<void>;
  #ended = false;
  #paused = false;
  #resumed: Future<void> | null = null;

  constructor(loop: EventLoop, source: ByteSource, reader: StreamReader, name: string) {
    this.#loop = loop;
    this.#source = source;
    const task = loop.createTask(this.#run(reader), { name });
    // Not in a `finally`: a task that is cancelled before its first step has none.
    task.addDoneCallback(() => {
      if (this.#ended) return;
      const cancellation = cancellationOf(task);
      reader.setException(toStreamError(cancellation));
      this.#giveUp(cancellation);
    });
    this.#task = task;
  }

  pauseReading(): void {
    this.#paused = true;
  }

  resumeReading(): void {
    this.#paused = false;
    if (this.#resumed?.done() === false) this.#resumed.setResult();
  }

  close(reason?: unknown): void {
    if (this.#ended) return;
    this.#giveUp(reason);
    this.#task.cancel(reason);
  }

  toString(): string {
    return `<Pump${this.#ended ? ' ended' : this.#paused ? ' paused' : ''}>`;
  }

  *#run(reader: StreamReader): Generator<Suspension, void, unknown> {
    for (;;) {
      while (this.#paused) {
        this.#resumed = this.#loop.createFuture<void>();
        yield* this.#resumed;
      }
      const outcome = yield* outcomeOf(this.#loop, () => this.#source.pull());
      if (this.#ended) return;
      if ('error' in outcome) {
        this.#ended = true;
        reader.setException(toStreamError(outcome.error));
        return;
      }
      if (outcome.value === null) {
        this.#ended = true;
        reader.feedEof();
        return;
      }
      try {
        reader.feedData(copyData(outcome.value));
      } catch (error) {
        reader.setException(toStreamError(error));
        this.#giveUp(error);
        return;
      }
    }
  }

  #giveUp(reason: unknown): void {
    this.#ended = true;
    reportFailure(this.#loop, 'Exception while the source of a reader was cancelled', () =>
      this.#source.cancel(reason),
    );
  }
}
