import type { DriverHost, Operation, Runnable } from '../../interface/index.ts';
import type { Machine } from './machine.ts';

/** The program to which sockets belong: by its loop it hears of them, until it has ended. */
export class SocketProgram {
  readonly machine: Machine;
  #host: DriverHost | null;

  constructor(machine: Machine, host: DriverHost) {
    this.machine = machine;
    this.#host = host;
  }

  enqueue(runnable: Runnable): void {
    this.#host?.enqueue(runnable);
  }

  /** Tells something as an I/O callback. Cancelled first, it calls `unheard` instead. */
  tell(callback: () => void, unheard: () => void = () => {}): Operation {
    let untold = true;
    this.enqueue({
      run: () => {
        if (!untold || this.#host === null) return;
        untold = false;
        callback();
      },
    });
    return {
      cancel: () => {
        if (!untold) return;
        untold = false;
        unheard();
      },
    };
  }

  /** Nothing is heard from now on. */
  end(): void {
    this.#host = null;
  }
}
