import type { Server } from 'node:net';
import { constants } from 'node:os';
import { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { EventLoop } from '../../interface/index.ts';
import { useLoopForTimeouts } from './idle-timer.ts';
import { StreamSocket } from './stream-socket.ts';

// Node's TLS is native, and works on native streams. What is none gets a wrap (`JSStreamSocket`) that hands writes to the
// stream, and tells of their end in an immediate of libuv's. While a loop of ours owns the thread, these never come, and the
// handshake stands still; beside libuv, each write costs a turn of its. Therefore wraps around our sockets tell of it in a
// turn of the loop. What the wrap does otherwise is Node's; where it has another shape than expected, all is.

/** A request of the native side, of which it is told by the handle when it is done. */
type Request = object;

interface NativeStream {
  finishWrite(request: Request, errorNumber: number): void;
  finishShutdown(request: Request, errorNumber: number): void;
}

interface StreamWrap {
  readonly stream: Duplex;
  readonly _handle: NativeStream | null;
  doWrite(request: Request, buffers: readonly Uint8Array[]): number;
  doShutdown(request: Request): number;
  doClose(callback: () => void): void;
}

const canceled = -constants.errno.ECANCELED;
const brokenPipe = -constants.errno.EPIPE;

/** What a wrap around one of our sockets has in hand. */
class Wrapped {
  static readonly #all = new WeakMap<StreamWrap, Wrapped>();

  static of(wrap: StreamWrap): Wrapped {
    let wrapped = Wrapped.#all.get(wrap);
    if (wrapped === undefined) {
      wrapped = new Wrapped(wrap);
      Wrapped.#all.set(wrap, wrapped);
    }
    return wrapped;
  }

  readonly #wrap: StreamWrap;
  #writing: Request | null = null;
  #shuttingDown: Request | null = null;
  #closing = false;

  constructor(wrap: StreamWrap) {
    this.#wrap = wrap;
  }

  write(request: Request, buffers: readonly Uint8Array[]): number {
    const { stream, _handle: handle } = this.#wrap;
    if (this.#closing) {
      // Canceled with all else, in a moment.
      this.#writing = request;
      return 0;
    }
    if (handle === null) return 0;
    this.#writing = request;
    let left = buffers.length;
    const done = (error?: Error | null) => {
      if (!error && --left > 0) return;
      left = 0;
      const errorNumber = error ? numberOf(error) : 0;
      // Not before the call that asked for the write has ended, nor between others' writes and their ticks: http's servers
      // collect what they write until then, and would miss that all was drained.
      this.#later(() => this.#written(handle, request, errorNumber));
    };
    stream.cork();
    for (const buffer of buffers) stream.write(buffer, done);
    stream.uncork();
    return 0;
  }

  shutdown(request: Request): number {
    const { stream, _handle: handle } = this.#wrap;
    this.#shuttingDown = request;
    // The stream ends behind the write that may be under way.
    if (this.#closing || handle === null) return 0;
    process.nextTick(() => stream.end(() => this.#shutDown(handle, request, 0)));
    return 0;
  }

  close(callback: () => void): void {
    this.#closing = true;
    const { stream, _handle: handle } = this.#wrap;
    stream.destroy();
    this.#later(() => {
      if (handle !== null) {
        if (this.#writing !== null) this.#written(handle, this.#writing, canceled);
        if (this.#shuttingDown !== null) this.#shutDown(handle, this.#shuttingDown, canceled);
      }
      this.#closing = false;
      callback();
    });
  }

  #later(callback: () => void): void {
    later(this.#wrap.stream as StreamSocket, callback);
  }

  #written(handle: NativeStream, request: Request, errorNumber: number): void {
    if (this.#writing !== request) return;
    this.#writing = null;
    handle.finishWrite(request, errorNumber);
  }

  #shutDown(handle: NativeStream, request: Request, errorNumber: number): void {
    if (this.#shuttingDown !== request) return;
    this.#shuttingDown = null;
    handle.finishShutdown(request, errorNumber);
  }
}

/** In a turn of the loop: behind all ticks, as Node's own immediates are. */
function later({ loop }: StreamSocket, callback: () => void): void {
  if (loop?.isRunning()) loop.callSoon(callback);
  else process.nextTick(callback);
}

function numberOf(error: NodeJS.ErrnoException): number {
  const { errno } = constants;
  const number = errno[error.code as keyof typeof errno];
  return number === undefined ? brokenPipe : -number;
}

/** What is between a TLS socket and a stream that is not native. */
function wrapOf(socket: TLSSocket): StreamWrap | null {
  const { _handle: handle } = socket as unknown as { _handle?: { _parentWrap?: StreamWrap } | null };
  return handle?._parentWrap ?? null;
}

let prepared = false;

/**
 * Lets TLS over our sockets do without libuv, in this process from now on; sockets of others are not touched.
 *
 * @see StreamWrap, above
 */
export function prepareTls(): void {
  if (prepared) return;
  prepared = true;
  const prototype = findWrapPrototype();
  if (prototype === null) return;
  const { doWrite, doShutdown, doClose } = prototype;
  Object.assign(prototype, {
    doWrite(this: StreamWrap, request: Request, buffers: readonly Uint8Array[]) {
      if (!(this.stream instanceof StreamSocket)) return doWrite.call(this, request, buffers);
      return Wrapped.of(this).write(request, buffers);
    },
    doShutdown(this: StreamWrap, request: Request) {
      if (!(this.stream instanceof StreamSocket)) return doShutdown.call(this, request);
      return Wrapped.of(this).shutdown(request);
    },
    doClose(this: StreamWrap, callback: () => void) {
      if (this.stream instanceof StreamSocket) Wrapped.of(this).close(callback);
      else doClose.call(this, callback);
    },
  } satisfies Omit<StreamWrap, 'stream' | '_handle'>);
}

/** Node's class for it is nowhere to be had but from something that is wrapped. */
function findWrapPrototype(): StreamWrap | null {
  const tls = process.getBuiltinModule('node:tls');
  const stream = new Duplex({ read() {}, write: (_chunk, _encoding, callback) => callback() });
  const socket = new tls.TLSSocket(stream);
  const wrap = wrapOf(socket);
  socket.destroy();
  if (wrap === null) return null;
  const prototype = Object.getPrototypeOf(wrap) as StreamWrap;
  const methods = ['doWrite', 'doShutdown', 'doClose'] as const;
  return methods.every((name) => typeof prototype[name] === 'function') ? prototype : null;
}

/** Puts what `setTimeout` of a TLS socket sets on the loop's clock, and lets it know the addresses of the socket below. */
export function useLoopUnder(socket: TLSSocket, loop: EventLoop | null): void {
  const below = wrapOf(socket)?.stream;
  if (!(below instanceof StreamSocket)) return;
  useLoopForTimeouts(socket, loop);
  freeInTurn(socket, below);
  Object.defineProperties(socket, {
    _getsockname: { value: () => below.address(), writable: true, configurable: true },
    _getpeername: { value: () => below.remote(), writable: true, configurable: true },
  });
}

/** OpenSSL's memory, 16 KiB a connection, would wait for an immediate of libuv's. */
function freeInTurn(socket: TLSSocket, below: StreamSocket): void {
  const { _destroySSL: free } = socket as unknown as { _destroySSL?: () => void };
  const freeing = socket.listeners('close').find(({ name }) => name === 'onSocketCloseDestroySSL');
  if (freeing === undefined || free === undefined) return;
  socket.off('close', freeing as () => void);
  socket.on('close', () => later(below, () => free.call(socket)));
}

/** @param server one that speaks TLS. @param loop null: the one that runs then. @returns what undoes it for later connections */
export function useLoopForTls(server: Server, loop: EventLoop | null): () => void {
  prepareTls();
  const onSecure = (socket: TLSSocket) => useLoopUnder(socket, loop);
  server.prependListener('secureConnection', onSecure);
  return () => void server.off('secureConnection', onSecure);
}
