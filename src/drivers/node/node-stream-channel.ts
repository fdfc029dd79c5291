import type { Socket } from 'node:net';
import type {
  DriverHost,
  SocketAddress,
  StreamChannel,
  StreamSink,
  StreamTarget,
} from '../../interface/index.ts';
import { localAddress, remoteAddress } from './addresses.ts';
import { systemError } from './system-error.ts';

/** One `net.Socket.write` of at most so many bytes, so that progress shows during a write of many megabytes. */
const sliceBytesMax = 256 * 1024;

/** Up to here one copy is cheaper than handing several chunks to the kernel. */
const copyBytesMax = 16 * 1024;

const nothing = new Uint8Array(0);

/**
 * A channel over a `net.Socket`, by Node's public API only.
 *
 * Reading: the socket flows or is paused. What it delivers while a turn of ours is under way is queued, and may find
 * reading paused by then; it is kept back (`#backlog`) until reading starts again.
 *
 * Writing: after `socket.write`, `writableLength` is 0 if the kernel took everything at once, which is the common case
 * and costs no callback. Otherwise an empty write is queued behind, whose callback says that all is gone.
 */
export class NodeStreamChannel implements StreamChannel {
  readonly localAddress: SocketAddress | null;
  readonly remoteAddress: SocketAddress | null;
  readonly fd = -1;
  readonly #socket: Socket;
  readonly #host: DriverHost;
  readonly #onGone: (channel: NodeStreamChannel) => void;
  #sink: StreamSink | null = null;
  #paused = true;
  #closing = false;
  #gone = false;
  #backlog: (Uint8Array | 'end')[] = [];
  #unsent: Uint8Array[] = [];
  #pending = 0;

  constructor(
    socket: Socket,
    target: StreamTarget | null,
    host: DriverHost,
    onGone: (channel: NodeStreamChannel) => void,
  ) {
    this.#socket = socket;
    this.#host = host;
    this.#onGone = onGone;
    const unix = target?.kind === 'unix';
    // A connected client of a Unix server is unnamed; Node tells neither end's name.
    this.localAddress = unix ? { path: '' } : localAddress(socket);
    this.remoteAddress = unix ? { path: target.path } : remoteAddress(socket);
    socket.on('data', (chunk: Uint8Array) => host.dispatch(this.#arrived, chunk));
    socket.on('end', () => host.dispatch(this.#arrived, 'end' as const));
    socket.on('error', (error) => host.dispatch(this.#failed, error));
    socket.on('close', () => host.dispatch(this.#closed, undefined));
  }

  start(sink: StreamSink): void {
    this.#sink = sink;
  }

  startReading(): void {
    if (!this.#paused || this.#closing) return;
    this.#paused = false;
    if (this.#backlog.length > 0) this.#host.dispatch(this.#deliverBacklog, undefined);
    else this.#socket.resume();
  }

  pauseReading(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#socket.pause();
  }

  /** Delivers what a socket with a read buffer of the driver's has put into it. */
  readonly lent = (chunk: Uint8Array): void => {
    if (this.#host.inTurn) this.#host.dispatch(this.#arrived, new Uint8Array(chunk));
    else this.#host.dispatch(this.#arrivedLent, chunk);
  };

  write(chunks: readonly Uint8Array[]): number {
    if (this.#gone || this.#socket.destroyed) return 0;
    const first = chunks[0];
    if (chunks.length === 1 && first !== undefined && first.length <= sliceBytesMax) {
      this.#socket.write(first);
      this.#pending = this.#socket.writableLength === 0 ? 0 : first.length;
      if (this.#pending > 0) this.#socket.write(nothing, this.#flushed);
      return this.#pending;
    }
    this.#unsent.push(...chunks);
    for (const chunk of chunks) this.#pending += chunk.length;
    return this.#send();
  }

  shutdown(): void {
    if (this.#gone) return;
    this.#socket.end(() => this.#host.dispatch(this.#shutDown, undefined));
  }

  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#unsent = [];
    this.#backlog = [];
    if (this.#gone) this.#host.dispatch(this.#closed, undefined);
    else this.#socket.destroy();
  }

  abort(): void {
    this.close();
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }

  readonly #arrived = (chunk: Uint8Array | 'end'): void => {
    if (this.#closing) return;
    if (this.#paused || this.#backlog.length > 0) this.#backlog.push(chunk);
    else if (chunk === 'end') this.#sink?.end();
    else this.#sink?.data(chunk, false);
  };

  readonly #arrivedLent = (chunk: Uint8Array): void => {
    if (this.#closing) return;
    // Paused by something that was queued before, in the turn that delivers this.
    if (this.#paused || this.#backlog.length > 0) this.#backlog.push(new Uint8Array(chunk));
    else this.#sink?.data(chunk, true);
  };

  readonly #deliverBacklog = (): void => {
    while (!this.#paused && !this.#closing) {
      const chunk = this.#backlog.shift();
      if (chunk === undefined) break;
      if (chunk === 'end') this.#sink?.end();
      else this.#sink?.data(chunk, false);
    }
    if (!this.#paused && !this.#closing) this.#socket.resume();
  };

  readonly #failed = (error: Error): void => {
    if (!this.#closing) this.#sink?.failed(systemError('use the connection', error));
  };

  // Node closes by itself what has ended in both directions; the sink hears of it when it has asked for it.
  readonly #closed = (): void => {
    if (!this.#gone) {
      this.#gone = true;
      this.#onGone(this);
    }
    if (!this.#closing) return;
    const sink = this.#sink;
    this.#sink = null;
    sink?.closed();
  };

  readonly #shutDown = (): void => {
    if (!this.#closing) this.#sink?.shutdownDone();
  };

  readonly #flushed = (error?: Error | null): void => {
    // A failed write is followed by the socket's own 'error'.
    if (error == null) this.#host.dispatch(this.#progress, undefined);
  };

  readonly #progress = (): void => {
    if (this.#closing) return;
    this.#pending = 0;
    for (const chunk of this.#unsent) this.#pending += chunk.length;
    this.#sink?.writeProgress(this.#send());
  };

  /** Hands over slice by slice what waits, until the kernel is full; returns the bytes it has not taken. */
  #send(): number {
    while (this.#unsent.length > 0) {
      const { chunks, bytes } = this.#nextSlice();
      if (chunks.length === 1) this.#socket.write(chunks[0] as Uint8Array);
      else if (bytes <= copyBytesMax) this.#socket.write(joined(chunks, bytes));
      else {
        this.#socket.cork();
        for (const chunk of chunks) this.#socket.write(chunk);
        this.#socket.uncork();
      }
      if (this.#socket.writableLength > 0) {
        this.#socket.write(nothing, this.#flushed);
        break;
      }
      this.#pending -= bytes;
    }
    return this.#pending;
  }

  #nextSlice(): { chunks: Uint8Array[]; bytes: number } {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    let taken = 0;
    for (const chunk of this.#unsent) {
      const room = sliceBytesMax - bytes;
      if (chunk.length > room) {
        chunks.push(chunk.subarray(0, room));
        this.#unsent[taken] = chunk.subarray(room);
        bytes = sliceBytesMax;
        break;
      }
      chunks.push(chunk);
      bytes += chunk.length;
      taken++;
      if (bytes === sliceBytesMax) break;
    }
    this.#unsent.splice(0, taken);
    return { chunks, bytes };
  }
}

function joined(chunks: readonly Uint8Array[], bytes: number): Uint8Array {
  const all = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
