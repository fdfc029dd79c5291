import type { Future } from '../coroutines/index.ts';
import { ChannelBroken, ChannelClosed, WouldBlock } from './channel-errors.ts';
import type { ChannelState } from './channel-state.ts';
import { refused } from './waiter.ts';

const inspect = Symbol.for('nodejs.util.inspect.custom');

/** The end of a memory channel that values go in by. Made by `openMemoryChannel` and by `clone`. */
export class MemorySender<T> implements Disposable {
  readonly #state: ChannelState<T>;
  #closed = false;

  /** @internal */
  constructor(state: ChannelState<T>) {
    this.#state = state;
    state.senders++;
  }

  /**
   * Sends a value, once there is room for it or somebody who receives it.
   *
   * @throws {ChannelBroken} all receivers are closed, or were while this waited
   * @throws {ChannelClosed} this sender is closed, or was while this waited
   */
  send(value: T): Future<void> {
    const loop = this.#state.bind();
    const objection = this.#objection();
    return objection === null ? this.#state.exchange.put(value, loop, this) : refused(loop, objection);
  }

  /**
   * @throws {WouldBlock} there is no room, and nobody who waits for a value
   * @throws {ChannelBroken} all receivers are closed
   * @throws {ChannelClosed} this sender is closed
   */
  sendNowait(value: T): void {
    this.#state.checkLoop();
    const objection = this.#objection();
    if (objection !== null) throw objection;
    if (!this.#state.exchange.canPut) {
      throw new WouldBlock('Cannot send at once: there is no room in the channel and no receiver waits');
    }
    this.#state.exchange.insert(value);
  }

  /** Another sender to the same channel, to be closed on its own. @throws {ChannelClosed} this one is closed */
  clone(): MemorySender<T> {
    if (this.#closed) throw new ChannelClosed('clone');
    return new MemorySender(this.#state);
  }

  /** Waits of this sender end with ChannelClosed; with the last sender the channel ends. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#state.checkLoop();
    this.#closed = true;
    this.#state.senderClosed(this);
  }

  isClosed(): boolean {
    return this.#closed;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  toString(): string {
    return `<MemorySender ${this.#closed ? 'closed' : 'open'} ${this.#state.describe()}>`;
  }

  [inspect](): string {
    return this.toString();
  }

  #objection(): ChannelClosed | ChannelBroken | null {
    if (this.#closed) return new ChannelClosed('send');
    return this.#state.receivers === 0 ? new ChannelBroken() : null;
  }
}
