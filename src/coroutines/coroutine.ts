import { type Coroutine as CoroutineInterface, StateError, type Suspension } from '../interface/index.ts';
import { asyncOwner } from '../loop/index.ts';
import { createTask } from './create-task.ts';
import { inspect } from './describe.ts';
import { observer } from './observer.ts';
import type { Task } from './task.ts';

/** The generator that a coroutine is made of. */
export type CoroutineBody<T> = Generator<Suspension, T, unknown>;

/**
 * Turns a generator function into one whose calls give coroutines: the PEP's decorator.
 *
 * `yield* call()` runs the body inline in the present task, at no cost but the generator's; `await call()` makes a task
 * of it, in the awaiting function's context.
 *
 * @see PEP 3156, "Coroutines"; PEP 380
 */
export function coroutine<This, Args extends unknown[], T>(
  body: (this: This, ...args: Args) => CoroutineBody<T>,
): (this: This, ...args: Args) => Coroutine<T> {
  checkBody(body, 'a coroutine');
  const { name } = body;
  return named(name, function (this: This, ...args: Args) {
    return new Coroutine(name, body.apply(this, args));
  });
}

/** As `coroutine`, but a call starts a task: the keynote's decorator. Needs a running loop at the call. */
export function task<This, Args extends unknown[], T>(
  body: (this: This, ...args: Args) => CoroutineBody<T>,
): (this: This, ...args: Args) => Task<T> {
  checkBody(body, 'a task');
  const { name } = body;
  return named(name, function (this: This, ...args: Args) {
    return createTask(new Coroutine(name, body.apply(this, args)));
  });
}

/** Made by the functions that `coroutine` gives. */
export class Coroutine<T> implements CoroutineInterface<T> {
  readonly name: string;
  /** @internal It is begun by an `await`: what it calls before its first wait, the awaiting function has called. */
  awaited = false;
  #body: CoroutineBody<T> | null;

  constructor(name: string, body: CoroutineBody<T>) {
    this.name = name;
    this.#body = body;
    if (observer !== null) observer.coroutineMade(this as Coroutine<unknown>);
  }

  [Symbol.iterator](): CoroutineBody<T> {
    return this.take();
  }

  then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): PromiseLike<A | B> {
    // The awaiting function stands still meanwhile, so that its context can be lent.
    const context = asyncOwner()?.asyncContext ?? undefined;
    this.awaited = true;
    // Begun at once, as `yield*` would: what is due to the awaiting task then meets what the coroutine has entered.
    return createTask<T>(this, { context, eagerStart: true }).then(onFulfilled, onRejected);
  }

  close(): void {
    this.#body?.return(undefined as T);
    this.#body = null;
    if (observer !== null) observer.coroutineTaken(this as Coroutine<unknown>);
  }

  /** @internal The body, once. @throws {StateError} it was taken before */
  take(): CoroutineBody<T> {
    const body = this.#body;
    if (body === null) {
      throw new StateError(
        'ERR_COROUTINE_REUSED',
        `Cannot run coroutine ${this.name}: it has been run or closed`,
      );
    }
    this.#body = null;
    if (observer !== null) observer.coroutineTaken(this as Coroutine<unknown>);
    return body;
  }

  toString(): string {
    return `<Coroutine ${this.name || '(anonymous)'}${this.#body === null ? ' taken' : ''}>`;
  }

  [inspect](): string {
    return this.toString();
  }
}

/** True for what a call of a `coroutine` function gives. */
export function isCoroutine(value: unknown): value is Coroutine<unknown> {
  return value instanceof Coroutine;
}

const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor as new () => unknown;

function checkBody(body: unknown, what: string): void {
  if (typeof body !== 'function') throw new TypeError(`Cannot make ${what}: not a generator function`);
  if (body instanceof AsyncFunction) {
    throw new TypeError(
      `Cannot make ${what} of ${body.name}: an async function is awaited, or given to createTask`,
    );
  }
}

function named<F>(name: string, callee: F): F {
  return Object.defineProperty(callee, 'name', { value: name, configurable: true });
}
