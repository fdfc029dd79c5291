import {
  type Runnable,
  type SocketAddress,
  type StreamChannel,
  type StreamSink,
  SystemError,
} from '../../interface/index.ts';
import type { KernelSocket } from './kernel.ts';
import { type KernelErrorCode, kernelError } from './kernel-error.ts';
import type { Machine } from './machine.ts';
import type { Choices } from './oracle.ts';
import { segmentMemory } from './segment-memory.ts';
import type { SegmentKind } from './segment-queue.ts';
import type { SocketProgram } from './socket-program.ts';
import { type FlowEnd, StreamFlow } from './stream-flow.ts';

/** While reads fill their room, there are so many at a time: then others get their turn. */
const readsMax = 4;

/**
 * Milliseconds until an idle connection is tried, and from then on until it is given up. @see tcp(7), tcp_keepalive_time,
 * tcp_keepalive_probes, tcp_keepalive_intvl
 */
const keepAliveTime = 7_200_000;
const keepAliveProbing = 9 * 75_000;

/** Who waits for a connection on the server's side to be made. */
export interface Acceptor {
  begun(channel: SimulatedStreamChannel): void;
  /** It was reset before. */
  forget(channel: SimulatedStreamChannel): void;
}

/**
 * One end of a connection. Calls, and what arrives, set down what is so; `run` tells the sink, from the loop, and goes by
 * what is so then.
 *
 * It tells of what a kernel tells: a reset is noticed by who reads, once what came before is read, or writes; who does
 * neither hears nothing of it.
 */
export class SimulatedStreamChannel implements StreamChannel, FlowEnd, KernelSocket, Runnable {
  readonly localAddress: SocketAddress;
  readonly remoteAddress: SocketAddress;
  readonly fd = -1;
  readonly machine: Machine;
  readonly program: SocketProgram;
  /** on the server's side, until the connection is made */
  acceptor: Acceptor | null = null;
  /** an idle connection is tried from time to time */
  keepAlive = false;
  /** of the world; -1: none */
  #keepAliveEvent = -1;
  /** what is the channel's own of ports and names, given back when it closes */
  release: (() => void) | null = null;
  vanished = false;
  unreadBytes = 0;
  #outgoing: StreamFlow | null = null;
  #incoming: StreamFlow | null = null;
  #peer: SimulatedStreamChannel | null = null;
  readonly #reads: Choices;
  #sink: StreamSink | null = null;
  #queued = false;
  #reading = false;
  #arrived: Uint8Array[] = [];
  /** of the first, so many bytes are read */
  #readOffset = 0;
  #endArrived = false;
  #endTold = false;
  /** what has not been taken: from this chunk on, and in it from this byte on */
  #unsent: readonly Uint8Array[] = [];
  #unsentIndex = 0;
  #unsentOffset = 0;
  #unsentBytes = 0;
  #shutDown = false;
  #shutdownUntold = false;
  /** how the connection broke */
  #broken: KernelErrorCode | 'EFAULT' | null = null;
  #failed = false;
  #closed = false;
  #closedUntold = false;
  #ref = true;

  /** Then `join` it, and `open` it. */
  constructor(program: SocketProgram, localAddress: SocketAddress, remoteAddress: SocketAddress) {
    this.program = program;
    this.machine = program.machine;
    this.localAddress = localAddress;
    this.remoteAddress = remoteAddress;
    this.#reads = this.machine.world.oracle.choices(`reads ${this.machine.name}`, 'network');
    this.#reads.describeBy(describeReads);
  }

  /** Makes a connection of both. */
  static join(one: SimulatedStreamChannel, other: SimulatedStreamChannel): void {
    const there = new StreamFlow(one, other);
    const back = new StreamFlow(other, one);
    one.#outgoing = there;
    one.#incoming = back;
    other.#outgoing = back;
    other.#incoming = there;
    one.#peer = other;
    other.#peer = one;
  }

  /** Its kernel knows of it from now on. @param begin and says so to the peer, as the last of the handshake */
  open(begin: boolean): void {
    this.machine.kernel.opened(this);
    if (begin) this.#outgoing?.send('begin');
  }

  start(sink: StreamSink): void {
    this.#sink = sink;
  }

  startReading(): void {
    if (this.#closed || this.#failed || this.#endTold) return;
    this.#reading = true;
    if (this.unreadBytes > 0 || this.#endArrived || this.#broken !== null) this.#wake();
  }

  pauseReading(): void {
    this.#reading = false;
  }

  write(chunks: readonly Uint8Array[]): number {
    let bytes = 0;
    for (let i = 0; i < chunks.length; i++) bytes += (chunks[i] as Uint8Array).length;
    if (this.#closed || this.#failed) return bytes;
    this.#unsent = chunks;
    this.#unsentIndex = 0;
    this.#unsentOffset = 0;
    this.#unsentBytes = bytes;
    return this.#send();
  }

  shutdown(): void {
    if (this.#closed || this.#failed) return;
    this.#shutDown = true;
    if (this.#broken === null) this.#outgoing?.send('end');
    this.#shutdownUntold = true;
    this.#wake();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#closedUntold = true;
    this.#unsent = [];
    this.#unsentBytes = 0;
    const unread = this.unreadBytes > 0;
    this.#arrived = [];
    this.unreadBytes = 0;
    this.release?.();
    this.#endKeepAlive();
    const outgoing = this.#outgoing as StreamFlow;
    // One that is not made yet is reset when the rest of the handshake comes.
    if ((this.#broken === null || this.#broken === 'EFAULT') && this.acceptor === null) {
      // As Linux does: the peer is to know that not all of what it sent was read.
      if (unread) outgoing.reset();
      else if (!this.#shutDown) outgoing.send('end');
    }
    this.acceptor = null;
    if (this.#broken !== null || outgoing.drained) this.machine.kernel.closed(this);
    this.#wake();
  }

  abort(): void {
    this.close();
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
    const sink = this.#sink;
    if (this.#closed) {
      if (!this.#closedUntold) return;
      this.#closedUntold = false;
      sink?.closed();
      return;
    }
    if (sink === null || this.#failed) return;
    if (this.#unsentBytes > 0) {
      // Who waits to write is told of a broken connection at once.
      if (this.#broken !== null) {
        this.#fail(sink, 'send');
        return;
      }
      this.#progress(sink);
    }
    if (this.#shutdownUntold && !this.#closed) {
      this.#shutdownUntold = false;
      sink.shutdownDone();
    }
    if (this.#reading) this.#read(sink);
  }

  toString(): string {
    return `<I/O of ${this.label}>`;
  }

  // For the kernels.

  get label(): string {
    const { localAddress: address } = this;
    return 'path' in address ? `${this.machine.name} (Unix)` : `${this.machine.name}:${address.port}`;
  }

  get closed(): boolean {
    return this.#closed || this.#broken !== null;
  }

  arrived(kind: SegmentKind, data: Uint8Array): void {
    if (kind === 'data') {
      this.#arrived.push(data);
      this.unreadBytes += data.length;
      if (this.#reading) this.#wake();
    } else if (kind === 'end') {
      this.#endArrived = true;
      if (this.#reading) this.#wake();
    } else if (kind === 'reset') {
      this.#break(this.#endArrived ? 'EPIPE' : 'ECONNRESET');
    } else {
      const { acceptor } = this;
      this.acceptor = null;
      acceptor?.begun(this);
    }
  }

  roomMade(): void {
    if (this.#unsentBytes > 0) this.#wake();
  }

  timedOut(): void {
    this.#break('ETIMEDOUT');
  }

  flowEnded(): void {
    if (this.#closed) this.machine.kernel.closed(this);
  }

  sendReset(): void {
    this.#outgoing?.reset();
  }

  /** Nobody wants the connection: resets it, and tells nobody here. */
  refuse(): void {
    this.#closed = true;
    this.#arrived = [];
    this.unreadBytes = 0;
    this.release?.();
    this.machine.kernel.closed(this);
    this.sendReset();
  }

  vanish(): void {
    this.vanished = true;
    this.#endKeepAlive();
    this.#closed = true;
    this.#closedUntold = false;
    this.#arrived = [];
    this.unreadBytes = 0;
    this.#outgoing?.drop();
    this.#incoming?.peerVanished();
    this.#peer?.peerVanished();
  }

  /** Nothing will ever come any more, which is found out by trying. */
  peerVanished(): void {
    if (!this.keepAlive || this.closed || this.#peer?.machine === this.machine) return;
    this.#keepAliveEvent = this.machine.world.schedule(keepAliveTime, { run: () => this.#probe() });
  }

  #probe(): void {
    this.#keepAliveEvent = -1;
    if (this.#peer?.machine.up === true) {
      this.#peer.sendReset();
      return;
    }
    const giveUp = () => {
      this.#keepAliveEvent = -1;
      this.timedOut();
    };
    this.#keepAliveEvent = this.machine.world.schedule(keepAliveProbing, { run: giveUp });
  }

  #endKeepAlive(): void {
    if (this.#keepAliveEvent === -1) return;
    this.machine.world.cancel(this.#keepAliveEvent);
    this.#keepAliveEvent = -1;
  }

  #wake(): void {
    if (this.#queued) return;
    this.#queued = true;
    this.program.enqueue(this);
  }

  #break(code: KernelErrorCode | 'EFAULT'): void {
    if (this.#broken !== null) return;
    this.#broken = code;
    // Of lost data the peer has to hear when this is closed; of all else it knows, or cannot be told.
    if (code !== 'EFAULT') this.#outgoing?.drop();
    this.#endKeepAlive();
    if (this.acceptor !== null) {
      this.acceptor.forget(this);
      this.close();
    }
    if (this.#reading || this.#unsentBytes > 0) this.#wake();
  }

  /** Hands on what there is room for; returns the bytes that are left. */
  #send(): number {
    if (this.#broken === null && this.#peer?.closed === true && 'path' in this.localAddress)
      this.#break('EPIPE');
    const outgoing = this.#outgoing as StreamFlow;
    while (this.#unsentBytes > 0 && this.#broken === null) {
      const { room } = outgoing;
      if (room <= 0) {
        outgoing.wantRoom();
        break;
      }
      const size = outgoing.segmentSize(Math.min(room, this.#unsentBytes));
      const segment = this.#take(size);
      if (segment === null) this.#break('EFAULT');
      else outgoing.send('data', segment);
    }
    if (this.#unsentBytes === 0) this.#unsent = [];
    else if (this.#broken !== null) this.#wake();
    return this.#unsentBytes;
  }

  /** A copy, since what counts as taken is the writer's again. null: somebody has transferred the memory meanwhile. */
  #take(size: number): Uint8Array | null {
    const segment = segmentMemory(size);
    let used = 0;
    while (used < size) {
      const chunk = this.#unsent[this.#unsentIndex];
      if (chunk === undefined) return null;
      const left = chunk.length - this.#unsentOffset;
      const count = Math.min(left, size - used);
      if (count > 0) {
        const whole = count === chunk.length;
        segment.set(whole ? chunk : chunk.subarray(this.#unsentOffset, this.#unsentOffset + count), used);
        used += count;
      }
      if (count >= left) {
        this.#unsentIndex++;
        this.#unsentOffset = 0;
      } else {
        this.#unsentOffset += count;
      }
    }
    this.#unsentBytes -= size;
    return segment;
  }

  #progress(sink: StreamSink): void {
    const before = this.#unsentBytes;
    const pending = this.#send();
    if (pending < before) sink.writeProgress(pending);
  }

  #read(sink: StreamSink): void {
    for (let reads = 0; reads < readsMax && this.unreadBytes > 0; reads++) {
      const room = sink.room();
      if (!this.#reading || this.#closed) return;
      if (room === null) {
        const chunk = this.#takeArrived();
        this.#incoming?.readerMadeRoom();
        sink.data(chunk, false);
        if (!this.#reading || this.#closed) return;
        break;
      }
      const count = this.#fill(room);
      this.#incoming?.readerMadeRoom();
      sink.filled(count);
      if (!this.#reading || this.#closed) return;
    }
    if (this.unreadBytes > 0) {
      this.#wake();
    } else if (this.#endArrived) {
      if (this.#endTold) return;
      this.#endTold = true;
      this.#reading = false;
      sink.end();
    } else if (this.#broken !== null) {
      this.#fail(sink, 'recv');
    }
  }

  /** All that has arrived, as one read gives it; or, of several pieces, as if the last ones had come just after it. */
  #takeArrived(): Uint8Array {
    const arrived = this.#arrived;
    if (this.#readOffset > 0) {
      arrived[0] = (arrived[0] as Uint8Array).subarray(this.#readOffset);
      this.#readOffset = 0;
    }
    const count = arrived.length - this.#reads.pick(arrived.length);
    let taken: Uint8Array;
    if (count === arrived.length && count === 1) {
      taken = arrived[0] as Uint8Array;
      arrived.length = 0;
    } else {
      const pieces = arrived.splice(0, count);
      taken = count === 1 ? (pieces[0] as Uint8Array) : joined(pieces);
    }
    this.unreadBytes -= taken.length;
    return taken;
  }

  #fill(room: Uint8Array): number {
    let used = 0;
    let pieces = 0;
    for (const piece of this.#arrived) {
      const left = piece.length - this.#readOffset;
      const count = Math.min(left, room.length - used);
      room.set(piece.subarray(this.#readOffset, this.#readOffset + count), used);
      used += count;
      if (count < left) {
        this.#readOffset += count;
        break;
      }
      this.#readOffset = 0;
      pieces++;
    }
    this.#arrived.splice(0, pieces);
    this.unreadBytes -= used;
    return used;
  }

  #fail(sink: StreamSink, syscall: string): void {
    this.#failed = true;
    this.#reading = false;
    this.#unsent = [];
    this.#unsentBytes = 0;
    sink.failed(
      this.#broken === 'EFAULT'
        ? takenAway()
        : kernelError('use the connection', syscall, this.#broken as KernelErrorCode),
    );
  }
}

function describeReads(outcome: number, count: number): string {
  return `${outcome} of ${count} pieces later`;
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  let byteCount = 0;
  for (const piece of pieces) byteCount += piece.length;
  const all = segmentMemory(byteCount);
  let used = 0;
  for (const piece of pieces) {
    all.set(piece, used);
    used += piece.length;
  }
  return all;
}

/** Somebody has transferred the buffer of what was yet to be sent. */
function takenAway(): SystemError {
  return new SystemError('Cannot send: the data was taken away before it was sent', {
    code: 'EFAULT',
    errno: -14,
    syscall: 'send',
  });
}
