import { RunQueue, TimerHeap } from '../collections/index.ts';
import type { Driver, DriverHost, ExceptionContext, Operation, Runnable } from '../interface/index.ts';
import { LoopTimerHandle, type TimerOwner } from './handle.ts';

/** What the scheduler needs of the loop it is part of. */
export interface SchedulerOwner {
  callExceptionHandler(context: ExceptionContext): void;
  /** `what` took `duration` milliseconds; called in debug mode only, for those at or above the limit. */
  slowCallback(what: string, duration: number): void;
  slowCallbackDuration: number;
}

/** Who looks at what runs. Its methods are called in the middle of turns and must not throw. */
export interface LoopObserver {
  /** @param now the loop's time */
  callbackBegins(runnable: Runnable, now: number): void;
  /** After the microtasks that it left. */
  callbackEnds(runnable: Runnable, now: number): void;
  /** A timer was set. */
  timerSet(timer: LoopTimerHandle): void;
  /** What has just run, in words for a person; null: this observer does not know. */
  nameOf(runnable: Runnable): string | null;
  /** In the middle of a callback, a transport is about to call this method of its protocol. */
  protocolCalled(transport: object, protocol: object, method: string): void;
  /** A transport was made, or a server has begun to listen. */
  opened(resource: object): void;
  /** It is gone. */
  closed(resource: object): void;
}

/** Who turns the scheduler learns here that there is something to do. Called outside turns only. */
export interface Turner {
  /** Something is queued. */
  turnWanted(): void;
  /** The earliest timer, or whether any keeps the host alive, has changed. */
  timersChanged(): void;
  /** Whether what is open in the driver keeps the host alive has changed. */
  refsChanged(): void;
  /** The driver has another descriptor to watch, and closes the one before right after this. Called in turns too. */
  pollDescriptorChanged(): void;
  /** Turn now, with `callback(argument)` as an I/O callback. */
  turnNow<A>(callback: (argument: A) => void, argument: A): void;
}

/** Has tasks go on in another order than that in which they became ready. */
export interface TaskOrder {
  /** Whether a task goes on when this runs: only these change places. */
  isStep(runnable: Runnable): boolean;
  /**
   * Which of these, two at least and the oldest first, runs next, by its place among them. Called in the middle of turns and
   * must not throw.
   */
  choose(candidates: readonly Runnable[]): number;
}

/** Among how many is chosen, at most. */
const choiceDepth = 16;

/**
 * Runs what microtasks wait (promise reactions); how depends on the runtime. What it throws is not the loop's to catch:
 * it ends the turn and goes to the host.
 */
export type DrainMicrotasks = () => void;

/** An async context to call back in: an `AsyncResource` has this shape. */
export interface AsyncScope {
  runInAsyncScope(callback: () => void, receiver: object): void;
}

/**
 * Decides what runs next. It knows no kernel and no clock but its driver's.
 *
 * One turn: what was queued before, then I/O, then due timers, and of these only what was there when the turn began;
 * what they queue waits for the next turn. Microtasks are drained after every callback, so that an `async` function goes
 * on before the next callback runs, as it would on the host's own loop.
 */
export class Scheduler implements DriverHost, TimerOwner {
  debug = false;
  /** turns begun so far */
  turns = 0;
  turner: Turner | null = null;
  observer: LoopObserver | null = null;
  /** null: first in, first out; looked at when a turn begins */
  order: TaskOrder | null = null;
  /** where callbacks run; null: where the turn does, which is faster */
  scope: AsyncScope | null = null;
  /** called before the host, or the driver, may wait, and after */
  readonly prepare = new Set<Runnable>();
  readonly check = new Set<Runnable>();
  #queue = new RunQueue();
  readonly #timers = new TimerHeap<LoopTimerHandle>();
  readonly #driver: Driver;
  readonly #owner: SchedulerOwner;
  readonly #drainMicrotasks: DrainMicrotasks;
  #inTurn = false;
  #refdTimers = 0;

  constructor(driver: Driver, owner: SchedulerOwner, drainMicrotasks: DrainMicrotasks) {
    this.#driver = driver;
    this.#owner = owner;
    this.#drainMicrotasks = drainMicrotasks;
  }

  /** True where `dispatch` queues, and so cannot pass a borrowed buffer along: also while nobody turns the loop. */
  get inTurn(): boolean {
    return this.#inTurn || this.turner === null;
  }

  /** Things queued to run. */
  get queued(): number {
    return this.#queue.length;
  }

  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Due time of the earliest timer, Infinity if there is none. */
  get earliestTimer(): number {
    return this.#timers.earliest;
  }

  /** True while a pending timer keeps the host alive. */
  get hasRefdTimers(): boolean {
    return this.#refdTimers > 0;
  }

  /** The timers that are pending, the next one first. */
  get timers(): LoopTimerHandle[] {
    const timers: LoopTimerHandle[] = [];
    this.#timers.forEach((timer) => void timers.push(timer));
    return timers.sort((a, b) => a.when() - b.when());
  }

  now(): number {
    return this.#driver.now();
  }

  enqueue(runnable: Runnable): void {
    this.#queue.push(runnable);
    if (!this.#inTurn) this.turner?.turnWanted();
  }

  dispatch<A>(callback: (argument: A) => void, argument: A): void {
    if (this.#inTurn || this.turner === null) this.enqueue(new Dispatch(callback, argument));
    else this.turner.turnNow(callback, argument);
  }

  callLater(delay: number, callback: () => void): Operation {
    const timer = new LoopTimerHandle(this, this.now() + delay, callback, []).unref();
    this.insertTimer(timer);
    return timer;
  }

  refsChanged(): void {
    if (!this.#inTurn) this.turner?.refsChanged();
  }

  pollDescriptorChanged(): void {
    this.turner?.pollDescriptorChanged();
  }

  report(context: ExceptionContext): void {
    this.#owner.callExceptionHandler(context);
  }

  insertTimer(timer: LoopTimerHandle): void {
    timer.id = this.#timers.insert(timer.when(), timer);
    if (timer.hasRef()) this.#refdTimers++;
    if (this.observer !== null) this.observer.timerSet(timer);
    if (!this.#inTurn) this.turner?.timersChanged();
  }

  removeTimer(timer: LoopTimerHandle): void {
    this.#timers.remove(timer.id);
    this.#left(timer);
    if (!this.#inTurn) this.turner?.timersChanged();
  }

  timerRefChanged(timer: LoopTimerHandle): void {
    this.#refdTimers += timer.hasRef() ? 1 : -1;
    if (!this.#inTurn) this.turner?.timersChanged();
  }

  /** Lets the driver wait, as `Driver.wait` does, and queue what has completed. */
  poll(timeout: number | null): void {
    this.#inTurn = true;
    try {
      this.#driver.wait(timeout);
    } finally {
      this.#inTurn = false;
    }
  }

  /** One turn. With a callback, that is the I/O of this turn; otherwise the driver has queued it in a wait. */
  runTurn<A>(callback?: (argument: A) => void, argument?: A): void {
    this.turns++;
    this.#inTurn = true;
    const queue = this.#queue;
    if (callback !== undefined) queue.push(new Dispatch(callback, argument as A));
    if (this.#timers.size > 0) this.#queueDueTimers();
    const { order } = this;
    try {
      for (let left = queue.length; left > 0; left--) {
        if (order !== null) chooseNext(queue, left, order);
        const runnable = queue.shift();
        // A callback may have cleared the queue by closing the loop.
        if (runnable === undefined) break;
        this.#run(runnable);
      }
    } finally {
      this.#inTurn = false;
    }
  }

  /** Calls the hooks of hosts that embed this loop, as a part of the turn before or behind them. */
  runHooks(hooks: ReadonlySet<Runnable>): void {
    this.#inTurn = true;
    try {
      for (const hook of [...hooks]) if (hooks.has(hook)) this.#run(hook);
    } finally {
      this.#inTurn = false;
    }
  }

  clear(): void {
    this.#queue.clear();
    this.#timers.forEach((timer) => {
      timer.id = -1;
    });
    this.#timers.clear();
    this.#refdTimers = 0;
  }

  /** Runs nothing any more, whatever is queued: also not the rest of the turn that is under way. */
  abandon(): void {
    this.clear();
    this.prepare.clear();
    this.check.clear();
    this.turner = null;
    this.observer = null;
    // A turn takes from the one it began with.
    this.#queue = new RunQueue();
  }

  #run(runnable: Runnable): void {
    if (this.debug || this.observer !== null) this.#callTimed(runnable);
    else this.#call(runnable);
  }

  #call(runnable: Runnable): void {
    try {
      if (this.scope === null) runnable.run();
      else this.scope.runInAsyncScope(runnable.run, runnable);
    } catch (exception) {
      this.report({ message: 'Exception in a callback of the loop', exception });
    }
    this.#drainMicrotasks();
  }

  #callTimed(runnable: Runnable): void {
    const start = this.#driver.now();
    this.observer?.callbackBegins(runnable, start);
    this.#call(runnable);
    const end = this.#driver.now();
    this.observer?.callbackEnds(runnable, end);
    const duration = end - start;
    if (this.debug && duration >= this.#owner.slowCallbackDuration) {
      const name = this.observer?.nameOf(runnable) ?? describeRunnable(runnable);
      this.#owner.slowCallback(name, duration);
    }
  }

  #queueDueTimers(): void {
    const now = this.#driver.now();
    while (this.#timers.earliest <= now) {
      const timer = this.#timers.shift();
      this.#left(timer);
      this.#queue.push(timer);
    }
  }

  #left(timer: LoopTimerHandle): void {
    timer.id = -1;
    if (timer.hasRef()) this.#refdTimers--;
  }
}

/**
 * If the next one is the step of a task, has it chosen among those that follow one another at the head of this turn. None
 * passes a callback: a future calls those back in order who wait for it, tasks and callbacks, and what was queued behind
 * those that an error is told to reports it if none of them has asked.
 */
function chooseNext(queue: RunQueue, left: number, order: TaskOrder): void {
  const candidates: Runnable[] = [];
  const depth = Math.min(left, choiceDepth);
  for (let place = 0; place < depth; place++) {
    const runnable = queue.at(place);
    if (runnable === undefined || !order.isStep(runnable)) break;
    candidates.push(runnable);
  }
  if (candidates.length < 2) return;
  const place = order.choose(candidates);
  if (place > 0) queue.advance(place);
}

/** The text form of what has run, or else its class; never throws. */
export function describeRunnable(runnable: Runnable): string {
  let text = '[object Object]';
  try {
    text = String(runnable);
  } catch {
    // Somebody's own `toString`: not worth a turn.
  }
  return text === '[object Object]' ? `<${runnable.constructor?.name ?? 'callback'}>` : text;
}

/** An I/O callback in the queue. */
class Dispatch<A> implements Runnable {
  readonly #callback: (argument: A) => void;
  readonly #argument: A;

  constructor(callback: (argument: A) => void, argument: A) {
    this.#callback = callback;
    this.#argument = argument;
  }

  run(): void {
    this.#callback(this.#argument);
  }

  toString(): string {
    return `<I/O ${this.#callback.name || 'callback'}>`;
  }
}
