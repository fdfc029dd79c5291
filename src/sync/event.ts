import type { Future } from '../coroutines/index.ts';
import { LinkedList } from './linked-list.ts';
import { LoopBound, waitingText } from './loop-bound.ts';
import { granted, Waiter } from './waiter.ts';

/**
 * Something that has happened or not. Whoever waits before it has, goes on when it does; whoever comes later goes on at
 * once.
 *
 * @see asyncio.Event
 */
export class Event extends LoopBound {
  readonly #line = new LinkedList<Waiter<true>>();
  #set = false;
  #happened: Future<true> | null = null;

  isSet(): boolean {
    return this.#set;
  }

  /** Lets all go on that wait, in the order in which they came. */
  set(): void {
    this.checkLoop();
    this.#set = true;
    for (let next = this.#line.shift(); next !== null; next = this.#line.shift()) next.grant(true);
  }

  /** Makes those wait who come from now on; those who were let go on do. */
  clear(): void {
    this.checkLoop();
    this.#set = false;
  }

  /** Until it is set. */
  wait(): Future<true> {
    const loop = this.bind();
    if (!this.#set) return this.#line.push(new Waiter<true>(loop));
    this.#happened ??= granted(loop, true);
    return this.#happened;
  }

  protected describe(): string {
    return this.#set ? 'set' : `unset${waitingText(this.#line.length)}`;
  }
}
