import {
  CancelledError,
  type EventLoop,
  StateError,
  type Suspension,
  type Task as TaskInterface,
  type TaskOptions,
  type TaskSource,
  type Waitable,
} from '../interface/index.ts';
import {
  type AsyncOwner,
  asyncOwner,
  type Context,
  copyContext,
  enterFrame,
  type Frame,
  getRunningLoop,
  leaveContext,
  ownContext,
  roughTime,
  runOwnedBy,
} from '../loop/index.ts';
import { requestCancel, setAsking } from './cancel-request.ts';
import { type CancellableRegion, cancellationIn, depthOf, outermost, passedOn } from './cancellation.ts';
import { Coroutine, type CoroutineBody } from './coroutine.ts';
import { describeFuture } from './describe.ts';
import { ForeignWait } from './foreign-wait.ts';
import { type Awaiting, Future, isFuture } from './future.ts';
import { isGenerator, isGeneratorFunction, isThenable, isWaitable } from './kinds.ts';
import { type LostException, reportUnlessAwaited } from './lost-exception.ts';
import { observer } from './observer.ts';
import type { Reaction } from './reaction.ts';
import { enrol, steppingTask, strikeOff, type TaskLink, tasksOf } from './task-registry.ts';

// biome-ignore lint/suspicious/noExplicitAny: whatever it waits for
type AsyncWait = Reaction<any, any, any>;

let namesGiven = 0;

/**
 * Has the tasks without a name be named from this number on, and returns the one that would have been next: so that what is
 * run twice finds the same names.
 */
export function nameTasksFrom(next: number): number {
  const before = namesGiven + 1;
  namesGiven = next - 1;
  return before;
}

/** A region that does not end before the tasks it owns have. */
export interface TaskOwner {
  /** The task that is inside; null: it has ended. */
  readonly parent: Task<unknown> | null;
}

/**
 * A future that drives a coroutine: a generator by stepping it, an `async` function by knowing what it awaits.
 *
 * How a cancellation travels. `cancel` makes one error and asks what the task waits for to give up. If that agrees, the
 * error is on its way (`#onItsWay`) and is thrown in when the wait ends cancelled; if the wait ends with an outcome
 * after all, the outcome stands, as the awaited one has chosen. If there is nothing to ask, or it is over already, the
 * error is due (`#due`) and thrown in at the next wait: a result that is on its way to the task is delivered first and
 * never lost. A task that ends with an error still due has never been told: it keeps its outcome, and whoever passed the
 * cancellation on to it hears of that (`endedUntold`) and meets it at the next wait of his own. Of several errors the one
 * of the outermost scope is kept, because the scopes inside end with it. A task that is cancelled before it has begun
 * begins all the same, so that what is to clean up is there when the error is thrown.
 *
 * @see PEP 3156, "Tasks"; asyncio.Task, whose contract `cancel`, `uncancel` and `cancelling` keep
 */
export class Task<T> extends Future<T> implements TaskInterface<T>, AsyncOwner, Frame {
  /** @internal */
  readonly context: Context;
  /** a number until somebody asks for the text */
  #name: string | number;
  #source: TaskSource<T> | null;
  #sourceName = '';
  #body: CoroutineBody<T> | null = null;
  /** what the generator waits for */
  #waiter: Future<unknown> | null = null;
  /** what the `async` function waits for, and more, if it waits for several at once */
  #wait: AsyncWait | null = null;
  #moreWaits: Set<AsyncWait> | null = null;
  #onItsWay: CancelledError | null = null;
  #due: CancelledError | null = null;
  /** a scope's, which one from outside has overtaken; due again if that is taken back before the scope has ended */
  #overtaken: CancelledError | null = null;
  /** comes from outside of the shielded scope that the task is in, and waits until that has ended */
  #held: CancelledError | null = null;
  /** those that were thrown in while scopes further in were open, and these scopes, by the depth of the innermost still open */
  #thrown: { readonly error: CancelledError; depth: number }[] | null = null;
  /** depth of the innermost shielded scope; 0: none */
  #shieldDepth = 0;
  /** a mistake of the coroutine's that it is to hear of at its next step */
  #mistake: Error | null = null;
  /** in the loop's time, roughly; before the first wait, when it was made */
  #waitingSince: number;
  #async = false;
  #begun = false;
  #cancelRequests = 0;
  #abortController: AbortController | null = null;
  /** @internal who does not end before this task has; null: nobody but the loop */
  owner: TaskOwner | null = null;
  /** @internal of the loop's tasks */
  previousTask: TaskLink | null = null;
  /** @internal */
  nextTask: TaskLink | null = null;
  /** @internal how many scopes of this task are open */
  scopes = 0;
  /** @internal which of its waits is being asked to give up, while that, or what follows from it, is going on */
  asked: unknown = null;

  /** Made by `loop.createTask`. @throws {TypeError} nothing a task can drive */
  constructor(source: TaskSource<T>, options: TaskOptions & { loop: EventLoop }) {
    super(options);
    this.#source = source;
    this.#body = bodyOf(source);
    this.context = options.context === undefined ? copyContext() : ownContext(options.context);
    this.#name = nextName(options.name);
    this.#waitingSince = roughTime(this.loop);
    this.#start(options.eagerStart);
  }

  #start(eagerStart: boolean | undefined): void {
    const eager = eagerStart === true && this.loop.isRunning();
    // A closed loop refuses here, before anything remembers the task.
    if (!eager) this.loop.enqueue(this);
    enrol(this as Task<unknown>);
    if (eager) this.#startNow();
  }

  #startNow(): void {
    const source = this.#source;
    if (source instanceof Coroutine && source.awaited) this.run();
    // As the loop would run it: what it waits for is not a wait of the `async` function that makes the task.
    else runOwnedBy(null, () => this.run());
  }

  getName(): string {
    return typeof this.#name === 'string' ? this.#name : `Task-${this.#name}`;
  }

  setName(name: unknown): void {
    this.#name = String(name);
  }

  getCoroutine(): unknown {
    return this.#source;
  }

  getContext(): Context {
    return this.context;
  }

  /** Where the code of an `async` function runs; null once the task has ended. */
  get asyncContext(): Context | null {
    return this.done() ? null : this.context;
  }

  /** @internal */
  get stepping(): this {
    return this;
  }

  get signal(): AbortSignal {
    let controller = this.#abortController;
    const error = this.#onItsWay ?? this.#due;
    // A cancellation that has been thrown in is over: what the task does from then on gets a signal of its own.
    if (controller === null || (controller.signal.aborted && error === null && !this.done())) {
      controller = new AbortController();
      this.#abortController = controller;
    }
    if (error !== null) controller.abort(error);
    return controller.signal;
  }

  override setResult(): never {
    throw new StateError('ERR_TASK_OUTCOME', 'Cannot set the result of a task: its coroutine does');
  }

  override setException(): never {
    throw new StateError('ERR_TASK_OUTCOME', 'Cannot set the exception of a task: its coroutine does');
  }

  /**
   * Throws a CancelledError into the coroutine where it waits. False if the task is done.
   *
   * The task is not cancelled by that alone: the coroutine may clean up first, or catch the error and go on. One that has
   * not begun begins, and meets the error at its first wait.
   *
   * @param reason becomes `CancelledError.reason`, here and in what the task waits for
   */
  override cancel(reason?: unknown): boolean {
    if (this.done()) {
      this.markRetrieved();
      return false;
    }
    return this.cancelBy(new CancelledError(reason));
  }

  /** @internal As `cancel`, as a part of the cancellation of something else, with the error of that. */
  cancelBy(error: CancelledError): boolean {
    if (this.done()) {
      this.markRetrieved();
      return false;
    }
    this.#cancelRequests++;
    this.requestCancel(passedOn(error));
    return true;
  }

  cancelling(): number {
    return this.#cancelRequests;
  }

  uncancel(): number {
    if (this.#cancelRequests > 0 && --this.#cancelRequests === 0) {
      if (this.#due?.scope === null) this.#due = null;
      if (this.#overtaken !== null) this.#due = outermost(this.#due, this.#overtaken);
      this.#overtaken = null;
      if (this.#held?.scope === null) this.#held = null;
      this.#keepThrown(({ error }) => error.scope !== null);
    }
    return this.#cancelRequests;
  }

  /** @internal The common part of cancelling a task and of cancelling a scope of it. */
  requestCancel(error: CancelledError): void {
    requestCancel(this as Task<unknown>, error);
  }

  /** @internal See `requestCancel`. */
  answerCancel(error: CancelledError): void {
    if (this.done()) return;
    if (depthOf(error) < this.#shieldDepth) {
      this.#held = outermost(this.#held, error);
      return;
    }
    this.#abortController?.abort(error);
    if (this.asked !== null) {
      // What it waits for waits for it. No link of such a circle can end first, so this one lets go.
      this.#letGo(this.asked as Future<unknown> | AsyncWait);
      return;
    }
    let agreed = false;
    setAsking(this as Task<unknown>);
    try {
      if (this.#waiter !== null) agreed = this.#asks(this.#waiter, error);
      if (this.#wait !== null) agreed = this.#asks(this.#wait, error) || agreed;
      // Asking one wait can end others, so ask a copy.
      if (this.#moreWaits !== null)
        for (const wait of [...this.#moreWaits]) agreed = this.#asks(wait, error) || agreed;
    } finally {
      this.asked = null;
      setAsking(null);
    }
    if (agreed) this.#onItsWay = outermost(this.#onItsWay, error);
    else this.#makeDue(error);
  }

  #makeDue(error: CancelledError): void {
    const before = this.#due;
    this.#due = outermost(before, error);
    this.#giveWay(this.#due === error ? before : error);
  }

  #giveWay(error: CancelledError | null): void {
    if (error !== null && error.scope !== null) this.#overtaken = outermost(this.#overtaken, error);
  }

  #asks(wait: Future<unknown> | AsyncWait, error: CancelledError): boolean {
    this.asked = wait;
    return wait instanceof Future ? wait.giveUp(error) : wait.cancel(error);
  }

  /** Ends the wait as if what is waited for had been cancelled. */
  #letGo(wait: Future<unknown> | AsyncWait): void {
    const ended = new Future<never>({ loop: this.loop });
    ended.cancel();
    if (wait instanceof Future) {
      wait.removeWaiter(this);
      this.#waitFor(ended);
    } else {
      wait.waitForInstead(ended);
    }
  }

  /** @internal Withdraws a cancellation of `scope` that was not delivered. */
  withdrawCancel(scope: object): void {
    if (this.#due?.scope === scope) this.#due = null;
    if (this.#overtaken?.scope === scope) this.#overtaken = null;
  }

  /**
   * @internal Takes the cancellation from outside a scope that has ended by its own, if there is one: it is due, or was thrown
   * in before the scope's own, which has come out of the cleaning up in its place.
   */
  takeCancelOutside(scope: CancellableRegion): CancelledError | null {
    const hidden = this.takeHidden(scope);
    const due = this.#due;
    if (due === null || depthOf(due) >= scope.depth) return hidden;
    this.#due = null;
    return outermost(hidden, due);
  }

  /** @internal As `takeCancelOutside`, what was thrown in only. */
  takeHidden(scope: CancellableRegion): CancelledError | null {
    const { hidden } = scope;
    scope.hidden = null;
    // Taken back meanwhile?
    return hidden?.scope === null && this.#cancelRequests === 0 ? null : hidden;
  }

  /** @internal The scope is the innermost no more. */
  leaveScope({ depth }: CancellableRegion): void {
    this.scopes = depth - 1;
    if (this.#thrown === null) return;
    for (const thrown of this.#thrown) thrown.depth = Math.min(thrown.depth, depth - 1);
    this.#keepThrown((thrown) => thrown.depth > depthOf(thrown.error));
  }

  #keepThrown(which: (thrown: { readonly error: CancelledError; depth: number }) => boolean): void {
    if (this.#thrown === null) return;
    const kept = this.#thrown.filter(which);
    this.#thrown = kept.length === 0 ? null : kept;
  }

  /** The error is thrown in, and scopes are open: a scope's own must not hide for good what is meant for all. */
  #throws(error: CancelledError): void {
    const depth = depthOf(error);
    for (const thrown of this.#thrown ?? []) {
      if (depth <= depthOf(thrown.error) || depth > thrown.depth) continue;
      const scope = error.scope as CancellableRegion;
      scope.hidden = outermost(scope.hidden, thrown.error);
    }
    if (this.scopes <= depth || this.#thrown?.some((thrown) => thrown.error === error)) return;
    this.#thrown ??= [];
    this.#thrown.push({ error, depth: this.scopes });
  }

  /** @internal A wait ends cancelled, as was asked or by itself: what is due besides is thrown with that, as one. */
  takeCancelWith(asked: CancelledError | null): CancelledError | null {
    const error = outermost(asked, this.#due);
    if (error !== asked) this.#giveWay(asked);
    else if (error !== this.#due) this.#giveWay(this.#due);
    this.#due = null;
    if (error !== null && this.scopes > 0) this.#throws(error);
    return error;
  }

  /** @internal Lets a cancellation that was caught, or that nobody was told of, arrive at the next wait. */
  renewCancel(error: CancelledError): void {
    // It has come back; that other waits end meanwhile is nothing to it.
    if (this.#onItsWay === error) this.#onItsWay = null;
    if (depthOf(error) < this.#shieldDepth) this.#held = outermost(this.#held, error);
    else this.#due = outermost(this.#due, error);
  }

  /**
   * @internal From now on cancellations from outside the scope of that depth are held back (0: none are); those that
   * were, and are no longer, are due. Returns the depth before.
   */
  shieldFrom(depth: number): number {
    const before = this.#shieldDepth;
    this.#shieldDepth = depth;
    const due = this.#due;
    const held = this.#held;
    this.#due = null;
    this.#held = null;
    if (due !== null) this.renewCancel(due);
    if (held !== null) this.renewCancel(held);
    return before;
  }

  override giveUp(error: CancelledError): boolean {
    return this.cancelBy(error);
  }

  override get endedUntold(): boolean {
    return (this.#due ?? this.#held) !== null && this.done() && !this.cancelled();
  }

  /** @internal What is due strikes all waits that begin before the first of them has ended: `Promise.all` begins several. */
  waitBegins(wait: AsyncWait): void {
    this.#waitingSince = roughTime(this.loop);
    if (this.#wait === null) {
      this.#wait = wait;
    } else {
      this.#moreWaits ??= new Set();
      this.#moreWaits.add(wait);
    }
    if (this.#due !== null && wait.cancel(this.#due)) this.#onItsWay = this.#due;
  }

  /** @internal */
  waitEnds(wait: AsyncWait): void {
    if (this.#wait === wait) this.#wait = null;
    else if (this.#moreWaits?.delete(wait) !== true) return;
    if (this.#due === this.#onItsWay) this.#due = null;
    if (this.#wait === null && (this.#moreWaits === null || this.#moreWaits.size === 0))
      this.#onItsWay = null;
  }

  /** @internal */
  override awaiting(): Awaiting {
    const of: unknown[] = [];
    // An `async` body's own waits tell more than that its end is waited for.
    if (this.#wait !== null) of.push(this.#wait.awaited);
    for (const wait of this.#moreWaits ?? []) of.push(wait.awaited);
    if (of.length === 0 && this.#waiter !== null) of.push(this.#waiter);
    return { what: 'task', of };
  }

  /** @internal In the loop's time, late by some turns at most: since when it waits; before its first wait, since it is there. */
  get waitingSince(): number {
    return this.#waitingSince;
  }

  /** @internal The generator that is stepped; null: there is none yet, or the task is an `async` function's, or has ended. */
  get generator(): CoroutineBody<T> | null {
    return this.#body;
  }

  /** @internal Its code is an `async` function's, which may wait for what nobody tells us of. */
  get isAsync(): boolean {
    return this.#async;
  }

  /** What the code that has ended waited for besides is nobody's wait any more. */
  #dropWaits(): void {
    this.#wait = null;
    this.#moreWaits = null;
  }

  /** @internal One step: the loop calls it when the task is to start or what it waited for is done. */
  run(): void {
    if (this.done()) return;
    const waiter = this.#waiter;
    this.#waiter = null;
    let error: Error | null = this.#mistake;
    if (error !== null) {
      this.#mistake = null;
    } else if (!this.#begun) {
      // Also if it is cancelled already: that is thrown at the first wait, inside what is to clean up.
      this.#begun = true;
    } else if (waiter === null) {
      error = this.takeCancelWith(null);
    } else {
      const onItsWay = this.#onItsWay;
      this.#onItsWay = null;
      // An `async` body may have left some: `Promise.race` does not end the waits that lost.
      this.#dropWaits();
      if (waiter.cancelled()) {
        error = this.takeCancelWith(onItsWay);
      } else if (onItsWay !== null && waiter.endedUntold) {
        this.renewCancel(onItsWay);
      }
    }

    if (this.#body === null) this.#callSource();
    else this.#step(this.#body, error);
  }

  #step(body: CoroutineBody<T>, error: Error | null): void {
    const previous = enterFrame(this);
    let step: IteratorResult<Suspension, T>;
    try {
      step = error === null ? body.next() : body.throw(error);
    } catch (exception) {
      this.#failed(exception);
      return;
    } finally {
      leaveContext(previous);
    }
    if (step.done) this.#returned(step.value);
    else this.#suspend(step.value);
  }

  #suspend(on: Suspension): void {
    if (on === undefined) {
      this.loop.enqueue(this);
    } else if (on instanceof Future && on.awaited && on !== (this as unknown) && on.getLoop() === this.loop) {
      on.awaited = false;
      this.#waitFor(on);
    } else if (isFuture(on) && !(on instanceof Future) && on.getLoop() === this.loop) {
      this.#waitFor(new ForeignWait(on));
    } else {
      this.#mistake = this.#wrongSuspension(on);
      this.loop.enqueue(this);
    }
  }

  #waitFor(future: Future<unknown>): void {
    this.#waiter = future;
    this.#waitingSince = roughTime(this.loop);
    future.addWaiter(this);
    const due = this.#due;
    if (due !== null && future.giveUp(due)) {
      this.#due = null;
      this.#onItsWay = due;
    }
  }

  #wrongSuspension(on: unknown): StateError {
    const because = (why: string) =>
      new StateError('ERR_BAD_YIELD', `Cannot wait in task ${this.getName()}: ${why}`);
    if (!isFuture(on)) return because(`it yielded ${String(on)}, which nothing can be waited for by`);
    const awaited = on instanceof Future ? on.awaited : true;
    if (on instanceof Future) on.awaited = false;
    if ((on as unknown) === this) return because('it waits for itself');
    if (on.getLoop() !== this.loop) return because(`${String(on)} belongs to another loop`);
    if (!awaited) return because('it said `yield` for a future, which gives no result; say `yield*`');
    return because('what it yielded cannot be waited for');
  }

  /** First step of a task that was made of a function. */
  #callSource(): void {
    const source = this.#source as () => unknown;
    const previous = enterFrame(this);
    let made: unknown;
    try {
      made = isGeneratorFunction(source) ? source() : runOwnedBy(this as AsyncOwner, source);
    } catch (exception) {
      this.#failed(exception);
      return;
    } finally {
      leaveContext(previous);
    }
    if (isGenerator(made) || isWaitable(made)) {
      this.#body = (isGenerator(made) ? made : inline(made)) as CoroutineBody<T>;
      this.#step(this.#body, null);
    } else if (isThenable(made)) {
      // Through a promise, as a thenable may do what it likes.
      this.#async = true;
      Promise.resolve(made).then(
        (value) => this.#returned(value as T),
        (exception: unknown) => this.#failed(exception),
      );
    } else {
      this.#failed(
        new TypeError(
          `Cannot run task ${this.getName()}: the function returned nothing that can be waited for`,
        ),
      );
    }
  }

  #returned(value: T): void {
    if (this.done()) return;
    this.#ended();
    this.fulfil(value);
    if (observer !== null) observer.taskEnded(this as Task<unknown>);
  }

  #failed(exception: unknown): void {
    if (this.done()) return;
    this.#ended();
    const cancellation = cancellationIn(exception);
    if (cancellation !== null) this.settleCancelled(cancellation.reason, cancellation);
    else this.fail(exception);
    if (observer !== null) observer.taskEnded(this as Task<unknown>);
  }

  #ended(): void {
    strikeOff(this as Task<unknown>);
    if (this.#source !== this.#body) this.#sourceName = nameOf(this.#source);
    this.#body = null;
    this.#source = null;
    this.#dropWaits();
  }

  protected override watchException(exception: unknown): LostException {
    return reportUnlessAwaited(this, exception, this.lossMessage(), { task: this as Task<unknown> });
  }

  protected override lossMessage(): string {
    return `Exception in task ${this.getName()} was never retrieved`;
  }

  override shortName(): string {
    return this.getName();
  }

  override toString(): string {
    const outcome = this.describeOutcome();
    const asked = outcome.state === 'pending' && (this.#cancelRequests > 0 || this.#due !== null);
    const name = this.#sourceName || nameOf(this.#source);
    const details = [`name=${JSON.stringify(this.getName())}`];
    if (name !== '') details.push(`coroutine=${name}`);
    if (this.#waiter !== null) details.push(`waitFor=${this.#waiter.shortName()}`);
    return describeFuture(this, asked ? { state: 'cancelling' } : outcome, details);
  }
}

function nameOf(source: unknown): string {
  const name = (source as { name?: unknown } | null)?.name;
  return typeof name === 'string' ? name : '';
}

/** Waits inside the present task for whatever can be waited for. */
export function* inline<T>(waitable: Waitable<T>): CoroutineBody<T> {
  return yield* waitable;
}

/** The generator to step; null: the function `source` has yet to be called. */
function bodyOf<T>(source: TaskSource<T>): CoroutineBody<T> | null {
  if (source instanceof Coroutine) return source.take() as CoroutineBody<T>;
  if (isGenerator(source)) return source as CoroutineBody<T>;
  if (typeof source === 'function') return null;
  throw new TypeError(
    'Cannot create a task: not a coroutine, a generator, or a function that gives one (call an async function inside a function)',
  );
}

function nextName(name: unknown): string | number {
  return name === undefined || name === null ? ++namesGiven : String(name);
}

/**
 * The task whose code this is: the one that is being stepped, or the one that drives the `async` function.
 *
 * @returns null in a plain callback
 */
export function currentTask(): Task<unknown> | null {
  return steppingTask() ?? (asyncOwner() as Task<unknown> | null);
}

/** The tasks of a loop that are not done. @throws {StateError} no loop was given and none runs */
export function allTasks(loop: EventLoop = getRunningLoop()): Set<Task<unknown>> {
  return new Set(tasksOf(loop));
}
