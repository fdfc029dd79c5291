import { type EventLoop, type Suspension, SystemError } from '../interface/index.ts';
import { Waiters } from './waiters.ts';

export interface FlowControlOptions {
  /**
   * What a write after the end of the connection is to throw, made of the error by which it ended; a SystemError
   * `ECONNRESET` with that as its cause unless given
   */
  writeError?: ((loss: Error | null) => Error) | undefined;
}

/**
 * What a protocol learns about its transport's sending side, and those who wait for it: the part that every protocol
 * with a {@link StreamWriter} needs. The protocol calls `pause`, `resume`, `endReading` and `lose`; the writer asks and
 * waits.
 *
 * @see PEP 3156, "Flow control callbacks"; asyncio.streams.FlowControlMixin
 */
export class FlowControl {
  readonly #drains: Waiters;
  readonly #endings: Waiters;
  readonly #writeError: (loss: Error | null) => Error;
  #paused = false;
  #lost = false;
  #lossError: Error | null = null;
  #readingEnded = false;
  #writingEnded = false;

  constructor(loop: EventLoop, options: FlowControlOptions = {}) {
    this.#writeError = options.writeError ?? resetError;
    this.#drains = new Waiters(loop);
    this.#endings = new Waiters(loop);
  }

  /** True from `pauseWriting` until `resumeWriting`. */
  get paused(): boolean {
    return this.#paused;
  }

  /** True once `connectionLost` was called. */
  get lost(): boolean {
    return this.#lost;
  }

  /** For `pauseWriting`. */
  pause(): void {
    this.#paused = true;
  }

  /** For `resumeWriting`. */
  resume(): void {
    this.#paused = false;
    this.#drains.release();
  }

  /** For `eofReceived`, whose answer this is: true unless our direction has ended before, by {@link endWriting}. */
  endReading(): boolean {
    this.#readingEnded = true;
    return !this.#writingEnded;
  }

  /** Our direction is to end, and the connection with the second of the two. True if the peer's has ended before. */
  endWriting(): boolean {
    this.#writingEnded = true;
    return this.#readingEnded;
  }

  /** For `connectionLost`. */
  lose(error: Error | null): void {
    this.#lost = true;
    this.#lossError = error;
    this.#drains.release();
    this.#endings.release();
  }

  /**
   * Waits until writing is not paused.
   *
   * @throws {SystemError} `ECONNRESET`: the connection is lost; `cause` says why, where something went wrong. Or what
   *   the options have for it.
   */
  *waitWritable(): Generator<Suspension, void, unknown> {
    if (this.#lost) throw this.#writeError(this.#lossError);
    if (!this.#paused) return;
    yield* this.#drains.wait();
    // Lost without an error while we waited: our own side closed, and what could be sent was. The next write fails.
    if (this.#lossError !== null) throw this.#writeError(this.#lossError);
  }

  /** Waits for the end of the connection. @throws the error by which it was lost */
  *waitLost(): Generator<Suspension, void, unknown> {
    if (!this.#lost) yield* this.#endings.wait();
    if (this.#lossError !== null) throw this.#lossError;
  }
}

function resetError(cause: Error | null): SystemError {
  return new SystemError(
    `Cannot write: the connection is ${cause === null ? 'closed' : `lost: ${cause.message}`}`,
    { code: 'ECONNRESET', syscall: 'write' },
    cause === null ? undefined : { cause },
  );
}
