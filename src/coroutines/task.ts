import {
  CancelledError,
  type EventLoop,
  type ExceptionContext,
  StateError,
  type Suspension,
  type Task as TaskInterface,
  type TaskOptions,
  type TaskSource,
} from '../interface/index.ts';
import {
  type AsyncOwner,
  asyncOwner,
  type Context,
  copyContext,
  enterContext,
  getRunningLoop,
  leaveContext,
  type OwnedWait,
  ownContext,
  runOwnedBy,
  traceHere,
} from '../loop/index.ts';
import { Coroutine, type CoroutineBody } from './coroutine.ts';
import { describeFuture } from './describe.ts';
import { Future, isFuture } from './future.ts';
import { type LostException, reportUnlessAwaited } from './lost-exception.ts';
import { enterStep, leaveStep, registryOf, steppingTask } from './task-registry.ts';

const GeneratorFunction = Object.getPrototypeOf(function* () {}).constructor as new () => unknown;

let namesGiven = 0;

/** A region of a task that can be cancelled as one. The deeper, the further inside. */
export interface CancellableRegion {
  readonly depth: number;
}

/**
 * A future that drives a coroutine: a generator by stepping it, an `async` function by knowing what it awaits.
 *
 * How a cancellation travels. `cancel` makes one error and asks what the task waits for to give up. If that agrees, the
 * error is on its way (`#onItsWay`) and is thrown in when the wait ends cancelled; if the wait ends with an outcome
 * after all, the outcome stands, as the awaited one has chosen. If there is nothing to ask, or it is over already, the
 * error is due (`#due`) and thrown in at the next wait: a result that is on its way to the task is delivered first and
 * never lost. Of several errors the one of the outermost scope is kept, because the scopes inside end with it.
 *
 * @see PEP 3156, "Tasks"; asyncio.Task, whose contract `cancel`, `uncancel` and `cancelling` keep
 */
export class Task<T> extends Future<T> implements TaskInterface<T>, AsyncOwner {
  readonly #context: Context;
  readonly #trace: string | undefined;
  /** a number until somebody asks for the text */
  #name: string | number;
  #source: TaskSource<T> | null;
  #body: CoroutineBody<T> | null = null;
  /** what the generator waits for */
  #waiter: Future<unknown> | null = null;
  /** what the `async` function waits for; several, if it waits for several at once */
  #waits: OwnedWait[] = [];
  #onItsWay: CancelledError | null = null;
  #due: CancelledError | null = null;
  /** a mistake of the coroutine's that it is to hear of at its next step */
  #mistake: Error | null = null;
  #cancelRequests = 0;
  #abortController: AbortController | null = null;
  /** @internal how many scopes of this task are open */
  scopes = 0;

  /** Made by `loop.createTask`. @throws {TypeError} nothing a task can drive */
  constructor(source: TaskSource<T>, options: TaskOptions & { loop: EventLoop }) {
    super(options);
    if (!isTaskSource(source)) {
      throw new TypeError(
        'Cannot create a task: not a coroutine, a generator, or a function that gives one (call an async function inside a function)',
      );
    }
    this.#source = source;
    if (source instanceof Coroutine) this.#body = source.take() as CoroutineBody<T>;
    else if (typeof source !== 'function') this.#body = source as CoroutineBody<T>;
    this.#context = options.context === undefined ? copyContext() : ownContext(options.context);
    const name = options.name ?? null;
    this.#name = name === null ? ++namesGiven : String(name);
    if (this.loop.getDebug()) this.#trace = traceHere(Task as new (...args: never[]) => unknown);
    const eager = options.eagerStart === true && this.loop.isRunning();
    // A closed loop refuses here, before anything remembers the task.
    if (!eager) this.loop.enqueue(this);
    registryOf(this.loop).add(this as Task<unknown>);
    if (eager) this.run();
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
    return this.#context;
  }

  /** Where the code of an `async` function runs; null once the task has ended. */
  get asyncContext(): Context | null {
    return this.done() ? null : this.#context;
  }

  get signal(): AbortSignal {
    if (this.#abortController === null) {
      this.#abortController = new AbortController();
      const error = this.#onItsWay ?? this.#due;
      if (error !== null) this.#abortController.abort(error);
    }
    return this.#abortController.signal;
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
   * The task is not cancelled by that alone: the coroutine may clean up first, or catch the error and go on.
   *
   * @param reason becomes `CancelledError.reason`, here and in what the task waits for
   */
  override cancel(reason?: unknown): boolean {
    if (this.done()) {
      this.markRetrieved();
      return false;
    }
    this.#cancelRequests++;
    this.requestCancel(new CancelledError(reason));
    return true;
  }

  cancelling(): number {
    return this.#cancelRequests;
  }

  uncancel(): number {
    if (this.#cancelRequests > 0 && --this.#cancelRequests === 0 && this.#due?.scope === null)
      this.#due = null;
    return this.#cancelRequests;
  }

  /** @internal The common part of cancelling a task and of cancelling a scope of it. */
  requestCancel(error: CancelledError): void {
    this.#abortController?.abort(error);
    let agreed = false;
    // Asking one wait can end others, so ask a copy.
    for (const wait of [...this.#waits]) agreed = wait.cancel(error) || agreed;
    if (!agreed && this.#waiter !== null) agreed = this.#waiter.giveUp(error);
    if (agreed) this.#onItsWay = outermost(this.#onItsWay, error);
    else this.#due = outermost(this.#due, error);
  }

  /** @internal Withdraws a cancellation of `scope` that was not delivered. */
  withdrawCancel(scope: object): void {
    if (this.#due?.scope === scope) this.#due = null;
  }

  /** @internal Takes the cancellation that is due and comes from outside a scope of that depth, if there is one. */
  takeCancelOutside(scope: CancellableRegion): CancelledError | null {
    const due = this.#due;
    if (due === null || depthOf(due) >= scope.depth) return null;
    this.#due = null;
    return due;
  }

  /** @internal Lets a cancellation that was caught arrive once more, at the next wait. */
  renewCancel(error: CancelledError): void {
    this.#due = outermost(this.#due, error);
  }

  override giveUp(error: CancelledError): boolean {
    return this.cancel(error.reason);
  }

  waitBegins(wait: OwnedWait): CancelledError | null {
    const due = this.#due;
    this.#due = null;
    if (due === null) this.#waits.push(wait);
    return due;
  }

  waitEnds(wait: OwnedWait): void {
    const index = this.#waits.indexOf(wait);
    if (index !== -1) this.#waits.splice(index, 1);
    if (this.#waits.length === 0) this.#onItsWay = null;
  }

  /** @internal One step: the loop calls it when the task is to start or what it waited for is done. */
  run(): void {
    if (this.done()) return;
    const waiter = this.#waiter;
    this.#waiter = null;
    let error: Error | null = this.#mistake;
    this.#mistake = null;
    if (error === null) {
      if (waiter?.cancelled()) {
        error = outermost(this.#onItsWay, this.#due);
        if (error !== null) this.#due = null;
      } else if (waiter === null) {
        error = this.#due;
        this.#due = null;
      }
    }
    if (waiter !== null) this.#onItsWay = null;

    if (this.#body === null) this.#callSource(error);
    else this.#step(this.#body, error);
  }

  #step(body: CoroutineBody<T>, error: Error | null): void {
    const previousContext = enterContext(this.#context);
    const previousTask = enterStep(this);
    let step: IteratorResult<Suspension, T>;
    try {
      step = error === null ? body.next() : body.throw(error);
    } catch (exception) {
      this.#failed(exception);
      return;
    } finally {
      leaveStep(previousTask);
      leaveContext(previousContext);
    }
    if (step.done) this.#returned(step.value);
    else this.#suspend(step.value);
  }

  #suspend(on: Suspension): void {
    if (on === undefined) {
      this.loop.enqueue(this);
    } else if (on instanceof Future && on.awaited && on !== (this as unknown) && on.getLoop() === this.loop) {
      on.awaited = false;
      this.#waiter = on;
      on.addWaiter(this);
      const due = this.#due;
      if (due !== null && on.giveUp(due)) {
        this.#due = null;
        this.#onItsWay = due;
      }
    } else if (isFuture(on) && !(on instanceof Future) && on.getLoop() === this.loop) {
      on.addDoneCallback(() => this.run(), { context: this.#context });
    } else {
      this.#mistake = this.#wrongSuspension(on);
      this.loop.enqueue(this);
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
  #callSource(error: Error | null): void {
    // Cancelled before it began: nothing runs, nothing is left to clean up.
    if (error !== null) {
      this.#failed(error);
      return;
    }
    const source = this.#source as () => unknown;
    const previousContext = enterContext(this.#context);
    const previousTask = enterStep(this);
    let made: unknown;
    try {
      made = source instanceof GeneratorFunction ? source() : runOwnedBy(this as AsyncOwner, source);
    } catch (exception) {
      this.#failed(exception);
      return;
    } finally {
      leaveStep(previousTask);
      leaveContext(previousContext);
    }
    if (made instanceof Coroutine || isGenerator(made) || isFuture(made)) {
      this.#body = (
        made instanceof Coroutine ? made.take() : isGenerator(made) ? made : waitFor(made)
      ) as CoroutineBody<T>;
      this.#step(this.#body, null);
    } else if (isThenable(made)) {
      made.then(
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
    // Asked to stop and never told: it ends cancelled, although it returned (asyncio's contract).
    if (this.#due !== null) this.settleCancelled(this.#due.reason, this.#due);
    else this.fulfil(value);
  }

  #failed(exception: unknown): void {
    if (this.done()) return;
    this.#ended();
    if (exception instanceof CancelledError) this.settleCancelled(exception.reason, exception);
    else this.fail(exception);
  }

  #ended(): void {
    registryOf(this.loop).delete(this);
    this.#body = null;
    this.#source = null;
    this.#waits = [];
  }

  protected override watchException(exception: unknown): LostException {
    const context: Partial<ExceptionContext> = {
      task: this as Task<unknown>,
      ...(this.#trace === undefined ? {} : { sourceTrace: this.#trace }),
    };
    const previous = enterContext(this.#context);
    try {
      return reportUnlessAwaited(
        this,
        exception,
        `Exception in task ${this.getName()} was never retrieved`,
        context,
      );
    } finally {
      leaveContext(previous);
    }
  }

  override toString(): string {
    const outcome = this.describeOutcome();
    const asked = outcome.state === 'pending' && (this.#cancelRequests > 0 || this.#due !== null);
    const name = this.#sourceName();
    const details = [`name=${JSON.stringify(this.getName())}`];
    if (name !== '') details.push(`coroutine=${name}`);
    if (this.#waiter !== null)
      details.push(`waitFor=<${this.#waiter.constructor.name} ${this.#waiter.describeOutcome().state}>`);
    return describeFuture(this, asked ? { state: 'cancelling' } : outcome, details);
  }

  #sourceName(): string {
    const source = this.#source as { name?: unknown } | null;
    return typeof source?.name === 'string' ? source.name : '';
  }
}

function depthOf(error: CancelledError): number {
  return (error.scope as CancellableRegion | null)?.depth ?? 0;
}

function outermost(a: CancelledError | null, b: CancelledError | null): CancelledError | null {
  if (a === null || b === null) return a ?? b;
  return depthOf(b) < depthOf(a) ? b : a;
}

function* waitFor<T>(future: Iterable<unknown, T, unknown>): Generator<unknown, T, unknown> {
  return yield* future;
}

function isTaskSource(source: unknown): boolean {
  return typeof source === 'function' || source instanceof Coroutine || isGenerator(source);
}

/** @internal */
export function isGenerator(value: unknown): value is CoroutineBody<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Partial<Generator>).next === 'function' &&
    typeof (value as Partial<Generator>).throw === 'function' &&
    typeof (value as Partial<Generator>)[Symbol.iterator] === 'function'
  );
}

/** @internal */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
    typeof (value as { then?: unknown }).then === 'function'
  );
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
  return new Set(registryOf(loop));
}
