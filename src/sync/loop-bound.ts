import { type EventLoop, StateError } from '../interface/index.ts';
import { getRunningLoop, runningLoop } from '../loop/index.ts';

const inspect = Symbol.for('nodejs.util.inspect.custom');

/**
 * What is used by the tasks of one loop: the one that runs when it is made, else the first in which somebody waits.
 *
 * The check costs a comparison and is always on: what is handed to a waiter of another loop would show its mistake much
 * later, if at all.
 */
export abstract class LoopBound {
  #loop: EventLoop | null = runningLoop();

  /** What the text form says after the name. */
  protected abstract describe(): string;

  toString(): string {
    return `<${this.constructor.name} ${this.describe()}>`;
  }

  [inspect](): string {
    return this.toString();
  }

  /**
   * @internal The running loop, which from now on is this object's.
   * @throws {StateError} none runs, or it is another one than before
   */
  bind(): EventLoop {
    const running = getRunningLoop();
    if (this.#loop !== running) {
      if (this.#loop !== null) throw this.#wrongLoop();
      this.#loop = running;
    }
    return running;
  }

  /** @internal For what never waits, and may also be called where no loop runs. @throws {StateError} another loop runs */
  checkLoop(): void {
    if (this.#loop === null) return;
    const running = runningLoop();
    if (running !== null && running !== this.#loop) throw this.#wrongLoop();
  }

  #wrongLoop(): StateError {
    return new StateError('ERR_OTHER_LOOP', `Cannot use ${this}: it is bound to a different event loop`);
  }
}

/** For the text forms: how many wait, if anybody does. */
export function waitingText(count: number): string {
  return count === 0 ? '' : ` waiting=${count}`;
}
