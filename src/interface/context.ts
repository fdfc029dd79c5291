/**
 * A set of context-variable values that callbacks and tasks run in (PEP 567).
 *
 * Every handle, done callback and task takes a snapshot of the current one when it is created; giving a `Context`
 * explicitly makes several of them share one, changes included.
 */
export interface Context {
  /**
   * Calls `callback(...args)` in this context and keeps the changes it makes.
   *
   * @throws {StateError} this context is already entered
   */
  run<Args extends unknown[], Result>(callback: (...args: Args) => Result, ...args: Args): Result;
  /** A context with the same values, changes to which stay its own. O(1). */
  copy(): Context;
}
