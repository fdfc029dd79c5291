import {
  CancelledError,
  type EventLoop,
  type Future as FutureInterface,
  futureMarker,
  type Suspension,
} from '../../src/interface/index.ts';

/** A future as somebody else may have written one: the interface, and nothing of ours behind it. */
export class ForeignFuture<T> implements FutureInterface<T> {
  readonly [futureMarker] = true;
  readonly #loop: EventLoop;
  #state: 'pending' | 'finished' | 'failed' | 'cancelled' = 'pending';
  #outcome: unknown = undefined;
  #callbacks: ((future: FutureInterface<T>) => void)[] = [];

  constructor(loop: EventLoop) {
    this.#loop = loop;
  }

  done(): boolean {
    return this.#state !== 'pending';
  }

  cancelled(): boolean {
    return this.#state === 'cancelled';
  }

  result(): T {
    if (this.#state === 'pending') throw new Error('pending');
    if (this.#state === 'finished') return this.#outcome as T;
    throw this.#outcome;
  }

  exception(): unknown {
    if (this.#state === 'finished') return null;
    if (this.#state === 'failed') return this.#outcome;
    return this.result();
  }

  setResult(result: T): void {
    this.#settle('finished', result);
  }

  setException(exception: unknown): void {
    this.#settle('failed', exception);
  }

  cancel(reason?: unknown): boolean {
    if (this.done()) return false;
    this.#settle('cancelled', new CancelledError(reason));
    return true;
  }

  addDoneCallback(callback: (future: FutureInterface<T>) => void): void {
    if (this.done()) this.#loop.callSoon(callback, this);
    else this.#callbacks.push(callback);
  }

  removeDoneCallback(callback: (future: FutureInterface<T>) => void): number {
    const before = this.#callbacks.length;
    this.#callbacks = this.#callbacks.filter((other) => other !== callback);
    return before - this.#callbacks.length;
  }

  getLoop(): EventLoop {
    return this.#loop;
  }

  *[Symbol.iterator](): Generator<Suspension, T, unknown> {
    if (!this.done()) yield this;
    return this.result();
  }

  then: PromiseLike<T>['then'] = (onFulfilled, onRejected) =>
    new Promise<T>((resolve, reject) => {
      this.addDoneCallback(() => {
        try {
          resolve(this.result());
        } catch (error) {
          reject(error);
        }
      });
    }).then(onFulfilled, onRejected);

  #settle(state: 'finished' | 'failed' | 'cancelled', outcome: unknown): void {
    this.#state = state;
    this.#outcome = outcome;
    for (const callback of this.#callbacks) this.#loop.callSoon(callback, this);
    this.#callbacks = [];
  }
}
