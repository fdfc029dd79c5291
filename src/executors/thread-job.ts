import { CancelledError, type ExecutorJob } from '../interface/index.ts';

/** Work of a thread pool. A promise outside of every loop; `loop.runInExecutor` makes a future of it. */
export class ThreadJob<T> implements ExecutorJob<T> {
  /** of the function that runs */
  readonly name: string;
  /** @internal called once */
  onSettled: (() => void) | null = null;
  readonly #promise: Promise<T>;
  readonly #onCancel: (job: ThreadJob<T>) => void;
  #settled = false;
  #resolve: (value: T) => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(name: string, onCancel: (job: ThreadJob<T>) => void) {
    this.name = name;
    this.#onCancel = onCancel;
    this.#promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#promise.then(onFulfilled, onRejected);
  }

  /** One that has not started never does; the thread of one that has is ended. False: it is done. */
  cancel(reason?: unknown): boolean {
    if (this.#settled) return false;
    this.#promise.catch(() => {}); // whoever cancels knows
    this.failed(new CancelledError(reason));
    this.#onCancel(this);
    return true;
  }

  /** @internal */
  done(value: T): void {
    this.#settle();
    this.#resolve(value);
  }

  /** @internal */
  failed(error: unknown): void {
    this.#settle();
    this.#reject(error);
  }

  #settle(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.onSettled?.();
  }
}
