import type { CancelledError, Future as FutureInterface } from '../interface/index.ts';
import { type Awaiting, Future } from './future.ts';

/** Stands in for a future of a foreign make, so that a task has one kind to wait for. */
export class ForeignWait extends Future<void> {
  readonly #foreign: FutureInterface<unknown>;

  constructor(foreign: FutureInterface<unknown>) {
    super({ loop: foreign.getLoop() });
    this.#foreign = foreign;
    foreign.addDoneCallback(() => {
      if (foreign.cancelled()) this.cancel();
      else this.fulfil();
    });
  }

  override giveUp(error: CancelledError): boolean {
    return this.#foreign.cancel(error.reason);
  }

  override awaiting(): Awaiting {
    return { what: 'foreign future', of: [this.#foreign] };
  }

  override shortName(): string {
    return String(this.#foreign);
  }
}
