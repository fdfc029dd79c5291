import { StateError } from '../interface/index.ts';
import { Acquirable } from './acquirable.ts';
import { waitingText } from './loop-bound.ts';

/**
 * At most one at a time: mutual exclusion among the tasks of a loop. Whoever acquires it first has it first, and it is
 * not re-entrant.
 *
 * A task that does not wait between two lines needs no lock for them: nobody else runs there.
 *
 * @see asyncio.Lock
 */
export class Lock extends Acquirable {
  #locked = false;

  locked(): boolean {
    return this.#locked;
  }

  /**
   * Lets the next in line have it. Any task may do that.
   *
   * @throws {StateError} it is not locked
   */
  release(): void {
    this.checkLoop();
    if (!this.#locked) throw new StateError('ERR_NOT_LOCKED', 'Cannot release the lock: it is not locked');
    if (!this.handOver()) this.#locked = false;
  }

  protected tryTake(): boolean {
    if (this.#locked) return false;
    this.#locked = true;
    return true;
  }

  protected describe(): string {
    return `${this.#locked ? 'locked' : 'unlocked'}${waitingText(this.waiting)}`;
  }
}
