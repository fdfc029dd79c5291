import type { MessagePort, Transferable } from 'node:worker_threads';
import { type Bell, StateError } from '../interface/index.ts';
import { isGone, ring } from './bell.ts';
import { takeMarked } from './transfer.ts';

/**
 * The right of one thread to call a {@link ThreadsafeCaller} of another. It crosses by `workerData` or `postMessage`, once,
 * with its `port` in the list of what is transferred.
 */
export interface CallerTicket<Args extends unknown[]> {
  readonly port: MessagePort;
  /** whether calls wait, and whether the caller is closed */
  readonly flags: Int32Array<SharedArrayBuffer>;
  /** null: the host delivers messages by itself */
  readonly bell: Bell | null;
  /** never there: what may be called with */
  readonly args?: Args;
}

/** The other end of a {@link ThreadsafeCaller}: what another thread calls it by. */
export class RemoteCaller<Args extends unknown[]> {
  readonly #ticket: CallerTicket<Args>;
  #closed = false;

  /** @param ticket made by `createTicket` in the other thread; good for one RemoteCaller */
  constructor(ticket: CallerTicket<Args>) {
    if (!((ticket as CallerTicket<Args> | undefined)?.flags instanceof Int32Array))
      throw new TypeError('Cannot call another thread: this is no ticket of a ThreadsafeCaller');
    this.#ticket = ticket;
  }

  /** No call arrives any more: this end was closed, or the other, or the loop there. */
  get closed(): boolean {
    const { flags, bell } = this.#ticket;
    return this.#closed || Atomics.load(flags, 1) !== 0 || (bell !== null && isGone(bell));
  }

  /**
   * Has the callback called by its loop, in its thread. Arguments are copied (structured clone) or moved (`transfer`). The
   * calls of one RemoteCaller arrive in their order. Does not wait.
   *
   * @throws {StateError} closed
   * @throws {DOMException} an argument cannot be copied
   */
  call(...args: Args): void {
    if (this.closed) throw new StateError('ERR_CALLER_CLOSED', 'Cannot call the other thread: it was closed');
    this.#send(args);
  }

  /** What was called before still arrives. Idempotent. */
  close(): void {
    if (this.closed) return;
    this.#send(null);
    this.#closed = true;
    this.#ticket.port.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #send(message: unknown[] | null): void {
    const { port, flags, bell } = this.#ticket;
    port.postMessage(message, (message === null ? [] : takeMarked(message)) as Transferable[]);
    // Rung before and not heard yet: then this is found as well.
    if (bell !== null && Atomics.exchange(flags, 0, 1) === 0) ring(bell);
  }
}
