import {
  type Completion,
  type Driver,
  type DriverHost,
  type Listener,
  type ListenerSink,
  type Operation,
  type SocketAddress,
  type StreamChannel,
  type StreamOperations,
  type StreamSink,
  type StreamTarget,
  SystemError,
} from 'tulipa/interface';

/** So much may be under way in one direction of a connection; the rest is pending with who writes. */
const underWayBytesMax = 64 * 1024;

/** Something that the sink is told once. */
type News = 'none' | 'arrived' | 'told';

/** Connections between the parts of one program, in memory, named by paths. Nothing of it is seen outside. */
export class MemoryDriver implements Driver, StreamOperations {
  readonly name = 'memory';
  readonly canBlock = true;
  // No kernel is asked, so there is nothing that a host could watch, and the host's own timers have to do.
  readonly pollDescriptor = null;
  readonly alarm = null;
  readonly refs = 0;

  readonly streams = this;
  readonly names = null;
  readonly signals = null;
  readonly descriptors = null;
  readonly sockets = null;
  readonly datagrams = null;
  readonly pipes = null;
  readonly processes = null;
  readonly tls = null;

  readonly #listeners = new Map<string, MemoryListener>();
  readonly #woken = new Int32Array(new SharedArrayBuffer(4));
  #host: DriverHost | null = null;

  attach(host: DriverHost): void {
    this.#host = host;
  }

  now(): number {
    return performance.now();
  }

  wait(timeout: number | null): void {
    // What completes here has been queued where it did: all that there is to wait for is time, and other threads.
    if (timeout === 0) return;
    const end = timeout === null ? Infinity : this.now() + timeout;
    for (let left = end - this.now(); left > 0; left = end - this.now()) {
      if (Atomics.wait(this.#woken, 0, 0, left) !== 'timed-out') break;
    }
    Atomics.store(this.#woken, 0, 0);
  }

  wake(): void {
    Atomics.store(this.#woken, 0, 1);
    Atomics.notify(this.#woken, 0);
  }

  close(): void {
    this.#listeners.clear();
  }

  connect(target: StreamTarget, _options: unknown, completion: Completion<StreamChannel>): Operation {
    return this.#later(() => {
      const listener = target.kind === 'unix' ? this.#listeners.get(target.path) : undefined;
      if (listener === undefined) completion.failed(failure('connect', 'ECONNREFUSED', target));
      else completion.succeeded(listener.connect());
    });
  }

  listen(
    target: StreamTarget,
    _options: unknown,
    sink: ListenerSink,
    completion: Completion<Listener>,
  ): Operation {
    return this.#later((host) => {
      if (target.kind !== 'unix') {
        completion.failed(failure('listen', 'EAFNOSUPPORT', target));
      } else if (this.#listeners.has(target.path)) {
        completion.failed(failure('listen', 'EADDRINUSE', target));
      } else {
        const onClose = () => void this.#listeners.delete(target.path);
        const listener = new MemoryListener(host, { path: target.path }, sink, onClose);
        this.#listeners.set(target.path, listener);
        completion.succeeded(listener);
      }
    });
  }

  /** As an I/O callback, unless it is cancelled first: nobody is told anything from inside his own call. */
  #later(complete: (host: DriverHost) => void): Operation {
    const host = this.#host as DriverHost;
    let cancelled = false;
    const run = () => {
      if (!cancelled) complete(host);
    };
    host.enqueue({ run });
    return {
      cancel() {
        cancelled = true;
      },
    };
  }
}

class MemoryListener implements Listener {
  readonly address: SocketAddress;
  readonly #host: DriverHost;
  readonly #sink: ListenerSink;
  readonly #onClose: () => void;
  #closed = false;

  constructor(host: DriverHost, address: SocketAddress, sink: ListenerSink, onClose: () => void) {
    this.#host = host;
    this.address = address;
    this.#sink = sink;
    this.#onClose = onClose;
  }

  /** The end of the one who connects; the other one is handed over by a callback of its own. */
  connect(): StreamChannel {
    const unnamed = { path: '' };
    const near = new MemoryChannel(this.#host, unnamed, this.address);
    const far = new MemoryChannel(this.#host, this.address, unnamed);
    near.join(far);
    far.join(near);
    const run = () => {
      if (this.#closed) far.abort();
      else this.#sink.connection(far);
    };
    this.#host.enqueue({ run });
    return near;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClose();
  }

  ref(): void {
    // Nothing in memory can come from outside, so there is nothing for which a host should stay alive.
  }

  unref(): void {
    // As above.
  }
}

/**
 * One end of a connection. Calls set down what is so and queue `run`, which tells the sink: from the loop, and never
 * from inside the call. Whatever has changed meanwhile, `run` goes by what is so then.
 */
class MemoryChannel implements StreamChannel {
  readonly localAddress: SocketAddress;
  readonly remoteAddress: SocketAddress;
  readonly fd = -1;
  readonly #host: DriverHost;
  #peer: MemoryChannel | null = null;
  #sink: StreamSink | null = null;
  #queued = false;
  #reading = false;
  #arrived: Uint8Array[] = [];
  #arrivedBytes = 0;
  #end: News = 'none';
  #unsent: Uint8Array[] = [];
  #failure: News = 'none';
  #closed = false;

  constructor(host: DriverHost, localAddress: SocketAddress, remoteAddress: SocketAddress) {
    this.#host = host;
    this.localAddress = localAddress;
    this.remoteAddress = remoteAddress;
  }

  join(peer: MemoryChannel): void {
    this.#peer = peer;
  }

  start(sink: StreamSink): void {
    this.#sink = sink;
    this.#runLater();
  }

  startReading(): void {
    this.#reading = true;
    this.#runLater();
  }

  pauseReading(): void {
    this.#reading = false;
  }

  write(chunks: readonly Uint8Array[]): number {
    this.#unsent = [...chunks];
    return this.#send();
  }

  shutdown(): void {
    this.#endPeer();
    const run = () => {
      if (!this.#closed) this.#sink?.shutdownDone();
    };
    this.#host.enqueue({ run });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#arrived = [];
    this.#unsent = [];
    this.#endPeer();
    this.#host.enqueue({ run: () => this.#sink?.closed() });
  }

  abort(): void {
    this.close();
  }

  ref(): void {
    // As for a listener.
  }

  unref(): void {
    // As for a listener.
  }

  run(): void {
    this.#queued = false;
    const sink = this.#sink;
    if (sink === null) return;
    this.#deliver(sink);
    // A sink may close its channel in any of these calls.
    if (this.#unsent.length > 0 && this.#failure === 'none' && !this.#closed) {
      const pending = this.#send();
      if (this.#failure === 'none') sink.writeProgress(pending);
    }
    if (this.#failure === 'arrived' && !this.#closed) {
      this.#failure = 'told';
      sink.failed(failure('write', 'EPIPE', this.remoteAddress));
    }
  }

  #runLater(): void {
    if (this.#queued || this.#closed) return;
    this.#queued = true;
    this.#host.enqueue(this);
  }

  #deliver(sink: StreamSink): void {
    while (this.#reading && !this.#closed) {
      const chunk = this.#arrived.shift();
      if (chunk === undefined) break;
      this.#arrivedBytes -= chunk.length;
      if (this.#peer !== null) this.#peer.#roomMade();
      sink.data(chunk, false); // not lent: `#send` has made a copy
    }
    if (this.#end === 'arrived' && this.#reading && !this.#closed) {
      this.#end = 'told';
      sink.end();
    }
  }

  /** Hands the peer what there is room for, and returns how many bytes that leaves. */
  #send(): number {
    const peer = this.#peer;
    if (peer === null || peer.#closed) {
      if (this.#failure === 'none') this.#failure = 'arrived';
      this.#runLater();
    } else {
      while (this.#unsent.length > 0 && peer.#arrivedBytes < underWayBytesMax) {
        const chunk = this.#unsent[0] as Uint8Array;
        // What counts as taken is the writer's again, who may change it.
        const taken = chunk.slice(0, underWayBytesMax - peer.#arrivedBytes);
        if (taken.length === chunk.length) this.#unsent.shift();
        else this.#unsent[0] = chunk.subarray(taken.length);
        peer.#arrived.push(taken);
        peer.#arrivedBytes += taken.length;
      }
      peer.#runLater();
    }
    return this.#unsent.reduce((bytes, chunk) => bytes + chunk.length, 0);
  }

  #roomMade(): void {
    if (this.#unsent.length > 0) this.#runLater();
  }

  #endPeer(): void {
    const peer = this.#peer;
    if (peer === null || peer.#end !== 'none') return;
    peer.#end = 'arrived';
    peer.#runLater();
  }
}

function failure(syscall: string, code: string, target: StreamTarget | SocketAddress): SystemError {
  const address = 'path' in target ? target.path : target.host;
  return new SystemError(`Cannot ${syscall} in memory at ${JSON.stringify(address)}: ${code}`, {
    code,
    syscall,
    address,
  });
}
