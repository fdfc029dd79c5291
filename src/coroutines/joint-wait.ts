import type { EventLoop } from '../interface/index.ts';
import { type Awaiting, Future } from './future.ts';

/** What a task waits for while it waits for several others: somebody sets it when enough of them are done. */
export class JointWait extends Future<void> {
  readonly #what: string;
  readonly #futures: Iterable<unknown>;

  /**
   * @param what who waits so: 'wait'
   * @param futures read when somebody asks; may change
   */
  constructor(loop: EventLoop, what: string, futures: Iterable<unknown>) {
    super({ loop });
    this.#what = what;
    this.#futures = futures;
  }

  override awaiting(): Awaiting {
    return { what: this.#what, of: [...this.#futures] };
  }
}
