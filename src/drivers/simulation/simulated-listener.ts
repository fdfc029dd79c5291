import type {
  Listener,
  ListenerSink,
  ListenOptions,
  Runnable,
  SocketAddress,
} from '../../interface/index.ts';
import { describeAddress } from '../common/describe-address.ts';
import type { KernelSocket } from './kernel.ts';
import type { Acceptor, SimulatedStreamChannel } from './simulated-stream-channel.ts';
import type { SocketProgram } from './socket-program.ts';

/** So many connections are handed over at a time, or the backlog's worth; then others get their turn. */
const acceptsMax = 64;

/** A listening socket: connections that are being made, and those that are and wait to be accepted. */
export class SimulatedListener implements Listener, Acceptor, KernelSocket, Runnable {
  address: SocketAddress;
  readonly program: SocketProgram;
  /** for its connections */
  readonly keepAlive: boolean;
  readonly #sink: ListenerSink;
  readonly #backlog: number;
  readonly #begun: SimulatedStreamChannel[] = [];
  readonly #beginning = new Set<SimulatedStreamChannel>();
  /** gives back its port or name */
  #release: () => void = () => {};
  #queued = false;
  #closed = false;
  #ref = true;

  constructor(program: SocketProgram, address: SocketAddress, options: ListenOptions, sink: ListenerSink) {
    this.program = program;
    this.address = address;
    this.keepAlive = options.keepAlive;
    this.#backlog = options.backlog;
    this.#sink = sink;
    program.machine.kernel.opened(this);
  }

  /** It has that port or name from now on, until it gives it back. */
  bound(address: SocketAddress, release: () => void): void {
    this.address = address;
    this.#release = release;
  }

  /** One more would not be taken. @see listen(2), on the backlog: Linux takes one more than that */
  get full(): boolean {
    return this.#begun.length + this.#beginning.size > this.#backlog;
  }

  /** A client has asked for this connection, and it is not full. */
  begin(channel: SimulatedStreamChannel): void {
    channel.acceptor = this;
    this.#beginning.add(channel);
  }

  begun(channel: SimulatedStreamChannel): void {
    this.#beginning.delete(channel);
    if (this.#closed) {
      channel.refuse();
      return;
    }
    this.#begun.push(channel);
    this.#wake();
  }

  forget(channel: SimulatedStreamChannel): void {
    this.#beginning.delete(channel);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#leave();
    for (const channel of this.#begun.splice(0)) channel.refuse();
  }

  finish(onFinished: () => void): void {
    // Those that are being made now would be handed over to nobody.
    if ('host' in this.address) this.#release();
    this.program.tell(() => {
      this.#accept(Infinity);
      onFinished();
    });
  }

  ref(): void {
    this.#ref = true;
  }

  unref(): void {
    this.#ref = false;
  }

  get keepsAlive(): boolean {
    return this.#ref && !this.#closed;
  }

  run(): void {
    this.#queued = false;
    this.#accept(Math.min(this.#backlog + 1, acceptsMax));
    if (this.#begun.length > 0) this.#wake();
  }

  vanish(): void {
    this.#closed = true;
    this.#begun.length = 0;
  }

  toString(): string {
    return `<I/O: connections to ${describeAddress(this.address)}>`;
  }

  #accept(count: number): void {
    for (let accepts = 0; accepts < count && !this.#closed; accepts++) {
      const channel = this.#begun.shift();
      if (channel === undefined) return;
      this.#sink.connection(channel);
    }
  }

  #wake(): void {
    if (this.#queued) return;
    this.#queued = true;
    this.program.enqueue(this);
  }

  #leave(): void {
    this.#release();
    this.program.machine.kernel.closed(this);
  }
}
