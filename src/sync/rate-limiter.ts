import type { Future } from '../coroutines/index.ts';
import type { EventLoop, Handle } from '../interface/index.ts';
import { LinkedList } from './linked-list.ts';
import { LoopBound, waitingText } from './loop-bound.ts';
import { TokenBucket } from './token-bucket.ts';
import { granted, Waiter } from './waiter.ts';

export interface RateLimiterOptions {
  /** tokens that come in an interval, more than 0 */
  limit: number;
  /** milliseconds, more than 0; 1000 unless given */
  interval?: number | undefined;
  /** tokens that can be saved up, at least 1; `limit`, or 1 if that is more, unless given */
  burst?: number | undefined;
}

/**
 * At most so many in a time, on average: a bucket of tokens that fills steadily, each acquisition taking some out.
 *
 * Strictly first come, first served: one that needs few tokens does not overtake one that waits for many. At first the
 * bucket is full.
 */
export class RateLimiter extends LoopBound {
  readonly #limit: number;
  readonly #interval: number;
  readonly #burst: number;
  readonly #bucket: TokenBucket;
  readonly #line = new LinkedList<Spender>();
  #loop: EventLoop | null = null;
  #timer: Handle | null = null;
  #acquired: Future<void> | null = null;

  /** @throws {RangeError} an option is out of its range */
  constructor(options: RateLimiterOptions) {
    super();
    const { limit, interval = 1000 } = options;
    const { burst = Math.max(limit, 1) } = options;
    for (const [name, value, atLeast] of [
      ['limit', limit, Number.MIN_VALUE],
      ['interval', interval, Number.MIN_VALUE],
      ['burst', burst, 1],
    ] as const) {
      if (typeof value !== 'number')
        throw new TypeError(`Cannot make a rate limiter: ${name} is not a number`);
      if (!(value >= atLeast && value < Infinity)) {
        throw new RangeError(
          `Cannot make a rate limiter: ${name} is ${value}, not ${atLeast === 1 ? 'at least 1' : 'more than 0'}`,
        );
      }
    }
    this.#limit = limit;
    this.#interval = interval;
    this.#burst = burst;
    this.#bucket = new TokenBucket(interval / limit, burst);
  }

  /**
   * Takes tokens out, once there are so many.
   *
   * @param tokens more than 0, and no more than `burst`
   * @throws {RangeError} other than that
   */
  acquire(tokens = 1): Future<void> {
    if (typeof tokens !== 'number') throw new TypeError('Cannot acquire tokens: not a number of them');
    if (!(tokens > 0 && tokens <= this.#burst)) {
      throw new RangeError(`Cannot acquire ${tokens} tokens: there are never more than ${this.#burst}`);
    }
    const loop = this.bind();
    this.#loop = loop;
    if (this.#line.length === 0 && this.#bucket.spend(tokens, loop.time())) {
      this.#acquired ??= granted<void>(loop, undefined);
      return this.#acquired;
    }
    const spender = this.#line.push(new Spender(loop, tokens, this.#serve, this.#giveBack));
    if (this.#line.first === spender) this.#serve();
    return spender;
  }

  protected describe(): string {
    return `${this.#limit} per ${this.#interval} ms, burst=${this.#burst}${waitingText(this.#line.length)}`;
  }

  /** Lets those go on for whom there are tokens, and comes again when there are enough for the next. */
  readonly #serve = (): void => {
    this.#timer?.cancel();
    this.#timer = null;
    const loop = this.#loop as EventLoop;
    for (;;) {
      const first = this.#line.first;
      if (first === null) return;
      if (!this.#bucket.spend(first.tokens, loop.time())) {
        this.#timer = loop.callAt(this.#bucket.dueTime(first.tokens), this.#serve);
        return;
      }
      this.#line.remove(first);
      first.grant();
    }
  };

  readonly #giveBack = (tokens: number): void => {
    this.#bucket.giveBack(tokens);
    this.#serve();
  };
}

class Spender extends Waiter<void> {
  readonly tokens: number;
  readonly #serve: () => void;
  readonly #giveBack: (tokens: number) => void;

  constructor(loop: EventLoop, tokens: number, serve: () => void, giveBack: (tokens: number) => void) {
    super(loop);
    this.tokens = tokens;
    this.#serve = serve;
    this.#giveBack = giveBack;
  }

  /** It may have been the first, and the next may need less. */
  protected override abandoned(): void {
    this.#serve();
  }

  protected override takeBack(): boolean {
    this.#giveBack(this.tokens);
    return true;
  }
}
