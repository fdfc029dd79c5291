import net from 'node:net';
import type { EventLoop } from '../../interface/index.ts';
import { useLoopForTimeouts } from './idle-timer.ts';
import { socketClosed } from './node-failure.ts';
import { readTarget } from './socket-target.ts';
import { StreamSocket, type StreamSocketOptions } from './stream-socket.ts';

// A socket of Node's own class, or of one that extends it, cannot be made another; but what it asks its handle for can be
// done by a socket of the loop's. All else of it, events, states, the rules about ends, stays Node's.

interface Insides {
  _handle: object | null;
  _writableState: { errored: Error | null };
  _undestroy(): void;
  read(size: number): unknown;
  push(chunk: Buffer | null): boolean;
}

type WriteCallback = (error?: Error | null) => void;

const grafted = new WeakMap<net.Socket, StreamSocket>();

/** False: it has a handle already, as those of TLS do, or reads into a buffer of its own; that is Node's to connect. */
export function graftable(socket: net.Socket): boolean {
  const { _handle: handle } = socket as unknown as Insides;
  if (handle != null) return false;
  const key = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'kBuffer');
  return key === undefined || Reflect.get(socket, key) == null;
}

/** As `socket.connect(...args)`, on a loop. @throws as Node's does */
export function graft(socket: net.Socket, loop: EventLoop, args: readonly unknown[]): net.Socket {
  const [target, connected] = readTarget(args);
  const insides = socket as unknown as Insides;
  const { timeout } = socket;
  const { signal: _signal, ...options } = target as StreamSocketOptions;
  const inner = new StreamSocket({ ...options, allowHalfOpen: true, loop });
  grafted.get(socket)?.destroy();
  grafted.set(socket, inner);
  if (connected !== null) socket.once('connect', connected);
  // A socket may be connected again after its end.
  if (socket.write !== net.Socket.prototype.write) socket.write = net.Socket.prototype.write;
  if (socket.destroyed) insides._undestroy();
  Object.assign(socket, { connecting: true });
  useLoopForTimeouts(socket, loop);
  if (timeout) socket.setTimeout(timeout);
  Object.defineProperties(socket, handlingBy(socket, inner));
  for (const event of ['lookup', 'connectionAttempt', 'connectionAttemptFailed']) {
    if (socket.listenerCount(event) > 0) inner.on(event, (...told) => socket.emit(event, ...told));
  }
  inner.once('connect', () => {
    Object.assign(socket, { connecting: false });
    touch(socket);
    socket.emit('connect');
    socket.emit('ready');
    if (socket.readable && !socket.isPaused()) insides.read(0);
  });
  inner.on('data', (chunk: Buffer) => {
    touch(socket);
    if (!insides.push(chunk)) inner.pause();
  });
  inner.once('end', () => {
    insides.push(null);
    insides.read(0);
  });
  inner.once('error', (error) => socket.destroy(error));
  inner.once('close', () => void socket.destroy());
  inner.pause();
  inner.connect(target);
  return socket;
}

function touch(socket: net.Socket): void {
  (socket as unknown as { _unrefTimer(): void })._unrefTimer();
}

/** What a socket asks its handle for. */
function handlingBy(socket: net.Socket, inner: StreamSocket): PropertyDescriptorMap {
  const written = (callback: WriteCallback) => (error?: Error | null) => {
    touch(socket);
    // What has ended the connection says more than that it has ended.
    callback(error == null ? null : (inner.errored ?? error));
  };
  const methods = {
    _read: () => void inner.resume(),
    _write: (chunk: Buffer | string, encoding: BufferEncoding, callback: WriteCallback) =>
      void inner.write(chunk, encoding, written(callback)),
    _writev: (chunks: readonly { chunk: Buffer; encoding: BufferEncoding }[], callback: WriteCallback) => {
      const last = chunks.length - 1;
      inner.cork();
      chunks.forEach(({ chunk, encoding }, i) => {
        inner.write(chunk, encoding, i === last ? written(callback) : undefined);
      });
      inner.uncork();
    },
    _final: (callback: WriteCallback) => {
      if (inner.destroyed) callback(inner.errored);
      else inner.end(written(callback));
    },
    _destroy: (error: Error | null, callback: WriteCallback) => {
      Object.assign(socket, { connecting: false });
      callback(error);
      // Behind 'error', which is emitted by a tick too.
      const close = () => process.nextTick(() => socket.emit('close', error !== null));
      if (inner.closed) close();
      else inner.once('close', close).destroy();
    },
    _getsockname: () => inner.address(),
    _getpeername: () => inner.remote(),
    resetAndDestroy: () => socket.destroy(inner.pending && !inner.connecting ? socketClosed() : undefined),
    ref: () => chained(inner.ref()),
    unref: () => chained(inner.unref()),
    setNoDelay: () => socket,
    setKeepAlive: () => socket,
  };
  const chained = (_done: StreamSocket) => socket;
  const getters = {
    pending: () => inner.pending,
    bytesRead: () => inner.bytesRead,
    bytesWritten: () => inner.bytesWritten,
  };
  return {
    ...Object.fromEntries(
      Object.entries(methods).map(([name, value]) => [name, { value, writable: true, configurable: true }]),
    ),
    ...Object.fromEntries(Object.entries(getters).map(([name, get]) => [name, { get, configurable: true }])),
  };
}
