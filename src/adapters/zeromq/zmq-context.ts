import { isMainThread } from 'node:worker_threads';
import { Future } from '../../coroutines/index.ts';
import { type EventLoop, StateError } from '../../interface/index.ts';
import { getRunningLoop } from '../../loop/index.ts';
import type { Address } from '../../syscalls/index.ts';
import { endContext } from './end-context.ts';
import { type Libzmq, openLibzmq, zmqFailure } from './libzmq.ts';
import { type SocketKind, type SocketOf, socketKinds } from './socket-kinds.ts';
import { applySettings, checkedSettings, lingerOf, type SocketOptions } from './socket-options.ts';
import { type WatchDescriptor, watcherFor } from './socket-watch.ts';
import { ZmqSocket } from './zmq-socket.ts';

export interface ZmqContextOptions {
  /** threads of libzmq's that send and receive; 1 unless given */
  ioThreads?: number | undefined;
  /** open at a time; 1023 unless given */
  socketsMax?: number | undefined;
  /** where libzmq is; `libzmq.so.5` unless given, which the system's linker finds */
  library?: string | undefined;
}

const ZMQ_IO_THREADS = 1;
const ZMQ_MAX_SOCKETS = 2;

/** While a context ends, in milliseconds: first between two looks, and at most. */
const firstLook = 1;
const lookMax = 50;

/**
 * What sockets of ZeroMQ live in, and what `inproc://` endpoints are known in. Of one loop, the running one.
 *
 *     await using context = new ZmqContext();
 *     const socket = context.socket('req');
 *     socket.connect('tcp://127.0.0.1:5555');
 *     await socket.send('hello');
 *     const [answer] = await socket.receive();
 *
 * @see zmq(7)
 */
export class ZmqContext {
  readonly #loop: EventLoop;
  readonly #libzmq: Libzmq;
  readonly #watch: WatchDescriptor;
  readonly #open: OpenContext;
  #closers: Future<void>[] | null = null;
  #ended = false;

  /**
   * @throws {NotSupportedError} there is no libzmq; the loop is a simulated one; or nothing here watches descriptors
   * @throws {RangeError} an option has no meaning
   * @throws {SystemError} EMFILE
   */
  constructor(options: ZmqContextOptions = {}) {
    const { ioThreads = 1, socketsMax, library } = options;
    checkedCount('ioThreads', ioThreads);
    if (socketsMax !== undefined) checkedCount('socketsMax', socketsMax);
    this.#loop = getRunningLoop();
    this.#watch = watcherFor(this.#loop);
    this.#libzmq = openLibzmq(library);
    this.#open = new OpenContext(this.#libzmq);
    const { address } = this.#open;
    this.#libzmq.zmq_ctx_set(address, ZMQ_IO_THREADS, ioThreads);
    if (socketsMax !== undefined) this.#libzmq.zmq_ctx_set(address, ZMQ_MAX_SOCKETS, socketsMax);
    left.register(this, this.#open, this.#open);
  }

  /** Of libzmq: '4.3.4'. */
  get version(): string {
    return this.#libzmq.version;
  }

  /**
   * @throws {StateError} the context is closed
   * @throws {RangeError | TypeError} there is no such kind or option
   * @throws {SystemError} EMFILE: too many are open; EINVAL: libzmq refuses an option
   */
  socket<Kind extends SocketKind>(kind: Kind, options: SocketOptions = {}): SocketOf<Kind> {
    if (this.#closers !== null) {
      throw new StateError('ERR_CONTEXT_CLOSED', 'Cannot open a socket: the context is closed');
    }
    if (!Object.hasOwn(socketKinds, kind)) {
      const known = Object.keys(socketKinds).join(', ');
      throw new RangeError(`Cannot open a socket: there is no kind '${String(kind)}'; there are ${known}`);
    }
    const settings = checkedSettings(options);
    const linger = lingerOf(kind, options);
    const libzmq = this.#libzmq;
    const address = libzmq.zmq_socket(this.#open.address, socketKinds[kind]);
    if (address === 0) throw zmqFailure(libzmq, `open a ${kind} socket`, 'zmq_socket');
    try {
      applySettings(libzmq, address, settings);
    } catch (error) {
      libzmq.zmq_close(address);
      throw error;
    }
    const socket = new ZmqSocket({
      kind,
      libzmq,
      address,
      loop: this.#loop,
      watch: this.#watch,
      linger,
      closed: (linger) => this.#open.socketClosed(address, linger),
    });
    this.#open.socketOpened(address, socket);
    return socket as SocketOf<Kind>;
  }

  /**
   * Closes the sockets that are open, and is done when everything that was sent before has gone, or its time to linger is
   * over. Cancelled, it goes on, and nobody waits. Idempotent.
   */
  close(): Future<void> {
    const closer = new Future<void>({ loop: this.#loop });
    if (this.#ended) {
      closer.setResult();
    } else if (this.#closers !== null) {
      this.#closers.push(closer);
    } else {
      this.#closers = [closer];
      left.unregister(this.#open);
      this.#open.closeSockets();
      this.#look(this.#open.end(), firstLook);
    }
    return closer;
  }

  [Symbol.asyncDispose](): Future<void> {
    return this.close();
  }

  toString(): string {
    return `<ZmqContext ${this.#closers === null ? 'open' : this.#ended ? 'closed' : 'closing'}>`;
  }

  #look(hasEnded: () => boolean, next: number): void {
    if (!hasEnded()) {
      // C cannot call us from a thread of its own.
      if (!this.#loop.isClosed())
        this.#loop.callLater(next, () => this.#look(hasEnded, Math.min(next * 2, lookMax)));
      return;
    }
    this.#ended = true;
    for (const closer of this.#closers ?? []) if (!closer.done()) closer.setResult();
    this.#closers = [];
  }
}

/** What libzmq has of a context: apart from it, so that what is left over can be given back when the context is gone. */
class OpenContext {
  readonly address: Address;
  readonly #libzmq: Libzmq;
  readonly #sockets = new Map<Address, { socket: WeakRef<ZmqSocket>; takeBack: () => void }>();
  #takeBack: () => void;

  constructor(libzmq: Libzmq) {
    this.#libzmq = libzmq;
    this.address = libzmq.zmq_ctx_new();
    if (this.address === 0) throw zmqFailure(libzmq, 'make a context', 'zmq_ctx_new');
    // Called last: behind the sockets'.
    this.#takeBack = this.#atThreadEnd(libzmq.addressOfTerm, this.address);
  }

  socketOpened(address: Address, socket: ZmqSocket): void {
    const takeBack = this.#atThreadEnd(this.#libzmq.addressOfClose, address);
    this.#sockets.set(address, { socket: new WeakRef(socket), takeBack });
  }

  /** To be called before it is. */
  socketClosed(address: Address, linger: number | null): void {
    this.#sockets.get(address)?.takeBack();
    this.#sockets.delete(address);
    // The end of a thread waits for what lingers, but not for ever: then the context is left to the end of the process.
    if (linger === null) this.#takeBack();
  }

  closeSockets(): void {
    for (const [address, { socket, takeBack }] of this.#sockets) {
      const alive = socket.deref();
      if (alive !== undefined) {
        alive.close();
        continue;
      }
      takeBack();
      this.#libzmq.zmq_close(address);
    }
    this.#sockets.clear();
  }

  /** No socket may be open. @returns asks whether it has ended */
  end(): () => boolean {
    this.#takeBack();
    return endContext(this.#libzmq, this.address);
  }

  /** Has C call it when this worker thread ends, in whatever way. @returns takes it back */
  #atThreadEnd(callee: Address, argument: Address): () => void {
    return (isMainThread ? null : this.#libzmq.ffi.atThreadEnd?.(callee, argument)) ?? (() => {});
  }
}

/** Contexts that nobody has closed, and nobody has any more. */
const left = new FinalizationRegistry<OpenContext>((open) => {
  open.closeSockets();
  open.end();
});

function checkedCount(name: string, count: number): void {
  if (!Number.isInteger(count) || count < 1 || count > 65535) {
    throw new RangeError(`Cannot make a context: ${name} is ${String(count)}, not an integer from 1 on`);
  }
}
