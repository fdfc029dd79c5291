import type { Runnable } from '../interface/index.ts';

/** Who makes the calls that it has queued. */
interface Caller {
  makeCall(call: TransportCall): void;
}

/** A call of a transport in the queue. */
export class TransportCall implements Runnable {
  readonly message: string;
  readonly callback: () => void;
  readonly #transport: Caller;
  readonly #name: string;

  constructor(transport: Caller, name: string, message: string, callback: () => void) {
    this.#transport = transport;
    this.#name = name;
    this.message = message;
    this.callback = callback;
  }

  run(): void {
    this.#transport.makeCall(this);
  }

  toString(): string {
    return this.#name;
  }
}
