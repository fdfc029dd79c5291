/** Where blocking work goes. @see PEP 3148 */
export interface Executor {
  /**
   * True: its jobs end only while the host's own loop turns, so that a loop that blocks the thread cannot use it. False:
   * nothing but the calling thread is needed for them, so that a simulated loop can use it too.
   */
  readonly needsHost?: boolean;
  /**
   * Starts `callback(...args)` somewhere else, as soon as there is room.
   *
   * @throws {StateError} it was shut down
   */
  submit<Args extends unknown[], Result>(
    callback: (...args: Args) => Result,
    ...args: Args
  ): ExecutorJob<Awaited<Result>>;
  /**
   * Takes no more work. Resolves when what was taken is done; at once if `wait` is false. With `cancelFutures`, what has
   * not started is cancelled.
   */
  shutdown(options?: ExecutorShutdownOptions): PromiseLike<void>;
}

export interface ExecutorShutdownOptions {
  /** true unless given */
  wait?: boolean | undefined;
  /** false unless given */
  cancelFutures?: boolean | undefined;
}

export interface ExecutorJob<T> extends PromiseLike<T> {
  /** A job that has not started never does; one that has is ended, if the executor can. False: it was done, or goes on. */
  cancel(reason?: unknown): boolean;
}
