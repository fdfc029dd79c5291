import type { AddressFamily, DatagramChannel, DatagramSink, SocketAddress } from '../../interface/index.ts';
import type { KernelSocket } from './kernel.ts';
import type { SocketProgram } from './socket-program.ts';

/** What net.core.rmem_default and wmem_default are: so many bytes may lie in a socket. */
export const bufferBytesMax = 212_992;

/** What a datagram counts for there besides its bytes. */
export const overheadBytes = 768;

/** So many are delivered at once; then others get their turn. */
const deliveriesMax = 64;

/** One that has arrived and was not read yet. */
export interface Received {
  readonly data: Uint8Array;
  readonly from: SocketAddress;
  /** Called when it has been read, or dropped. */
  readonly read?: () => void;
}

/** What UDP's and Unix' sockets have in common: what has arrived, and how it is delivered. */
export abstract class SimulatedDatagramChannel implements DatagramChannel, KernelSocket {
  abstract readonly family: AddressFamily | 'unix';
  abstract readonly localAddress: SocketAddress | null;
  abstract readonly remoteAddress: SocketAddress | null;
  readonly fd = -1;
  readonly program: SocketProgram;
  protected sink: DatagramSink | null = null;
  #received: Received[] = [];
  #receivedBytes = 0;
  #reading = false;
  #queued = false;
  #closed = false;
  #ref = true;

  constructor(program: SocketProgram) {
    this.program = program;
    program.machine.kernel.opened(this);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Datagrams that were not read yet, and what they count for. */
  get waitingCount(): number {
    return this.#received.length;
  }

  get waitingBytes(): number {
    return this.#receivedBytes;
  }

  abstract send(data: Uint8Array, address: SocketAddress | null): boolean;

  /** Gives back what the socket holds: its address, what waits to be sent. */
  protected abstract release(): void;

  start(sink: DatagramSink): void {
    this.sink = sink;
  }

  startReading(): void {
    this.#reading = true;
    this.#runLater();
  }

  /** The kernel puts one behind the others. */
  receive(received: Received): void {
    this.#received.push(received);
    this.#receivedBytes += received.data.length + overheadBytes;
    this.#runLater();
  }

  /** Tells of trouble by an I/O callback. */
  trouble(error: Error): void {
    const run = () => {
      if (!this.#closed) this.sink?.troubled(error);
    };
    this.program.enqueue({ run });
  }

  close(): void {
    if (this.#closed) return;
    this.#end();
    this.program.enqueue({ run: () => this.sink?.closed() });
  }

  vanish(): void {
    this.#end();
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
    const { sink } = this;
    for (let deliveries = 0; deliveries < deliveriesMax && !this.#closed; deliveries++) {
      const received = this.#received.shift();
      if (received === undefined) return;
      this.#receivedBytes -= received.data.length + overheadBytes;
      received.read?.();
      sink?.datagram(received.data, false, received.from);
    }
    this.#runLater();
  }

  #end(): void {
    this.#closed = true;
    this.program.machine.kernel.closed(this);
    const dropped = this.#received;
    this.#received = [];
    this.release();
    for (const { read } of dropped) read?.();
  }

  #runLater(): void {
    if (this.#queued || this.#closed || !this.#reading || this.#received.length === 0) return;
    this.#queued = true;
    this.program.enqueue(this);
  }
}
