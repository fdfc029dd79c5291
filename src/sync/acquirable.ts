import { Coroutine, type Future, runBody } from '../coroutines/index.ts';
import type { EventLoop, Suspension } from '../interface/index.ts';
import { Held } from './held.ts';
import { InlineCoroutine } from './inline-coroutine.ts';
import { LinkedList } from './linked-list.ts';
import { LoopBound } from './loop-bound.ts';
import { granted, Waiter } from './waiter.ts';

/** What runs while something is held: a generator function, an `async` one, or one that gives what can be waited for. */
export type HeldBody<T> = () => Coroutine<T> | Generator<Suspension, T, unknown> | PromiseLike<T>;

/**
 * What is acquired and released: strictly first come, first served. A release hands over to the first who waits, so that
 * nobody who comes later, the releaser included, finds it free in between.
 */
export abstract class Acquirable extends LoopBound {
  readonly #line = new LinkedList<Acquirer>();
  #acquired: Future<true> | null = null;

  /** True if an `acquire` would have to wait. */
  abstract locked(): boolean;

  abstract release(): void;

  /** Takes it if it is free. */
  protected abstract tryTake(): boolean;

  /**
   * Takes it, or waits in line for it. Whoever acquires must release; `hold` and `use` see to that themselves.
   *
   * The wait begins with the call. It is ended by cancelling the future, or the task that waits for it.
   */
  acquire(): Future<true> {
    const loop = this.bind();
    // Nothing is remembered about who asked, so one future answers all who need not wait.
    if (this.tryTake()) {
      this.#acquired ??= granted(loop, true);
      return this.#acquired;
    }
    return this.#wait(loop, true);
  }

  /** Acquires it for a block: `using held = yield* x.hold()`, or `await` in an `async` function. */
  hold(): Future<Held> {
    const loop = this.bind();
    const held = new Held(this);
    return this.tryTake() ? granted(loop, held) : this.#wait(loop, held);
  }

  /** Acquires it, runs `body` as part of the present task, and releases it however that ends. */
  use<T>(body: HeldBody<T>): Coroutine<T> {
    if (typeof body !== 'function') throw new TypeError(`Cannot use ${this}: the body is not a function`);
    return new InlineCoroutine('use', this.#use(body), () => this.#useInline(body));
  }

  /** How many wait. */
  protected get waiting(): number {
    return this.#line.length;
  }

  /** Gives it to the first in line. False: nobody waits. */
  protected handOver(): boolean {
    const next = this.#line.shift();
    next?.acquired();
    return next !== null;
  }

  /** @internal Takes it for one who has waited for something else before, or lets him wait on in this line. */
  give(acquirer: Acquirer): void {
    if (this.tryTake()) acquirer.acquired();
    else this.#line.push(acquirer);
  }

  #wait<T>(loop: EventLoop, value: T): Future<T> {
    const acquisition = new Acquisition<T>(loop, this, value);
    this.#line.push(acquisition);
    return acquisition;
  }

  *#use<T>(body: HeldBody<T>): Generator<Suspension, T, unknown> {
    yield* this.acquire();
    try {
      return yield* runBody<undefined, T>(body, undefined);
    } finally {
      this.release();
    }
  }

  async #useInline<T>(body: HeldBody<T>): Promise<T> {
    await this.acquire();
    try {
      return await awaitable(body());
    } finally {
      this.release();
    }
  }
}

function awaitable<T>(made: ReturnType<HeldBody<T>>): PromiseLike<T> {
  if (typeof (made as Partial<PromiseLike<T>> | undefined)?.then === 'function')
    return made as PromiseLike<T>;
  if (typeof (made as Partial<Generator> | undefined)?.next === 'function') {
    return new Coroutine('use', made as Generator<Suspension, T, unknown>);
  }
  throw new TypeError('Cannot run the body: it returned nothing that can be waited for');
}

/** A wait that ends with having acquired. */
export interface Acquirer extends Waiter<unknown> {
  acquired(): void;
}

class Acquisition<T> extends Waiter<T> implements Acquirer {
  readonly #resource: Acquirable;
  readonly #value: T;

  constructor(loop: EventLoop, resource: Acquirable, value: T) {
    super(loop);
    this.#resource = resource;
    this.#value = value;
  }

  acquired(): void {
    this.grant(this.#value);
  }

  protected override takeBack(): boolean {
    this.#resource.release();
    return true;
  }
}
