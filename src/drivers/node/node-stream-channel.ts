import type { Socket } from 'node:net';
import type { DriverHost, SocketAddress, StreamChannel, StreamSink } from '../../interface/index.ts';
import { systemError } from '../common/system-error.ts';

/** One `net.Socket.write` of at most so many bytes, so that progress shows during a write of many megabytes. */
const sliceBytesMax = 256 * 1024;

/** Up to here one copy is cheaper than handing several chunks to the kernel. */
const copyBytesMax = 16 * 1024;

/** Chunks that are shorter than this on average are copied together whatever their number. */
const shortChunkBytes = 2 * 1024;

const nothing = new Uint8Array(0);

/** Which ends a channel has, as far as that is known. */
export interface Ends {
  localAddress: SocketAddress | null;
  remoteAddress: SocketAddress | null;
}

/**
 * A channel over a `net.Socket`, by Node's public API only.
 *
 * Reading: the socket flows or is paused. What it delivers while a turn of ours is under way is queued, and may find
 * reading paused by then; it is kept back (`#backlog`) until reading starts again. A paused socket without a read buffer
 * of the driver's reads on until its own buffer is full (64 KiB), then leaves the rest to the kernel.
 *
 * Writing: after `socket.write`, `writableLength` is 0 if the kernel took everything at once, which is the common case
 * and costs no callback; it is 0 as well if the kernel refused, which `errored` tells and the socket's 'error' follows.
 * Otherwise an empty write is queued behind, whose callback says that all is gone. How much of one slice is gone
 * meanwhile Node does not say: until its end, all of it counts as pending.
 *
 * Ending: Node closes a socket by itself after an error, and once both directions have ended. The sink hears of the
 * former by `failed`, of the latter when it closes the channel.
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
  /** what broke the connection before there was anybody to tell */
  #failure: Error | null = null;
  #backlog: (Uint8Array | 'end')[] = [];
  /** in reverse: what is next is last */
  #unsent: Uint8Array[] = [];
  #unsentBytes = 0;

  constructor(socket: Socket, ends: Ends, host: DriverHost, onGone: (channel: NodeStreamChannel) => void) {
    this.#socket = socket;
    this.#host = host;
    this.#onGone = onGone;
    this.localAddress = ends.localAddress;
    this.remoteAddress = ends.remoteAddress;
    socket.on('data', (chunk: Uint8Array) => host.dispatch(this.#arrived, withoutMethods(chunk)));
    socket.on('end', () => host.dispatch(this.#arrived, 'end' as const));
    socket.on('error', (error) => host.dispatch(this.#failed, error));
    socket.on('close', () => host.dispatch(this.#closed, undefined));
  }

  start(sink: StreamSink): void {
    this.#sink = sink;
    const failure = this.#failure;
    if (failure !== null) queueMicrotask(() => this.#host.dispatch(this.#failed, failure));
  }

  startReading(): void {
    if (!this.#paused || this.#closing) return;
    this.#paused = false;
    if (this.#backlog.length > 0) this.#soon(this.#deliverBacklog);
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
    const first = chunks[0];
    if (chunks.length === 1 && first !== undefined && first.length <= sliceBytesMax) {
      this.#socket.write(first);
      if (this.#isTaken()) return 0;
      this.#socket.write(nothing, this.#flushed);
      return first.length;
    }
    this.#unsent = chunks.toReversed();
    for (const chunk of chunks) this.#unsentBytes += chunk.length;
    return this.#send();
  }

  shutdown(): void {
    this.#socket.end(() => this.#host.dispatch(this.#shutDown, undefined));
  }

  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#unsent = [];
    this.#backlog = [];
    if (this.#gone) this.#soon(this.#closed);
    else this.#socket.destroy();
  }

  abort(): void {
    this.close();
  }

  reset(): void {
    // Node can tell a peer so by TCP only.
    const resets =
      !this.#closing && !this.#gone && this.remoteAddress !== null && 'host' in this.remoteAddress;
    if (resets) this.#socket.resetAndDestroy();
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
    if (this.#closing) return;
    if (this.#sink === null) this.#failure = error;
    else this.#sink.failed(systemError('use the connection', error));
  };

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
    if (!this.#closing) this.#sink?.writeProgress(this.#send());
  };

  /** For what is not Node's to call back for: outside a turn of the loop, a dispatch would call at once. */
  #soon(callback: () => void): void {
    queueMicrotask(() => this.#host.dispatch(callback, undefined));
  }

  /** Hands over slice by slice what waits, until the kernel is full; returns the bytes it has not taken. */
  #send(): number {
    while (this.#unsent.length > 0) {
      const { chunks, bytes } = this.#nextSlice();
      if (chunks.length === 1) this.#socket.write(chunks[0] as Uint8Array);
      else if (bytes <= copyBytesMax || bytes / chunks.length < shortChunkBytes) {
        this.#socket.write(joined(chunks, bytes));
      } else {
        this.#socket.cork();
        for (const chunk of chunks) this.#socket.write(chunk);
        this.#socket.uncork();
      }
      if (this.#isTaken()) continue;
      this.#socket.write(nothing, this.#flushed);
      return bytes + this.#unsentBytes;
    }
    return 0;
  }

  #nextSlice(): { chunks: Uint8Array[]; bytes: number } {
    const chunks: Uint8Array[] = [];
    let room = sliceBytesMax;
    while (room > 0) {
      const chunk = this.#unsent.pop();
      if (chunk === undefined) break;
      const whole = chunk.length <= room;
      chunks.push(whole ? chunk : chunk.subarray(0, room));
      if (!whole) this.#unsent.push(chunk.subarray(room));
      room -= Math.min(room, chunk.length);
    }
    const bytes = sliceBytesMax - room;
    this.#unsentBytes -= bytes;
    return { chunks, bytes };
  }

  /** The kernel has everything that was written; if it refused, the news of it is on its way to the sink. */
  #isTaken(): boolean {
    const socket = this.#socket;
    return socket.writableLength === 0 && socket.errored === null && !socket.destroyed;
  }
}

/** A Buffer as the plain array that it is: what some drivers give and others do not, nobody may come to need. */
function withoutMethods(chunk: Uint8Array): Uint8Array {
  return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
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
