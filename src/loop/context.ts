import { type Context as ContextInterface, StateError } from '../interface/index.ts';
import { asyncOwner } from './async-context.ts';

// A context is a box around an immutable map. Copying one copies a pointer; setting a variable replaces the map. What
// is current is a module variable that callbacks and steps swap; in a microtask of an `async` function nothing of ours
// is on the stack, the variable is null, and async context tells whose code it is. One variable says both which context
// that is and whose step: to store a young object in an old place costs 5 ns.

type Values = ReadonlyMap<ContextVar<unknown>, unknown>;

const noValues: Values = new Map();

/** Code that runs: whose step it is, and in which context. */
export interface Frame {
  /** @internal */
  readonly context: Context;
  /** @internal null: it is no task's step, but a callback */
  readonly stepping: object | null;
}

/** @see PEP 567, `contextvars.Context` */
export class Context implements ContextInterface, Frame {
  /** @internal */
  values: Values;
  #entered = false;

  /** An empty context; `copyContext` gives one with the current values. */
  constructor(values: Values = noValues) {
    this.values = values;
  }

  /** @internal */
  get context(): this {
    return this;
  }

  /** @internal */
  get stepping(): null {
    return null;
  }

  run<Args extends unknown[], Result>(callback: (...args: Args) => Result, ...args: Args): Result {
    if (this.#entered)
      throw new StateError('ERR_CONTEXT_ENTERED', 'Cannot enter the context: it is already entered');
    this.#entered = true;
    const previous = enterContext(this);
    try {
      return callback(...args);
    } finally {
      leaveContext(previous);
      this.#entered = false;
    }
  }

  copy(): Context {
    return new Context(this.values);
  }

  get<T>(variable: ContextVar<T>): T | undefined {
    return this.values.get(variable as ContextVar<unknown>) as T | undefined;
  }

  has<T>(variable: ContextVar<T>): boolean {
    return this.values.has(variable as ContextVar<unknown>);
  }
}

/** What takes back one `set`, once. */
export interface Token<T> {
  readonly variable: ContextVar<T>;
  /** the value before; undefined, with `hadValue` false, if there was none */
  readonly oldValue: T | undefined;
  readonly hadValue: boolean;
}

class SetToken<T> implements Token<T> {
  readonly variable: ContextVar<T>;
  readonly oldValue: T | undefined;
  readonly hadValue: boolean;
  /** where it was set; null once that has been taken back */
  context: Context | null;

  constructor(variable: ContextVar<T>, context: Context) {
    const key = variable as ContextVar<unknown>;
    this.variable = variable;
    this.oldValue = context.values.get(key) as T | undefined;
    this.hadValue = context.values.has(key);
    this.context = context;
  }
}

/**
 * A variable with a value of its own in every task and callback: what one sets, those it starts later see, and nobody
 * else. Costs a pointer for a task or handle; no async hooks are involved in generators and callbacks.
 *
 * @see PEP 567
 */
export class ContextVar<T> {
  readonly name: string;
  readonly #fallback: { value: T } | null;

  constructor(name: string, options?: { default: T }) {
    this.name = name;
    this.#fallback = options === undefined ? null : { value: options.default };
  }

  /** The current value, else `fallback`, else the default. @throws {StateError} there is none of the three */
  get(...fallback: [T?]): T {
    const { values } = currentContext();
    const value = values.get(this as ContextVar<unknown>);
    if (value !== undefined || values.has(this as ContextVar<unknown>)) return value as T;
    if (fallback.length > 0) return fallback[0] as T;
    if (this.#fallback !== null) return this.#fallback.value;
    throw new StateError('ERR_NO_CONTEXT_VALUE', `Cannot get ${this.name}: it has no value in this context`);
  }

  set(value: T): Token<T> {
    const context = currentContext();
    const token = new SetToken<T>(this, context);
    context.values = new Map(context.values).set(this as ContextVar<unknown>, value);
    return token;
  }

  /**
   * Back to what was before the `set` that gave `token`.
   *
   * @throws {TypeError} not a token
   * @throws {RangeError} a token of another variable or context
   * @throws {StateError} a token that has been used
   */
  reset(token: Token<T>): void {
    if (!(token instanceof SetToken)) throw new TypeError(`Cannot reset ${this.name}: not a token`);
    if (token.variable !== this) {
      throw new RangeError(`Cannot reset ${this.name}: the token is of ${token.variable.name}`);
    }
    if (token.context === null)
      throw new StateError('ERR_TOKEN_USED', `Cannot reset ${this.name}: the token has been used`);
    const context = currentContext();
    if (token.context !== context)
      throw new RangeError(`Cannot reset ${this.name}: the token is of another context`);
    token.context = null;
    const values = new Map(context.values);
    if (token.hadValue) values.set(this as ContextVar<unknown>, token.oldValue);
    else values.delete(this as ContextVar<unknown>);
    context.values = values;
  }
}

/** Code that no loop runs has a context too: one a thread. */
const threadContext = new Context();

let entered: Frame | null = null;

/** The context this code runs in. */
export function currentContext(): Context {
  return entered?.context ?? asyncOwner()?.asyncContext ?? threadContext;
}

/** The task whose step is on the stack; null: none is. */
export function currentStep(): object | null {
  return entered === null ? null : entered.stepping;
}

/** A context with the current values, changes to which stay its own. */
export function copyContext(): Context {
  return new Context(currentContext().values);
}

/** Makes `context` current; what it returns is for `leaveContext`. */
export function enterContext(context: Context): Frame | null {
  const stepping = currentStep();
  return enterFrame(stepping === null ? context : { context, stepping });
}

/** Says what runs; what it returns is for `leaveContext`. */
export function enterFrame(frame: Frame): Frame | null {
  const previous = entered;
  entered = frame;
  return previous;
}

export function leaveContext(previous: Frame | null): void {
  entered = previous;
}

/** Sets the values that a callback finds, from a foreign implementation of the interface too. */
export function ownContext(context: ContextInterface): Context {
  if (context instanceof Context) return context;
  throw new TypeError('Cannot use the context: it was not made by Context or copyContext');
}
