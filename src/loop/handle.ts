import type {
  Context as ContextInterface,
  ExceptionContext,
  Handle,
  Runnable,
  TimerHandle,
} from '../interface/index.ts';
import { Context, currentContext, enterContext, leaveContext, ownContext } from './context.ts';
import { RecordedStack } from './recorded-stack.ts';

// biome-ignore lint/suspicious/noExplicitAny: whatever the caller gave, with the arguments it gave for it
export type Callback = (...args: any[]) => void;

/** What a handle needs of the scheduler that runs it. */
export interface HandleOwner {
  report(context: ExceptionContext): void;
  readonly debug: boolean;
}

export interface TimerOwner extends HandleOwner {
  insertTimer(timer: LoopTimerHandle): void;
  removeTimer(timer: LoopTimerHandle): void;
  timerRefChanged(timer: LoopTimerHandle): void;
  now(): number;
}

/**
 * Callbacks without a context of their own share this box: they run one after the other, each finds in it the values
 * captured for it, and what it sets is gone with it. Saves an object for every callback.
 */
const scratch = new Context();

export class LoopHandle implements Handle, Runnable {
  protected readonly owner: HandleOwner;
  protected callback: Callback | null;
  protected args: unknown[];
  readonly #context: Context | null;
  readonly #values: Context['values'];
  #cancelled = false;
  /** where it was made, in debug mode */
  readonly #trace: RecordedStack | undefined;
  /** kept for the text form, as the callback itself is dropped */
  #label: string | undefined;

  constructor(
    owner: HandleOwner,
    callback: Callback,
    args: unknown[],
    context: ContextInterface | undefined,
  ) {
    this.owner = owner;
    this.callback = callback;
    this.args = args;
    this.#context = context === undefined ? null : ownContext(context);
    this.#values = (this.#context ?? currentContext()).values;
    if (owner.debug) {
      this.#trace = new RecordedStack(this.constructor as new (...args: never[]) => unknown);
      this.#label = callback.name;
    }
  }

  cancel(): void {
    // Without a callback it has been cancelled before, or has run and so was not cancelled.
    if (this.callback === null) return;
    this.#cancelled = true;
    this.callback = null;
    this.args = [];
    this.#trace?.drop();
  }

  cancelled(): boolean {
    return this.#cancelled;
  }

  getContext(): Context {
    return this.#context ?? new Context(this.#values);
  }

  /** @internal What it is going to call; null: nothing any more. */
  get call(): { readonly callback: Callback; readonly args: readonly unknown[] } | null {
    return this.callback === null ? null : { callback: this.callback, args: this.args };
  }

  /** @internal Of what it calls, or has called, as far as that is known; '' otherwise. */
  get callbackName(): string {
    return this.callback?.name || this.#label || '';
  }

  /** Calls back once. A cancelled handle does nothing. */
  run(): void {
    const { callback, args } = this;
    if (callback === null) return;
    this.callback = null;
    this.args = [];
    if (this.owner.debug) this.#label = callback.name;
    this.invoke(callback, args);
    this.#trace?.drop();
  }

  /** False if it threw, which is reported. */
  protected invoke(callback: Callback, args: unknown[]): boolean {
    const context = this.#context ?? scratch;
    if (context === scratch) scratch.values = this.#values;
    const previous = enterContext(context);
    try {
      if (args.length === 0) callback();
      else callback(...args);
      return true;
    } catch (exception) {
      this.owner.report({
        message: `Exception in callback ${callback.name || '(anonymous)'}`,
        exception,
        handle: this,
        ...(this.#trace === undefined ? {} : { sourceTrace: this.#trace.text }),
      });
      return false;
    } finally {
      leaveContext(previous);
    }
  }

  toString(): string {
    const name = this.callbackName || '(anonymous)';
    return `<${this.constructor.name}${this.#cancelled ? ' cancelled' : ''} ${name}>`;
  }
}

/** A pending timer is in the heap under `id`; -1 otherwise. */
export class LoopTimerHandle extends LoopHandle implements TimerHandle {
  declare protected readonly owner: TimerOwner;
  /** @internal place in the timer heap */
  id = -1;
  protected due: number;
  #ref = true;

  constructor(
    owner: TimerOwner,
    when: number,
    callback: Callback,
    args: unknown[],
    context?: ContextInterface,
  ) {
    super(owner, callback, args, context);
    this.due = when;
  }

  when(): number {
    return this.due;
  }

  override cancel(): void {
    super.cancel();
    if (this.id !== -1) this.owner.removeTimer(this);
  }

  ref(): this {
    return this.#setRef(true);
  }

  unref(): this {
    return this.#setRef(false);
  }

  hasRef(): boolean {
    return this.#ref;
  }

  #setRef(ref: boolean): this {
    if (this.#ref !== ref) {
      this.#ref = ref;
      if (this.id !== -1) this.owner.timerRefChanged(this);
    }
    return this;
  }
}

/** Due again one interval after each call has ended. */
export class RepeatingTimerHandle extends LoopTimerHandle {
  readonly #interval: number;

  constructor(owner: TimerOwner, interval: number, callback: Callback, args: unknown[]) {
    super(owner, owner.now() + interval, callback, args);
    this.#interval = interval;
  }

  override run(): void {
    const { callback, args } = this;
    if (callback === null) return;
    if (!this.invoke(callback, args)) this.cancel();
    if (this.cancelled()) return;
    this.due = this.owner.now() + this.#interval;
    this.owner.insertTimer(this);
  }
}
