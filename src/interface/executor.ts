/** Where blocking work goes. @see PEP 3148 */
export interface Executor {
  /** Starts `callback(...args)` somewhere else. */
  submit<Args extends unknown[], Result>(
    callback: (...args: Args) => Result,
    ...args: Args
  ): ExecutorJob<Awaited<Result>>;
  /** Takes no more work. Resolves when what was taken is done; at once if `wait` is false. */
  shutdown(options?: { wait?: boolean | undefined }): PromiseLike<void>;
}

export interface ExecutorJob<T> extends PromiseLike<T> {
  /** Works only before the job has started; tells whether it did. */
  cancel(): boolean;
}
