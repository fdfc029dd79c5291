import type { Coroutine, Future } from '../coroutines/index.ts';
import type { Suspension } from '../interface/index.ts';
import { ChannelClosed, ChannelEnded, WouldBlock } from './channel-errors.ts';
import type { ChannelState } from './channel-state.ts';
import { InlineCoroutine } from './inline-coroutine.ts';
import { refused } from './waiter.ts';

const inspect = Symbol.for('nodejs.util.inspect.custom');

/**
 * The end of a memory channel that values come out by. Made by `openMemoryChannel` and by `clone`.
 *
 * `for await` receives until the channel has ended. A coroutine says
 *
 *     for (let next = yield* receiver.next(); !next.done; next = yield* receiver.next()) use(next.value);
 *
 * Leaving such a loop early closes nothing.
 */
export class MemoryReceiver<T> implements AsyncIterable<T, undefined>, Disposable {
  readonly #state: ChannelState<T>;
  #closed = false;

  /** @internal */
  constructor(state: ChannelState<T>) {
    this.#state = state;
    state.receivers++;
  }

  /**
   * Receives the next value, once there is one.
   *
   * @throws {ChannelEnded} all senders are closed, or were while this waited, and the channel is empty
   * @throws {ChannelClosed} this receiver is closed, or was while this waited
   */
  receive(): Future<T> {
    const loop = this.#state.bind();
    const objection = this.#objection();
    return objection === null ? this.#state.exchange.get(loop, this) : refused(loop, objection);
  }

  /**
   * @throws {WouldBlock} there is no value, and nobody who waits to send one
   * @throws {ChannelEnded} all senders are closed and the channel is empty
   * @throws {ChannelClosed} this receiver is closed
   */
  receiveNowait(): T {
    this.#state.checkLoop();
    const objection = this.#objection();
    if (objection !== null) throw objection;
    if (!this.#state.exchange.canTake) {
      throw new WouldBlock('Cannot receive at once: the channel is empty and no sender waits');
    }
    return this.#state.exchange.take();
  }

  /** As `receive`, but the end of the channel is a result: `done`. @throws {ChannelClosed} this receiver is closed */
  next(): Coroutine<IteratorResult<T, undefined>> {
    return new InlineCoroutine('next', this.#next(), () => this.#nextInline());
  }

  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return { next: () => this.#nextInline() };
  }

  /** Another receiver of the same channel, to be closed on its own. @throws {ChannelClosed} this one is closed */
  clone(): MemoryReceiver<T> {
    if (this.#closed) throw new ChannelClosed('clone');
    return new MemoryReceiver(this.#state);
  }

  /**
   * Waits of this receiver end with ChannelClosed. With the last receiver, the values that nobody received are dropped,
   * and senders are told that the channel is broken. Idempotent.
   */
  close(): void {
    if (this.#closed) return;
    this.#state.checkLoop();
    this.#closed = true;
    this.#state.receiverClosed(this);
  }

  isClosed(): boolean {
    return this.#closed;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  toString(): string {
    return `<MemoryReceiver ${this.#closed ? 'closed' : 'open'} ${this.#state.describe()}>`;
  }

  [inspect](): string {
    return this.toString();
  }

  #objection(): ChannelClosed | ChannelEnded | null {
    if (this.#closed) return new ChannelClosed('receive');
    return this.#state.senders === 0 && !this.#state.exchange.canTake ? new ChannelEnded() : null;
  }

  *#next(): Generator<Suspension, IteratorResult<T, undefined>, unknown> {
    try {
      return { done: false, value: yield* this.receive() };
    } catch (error) {
      return endOf(error);
    }
  }

  async #nextInline(): Promise<IteratorResult<T, undefined>> {
    try {
      return { done: false, value: await this.receive() };
    } catch (error) {
      return endOf(error);
    }
  }
}

function endOf(error: unknown): IteratorReturnResult<undefined> {
  if (error instanceof ChannelEnded) return { done: true, value: undefined };
  throw error;
}
