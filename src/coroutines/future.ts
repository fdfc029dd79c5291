import {
  CancelledError,
  type Context as ContextInterface,
  type EventLoop,
  type Future as FutureInterface,
  futureMarker,
  InvalidStateError,
  type Runnable,
  type Suspension,
} from '../interface/index.ts';
import {
  Context,
  currentContext,
  enterContext,
  getEventLoop,
  leaveContext,
  ownContext,
  RecordedStack,
} from '../loop/index.ts';
import { describeFuture, inspect, type State } from './describe.ts';
import { type LostException, reportUnlessAwaited, watchForLoss } from './lost-exception.ts';
import { observer } from './observer.ts';
import { Reaction } from './reaction.ts';

const pending = 0;
const cancelled = 1;
const fulfilled = 2;
const failed = 3;

/** What has to happen before a future can be done. */
export interface Awaiting {
  /** in a few words: 'gather' */
  readonly what: string;
  /** futures, ours and foreign ones, and promises */
  readonly of: readonly unknown[];
}

export interface FutureOptions {
  /** the current loop unless given */
  loop?: EventLoop | undefined;
}

/**
 * A result that is not there yet. `yield*` and `await` wait for it alike.
 *
 * Done callbacks, waiting tasks and reactions of `then` are objects that go straight into the loop's queue when the
 * outcome is there: a future that one task waits for costs no closure, no handle and no list.
 *
 * @see PEP 3156, "Futures"
 */
export class Future<T> implements FutureInterface<T> {
  protected readonly loop: EventLoop;
  #state: typeof pending | typeof cancelled | typeof fulfilled | typeof failed = pending;
  /** the result, the exception, or the cancellation's reason until its error is asked for */
  #outcome: unknown = undefined;
  #cancelledError: CancelledError | null = null;
  #waiters: Runnable | Runnable[] | null = null;
  #lost: LostException | null = null;
  readonly #trace: RecordedStack | undefined;
  /** @internal calls of `then` that the loop has not answered yet: later ones are not to overtake them */
  reactions = 0;
  /**
   * @internal Set by `yield*` just before it suspends: tells a task `yield* future` from `yield future`, which would
   * never see the result.
   */
  awaited = false;

  constructor(options?: FutureOptions) {
    this.loop = options?.loop ?? getEventLoop();
    if (this.loop.getDebug()) this.#trace = new RecordedStack(new.target);
  }

  get [futureMarker](): true {
    return true;
  }

  getLoop(): EventLoop {
    return this.loop;
  }

  done(): boolean {
    return this.#state !== pending;
  }

  cancelled(): boolean {
    return this.#state === cancelled;
  }

  result(): T {
    if (this.#state === fulfilled) return this.#outcome as T;
    if (this.#state === failed) {
      this.markRetrieved();
      throw this.#outcome;
    }
    if (this.#state === cancelled) throw this.cancelledError();
    throw new InvalidStateError('Cannot get the result: the future is not done');
  }

  exception(): unknown {
    if (this.#state === fulfilled) return null;
    if (this.#state === failed) {
      this.markRetrieved();
      return this.#outcome;
    }
    if (this.#state === cancelled) throw this.cancelledError();
    throw new InvalidStateError('Cannot get the exception: the future is not done');
  }

  setResult(result: T): void {
    this.fulfil(result);
  }

  /** @param exception an error, or the class of one, of which an instance is made */
  setException(exception: unknown): void {
    this.fail(isErrorClass(exception) ? new exception() : exception);
  }

  cancel(reason?: unknown): boolean {
    return this.settleCancelled(reason, null);
  }

  /** Says that the exception, if that is the outcome, needs no report although nobody asks for it. */
  markRetrieved(): void {
    if (this.#lost !== null) {
      this.#lost.retrieved = true;
      this.#lost = null;
    }
  }

  addDoneCallback(
    callback: (future: FutureInterface<T>) => void,
    options?: { context?: ContextInterface | undefined },
  ): void {
    if (typeof callback !== 'function')
      throw new TypeError('Cannot add the done callback: it is not a function');
    this.addWaiter(new DoneCallback(this, callback, options?.context));
  }

  removeDoneCallback(callback: (future: FutureInterface<T>) => void): number {
    if (this.#waiters === null) return 0;
    const all = Array.isArray(this.#waiters) ? this.#waiters : [this.#waiters];
    const kept = all.filter((waiter) => !(waiter instanceof DoneCallback && waiter.callback === callback));
    this.#waiters = kept.length === 0 ? null : kept;
    return all.length - kept.length;
  }

  /** Promises/A+, but that reactions to an outcome yet to come run in the loop's queue. */
  then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Future<A | B> {
    const derived = new DerivedFuture<A | B>(this);
    new Reaction(this, derived, onFulfilled, onRejected).register();
    return derived;
  }

  catch<B = never>(onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Future<T | B> {
    return this.then(undefined, onRejected);
  }

  finally(onFinally?: (() => void) | null): Future<T> {
    if (typeof onFinally !== 'function') return this.then();
    return this.then(
      (value) => Promise.resolve(onFinally()).then(() => value),
      (reason: unknown) =>
        Promise.resolve(onFinally()).then(() => {
          throw reason;
        }),
    );
  }

  [Symbol.iterator](): Iterator<Suspension, T, unknown> {
    return new FutureIterator(this);
  }

  toString(): string {
    return describeFuture(this, this.describeOutcome());
  }

  [inspect](): string {
    return this.toString();
  }

  /** @internal Queues `waiter` once there is an outcome, at once if there is one. */
  addWaiter(waiter: Runnable): void {
    if (this.#state !== pending) this.loop.enqueue(waiter);
    else if (this.#waiters === null) this.#waiters = waiter;
    else if (Array.isArray(this.#waiters)) this.#waiters.push(waiter);
    else this.#waiters = [this.#waiters, waiter];
  }

  /** @internal */
  removeWaiter(waiter: Runnable): void {
    if (this.#waiters === waiter) this.#waiters = null;
    else if (Array.isArray(this.#waiters)) this.#waiters = this.#waiters.filter((other) => other !== waiter);
  }

  /** @internal What is queued when there is an outcome: the names of callbacks and waiting tasks. */
  waiterNames(): string[] {
    const all = this.#waiters === null ? [] : Array.isArray(this.#waiters) ? this.#waiters : [this.#waiters];
    // The whole text of a waiting task would tell of who waits for that one, and so on; in a deadlock, for ever.
    return all.map((waiter) => (waiter instanceof Future ? waiter.shortName() : String(waiter)));
  }

  /** @internal For who draws who waits for whom. */
  awaiting(): Awaiting {
    const { name } = this.constructor;
    return { what: name === 'Future' ? 'future' : name, of: [] };
  }

  /** @internal */
  shortName(): string {
    return `<${this.constructor.name} ${this.describeOutcome().state}>`;
  }

  /**
   * @internal Gives up the wait on somebody's behalf, who will throw `error` himself. False: there is an outcome, or it
   * cannot be given up.
   */
  giveUp(error: CancelledError): boolean {
    return this.cancel(error.reason);
  }

  /** @internal Whether it was asked to give up and ended, not cancelled, without ever having been told. */
  get endedUntold(): boolean {
    return false;
  }

  /** @internal Calls the one method of `receiver` that fits the outcome; there must be one. */
  tell(receiver: OutcomeReceiver<T>): void {
    if (this.#state === fulfilled) {
      receiver.fulfilled(this.#outcome as T);
    } else if (this.#state === failed) {
      this.markRetrieved();
      receiver.failed(this.#outcome);
    } else {
      receiver.cancelled(this.cancelledError());
    }
  }

  /** @internal The error of a cancelled future, the same each time. */
  cancelledError(): CancelledError {
    this.#cancelledError ??= new CancelledError(this.#outcome);
    return this.#cancelledError;
  }

  /** @internal */
  describeOutcome(): State {
    if (this.#state === pending) return { state: 'pending' };
    if (this.#state === cancelled) return { state: 'cancelled' };
    return this.#state === fulfilled
      ? { state: 'finished', result: this.#outcome }
      : { state: 'finished', exception: this.#outcome };
  }

  /** @internal Where it was made, in debug mode. */
  get sourceTrace(): string | undefined {
    return this.#trace?.text;
  }

  /** @internal */
  fulfilled(): boolean {
    return this.#state === fulfilled;
  }

  /** @internal Whether an exception is the outcome, without counting as having looked at it. */
  failed(): boolean {
    return this.#state === failed;
  }

  protected fulfil(result: T): void {
    this.#mustBePending('result');
    this.#state = fulfilled;
    this.#outcome = result;
    this.#trace?.drop();
    this.#wake();
  }

  protected fail(exception: unknown): void {
    this.#mustBePending('exception');
    this.#state = failed;
    this.#outcome = exception;
    // Whoever waits is queued first, and so has asked for the exception before its loss is looked into.
    this.#wake();
    this.#lost = this.watchException(exception);
  }

  /** @internal Somebody has it in hand and will look at it later: a loss shows when the future is collected. */
  handOver(): void {
    if (this.#lost === null) return;
    this.markRetrieved();
    this.#lost = watchForLoss(this, this.#outcome, this.lossMessage());
  }

  /** False if there was an outcome. `error` is the very error to throw, where there is one already. */
  protected settleCancelled(reason: unknown, error: CancelledError | null): boolean {
    if (this.#state !== pending) {
      // Whoever cancels has seen that it is over (B-FUT-022).
      this.markRetrieved();
      return false;
    }
    this.#state = cancelled;
    this.#outcome = reason;
    this.#cancelledError = error;
    this.#trace?.drop();
    this.#wake();
    return true;
  }

  /** Sees to it that an exception nobody asks for is reported. */
  protected watchException(exception: unknown): LostException {
    return watchForLoss(this, exception, this.lossMessage());
  }

  protected lossMessage(): string {
    return 'Future exception was never retrieved';
  }

  #mustBePending(what: string): void {
    if (this.#state !== pending) {
      throw new InvalidStateError(`Cannot set the ${what}: the future is ${this.describeOutcome().state}`);
    }
  }

  #wake(): void {
    const waiters = this.#waiters;
    if (waiters === null) return;
    this.#waiters = null;
    // Nobody is left to run them. A promise that is followed may well come so late.
    if (this.loop.isClosed()) return;
    if (Array.isArray(waiters)) for (const waiter of waiters) this.loop.enqueue(waiter);
    else this.loop.enqueue(waiters);
  }
}

/** What `then` returns: settled by what the reaction returns. Nobody may be looking, and it may have been cancelled. */
export class DerivedFuture<T> extends Future<T> {
  /** the future whose outcome is waited for, where there is one to ask */
  #source: Future<unknown> | null;
  #untold = false;

  constructor(source: Future<unknown>) {
    super({ loop: source.getLoop() });
    this.#source = source;
  }

  /** Whoever waits for the end of a chain waits for its start; what that has brought already is let through. */
  override giveUp(error: CancelledError): boolean {
    let start: Future<unknown> | null = this.#source;
    while (start instanceof DerivedFuture && start.#source !== null) start = start.#source;
    return start === null ? super.giveUp(error) : start.giveUp(error);
  }

  override get endedUntold(): boolean {
    return this.#untold && !this.cancelled();
  }

  override awaiting(): Awaiting {
    return { what: 'then', of: this.#source === null ? [] : [this.#source] };
  }

  /** Lets go of the source, or a long chain would be kept whole. */
  sourceEnded(source: Future<unknown>): void {
    if (source.endedUntold) this.#untold = true;
    this.#source = null;
  }

  adopt(value: T | PromiseLike<T>): void {
    if ((typeof value !== 'object' || value === null) && typeof value !== 'function') {
      if (!this.done()) this.fulfil(value as T);
    } else if ((value as unknown) === this) {
      this.reject(new TypeError('Cannot resolve a future with itself'));
    } else {
      const source = value instanceof Future ? value : null;
      this.#source = source;
      // The engine knows best how to follow a thenable: `then` read once, called once, believed once.
      void new Promise<T>((resolve) => resolve(value)).then(
        (result) => {
          if (source !== null) this.sourceEnded(source);
          if (!this.done()) this.fulfil(result);
        },
        (exception: unknown) => {
          if (source !== null) this.sourceEnded(source);
          this.reject(exception);
        },
      );
    }
  }

  reject(exception: unknown): void {
    if (this.done()) return;
    if (exception instanceof CancelledError) this.cancelWith(exception);
    else this.fail(exception);
  }

  cancelWith(error: CancelledError): void {
    this.settleCancelled(error.reason, error);
  }

  protected override watchException(exception: unknown): LostException {
    return reportUnlessAwaited(this, exception, this.lossMessage());
  }

  protected override lossMessage(): string {
    return 'Exception in a reaction to a future was never retrieved';
  }
}

export interface OutcomeReceiver<T> {
  fulfilled(value: T): void;
  failed(exception: unknown): void;
  cancelled(error: CancelledError): void;
}

/**
 * `yield* future`: suspends with the future itself, which knows whether it is done. It is its own result, because every
 * wait makes one: whoever drives a generator looks at a result before he asks for the next.
 */
class FutureIterator<T> implements Iterator<Suspension, T, unknown> {
  done: boolean | undefined = false;
  /** the future; its result, once that is there */
  value: unknown;

  constructor(future: Future<T>) {
    this.value = future;
  }

  next(): IteratorResult<Suspension, T> {
    if (this.done === true) return { done: true, value: undefined as T };
    const future = this.value as Future<T>;
    if (future.done()) {
      this.value = future.result();
      this.done = true;
    } else {
      future.awaited = true;
      if (observer !== null) observer.waitBegins(future as Future<unknown>);
    }
    return this as IteratorResult<Suspension, T>;
  }

  // Without these two, `yield*` would turn every error thrown in from outside into a TypeError of its own.
  throw(error: unknown): never {
    throw error;
  }

  return(value: T): IteratorResult<Suspension, T> {
    return { done: true, value };
  }
}

class DoneCallback<T> implements Runnable {
  readonly callback: (future: FutureInterface<T>) => void;
  readonly #future: Future<T>;
  readonly #context: Context;

  constructor(
    future: Future<T>,
    callback: (future: FutureInterface<T>) => void,
    context: ContextInterface | undefined,
  ) {
    this.#future = future;
    this.callback = callback;
    this.#context = context === undefined ? new Context(currentContext().values) : ownContext(context);
  }

  run(): void {
    const previous = enterContext(this.#context);
    try {
      this.callback(this.#future);
    } catch (exception) {
      this.#future.getLoop().callExceptionHandler({
        message: `Exception in done callback ${this}`,
        exception,
        future: this.#future,
      });
    } finally {
      leaveContext(previous);
    }
  }

  toString(): string {
    return this.callback.name || '(anonymous)';
  }
}

function isErrorClass(value: unknown): value is new () => Error {
  return typeof value === 'function' && (value === Error || value.prototype instanceof Error);
}

/** True for every future, ours or a foreign loop's; false for classes, promises and other thenables. */
export function isFuture(value: unknown): value is FutureInterface<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    (value as { [futureMarker]?: unknown })[futureMarker] === true
  );
}
