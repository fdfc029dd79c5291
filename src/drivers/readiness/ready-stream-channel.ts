import {
  type Completion,
  type FileRange,
  type FileSending,
  type SocketAddress,
  type StreamChannel,
  type StreamSink,
  SystemError,
} from '../../interface/index.ts';
import { READABLE, WRITABLE } from '../../selectors/index.ts';
import {
  closeDescriptor,
  constants,
  EAGAIN,
  EBADF,
  EFAULT,
  EINTR,
  ENOBUFS,
  errno,
  libc,
  resetAtClose,
  systemFailure,
} from '../../syscalls/index.ts';
import { FileSend } from './file-send.ts';
import type { OpenDescriptors } from './open-descriptors.ts';
import type { Reactor } from './reactor.ts';
import { type ReadSlab, readBytesMax } from './read-slab.ts';
import { Watched } from './watched.ts';
import type { WatchedDescriptors } from './watched-descriptor.ts';
import type { WriteStage } from './write-stage.ts';

/** While reads fill their room, there are so many to one readiness: then others get their turn. */
const readsMax = 4;

/** No call moves more: its size and its result are 32-bit numbers. */
export const roomBytesMax = 2 ** 30;

/** What the channels of one driver share. */
export interface ChannelParts {
  readonly reactor: Reactor;
  readonly slab: ReadSlab;
  readonly stage: WriteStage;
  readonly open: OpenDescriptors;
  /** those that are the program's own */
  readonly descriptors: WatchedDescriptors;
}

/** A stream socket that is watched for readiness: completion is imitated by trying, waiting and trying again. */
export class ReadyStreamChannel extends Watched implements StreamChannel {
  readonly localAddress: SocketAddress | null;
  readonly remoteAddress: SocketAddress | null;
  readonly #parts: ChannelParts;
  #sink: StreamSink | null = null;
  /** what the kernel has not taken: from this chunk on, and in it from this byte on */
  #unsent: readonly Uint8Array[] = [];
  #unsentIndex = 0;
  #unsentOffset = 0;
  #unsentBytes = 0;
  #file: { readonly send: FileSend; readonly completion: Completion<number> } | null = null;
  #failure: SystemError | null = null;
  #ended = false;
  #closed = false;
  #descriptorLost = false;
  #ref = true;

  constructor(
    fd: number,
    parts: ChannelParts,
    localAddress: SocketAddress | null,
    remoteAddress: SocketAddress | null,
  ) {
    super(fd);
    this.#parts = parts;
    this.localAddress = localAddress;
    this.remoteAddress = remoteAddress;
    parts.open.add(this);
    parts.reactor.ref();
  }

  start(sink: StreamSink): void {
    this.#sink = sink;
  }

  startReading(): void {
    if (this.#closed || this.#ended || this.#failure !== null) return;
    try {
      this.watchReadable();
    } catch (error) {
      this.#fail(error as SystemError);
    }
  }

  pauseReading(): void {
    this.#parts.reactor.ignore(this, READABLE);
  }

  write(chunks: readonly Uint8Array[]): number {
    let bytes = 0;
    for (const chunk of chunks) bytes += chunk.length;
    if (this.#closed || this.#failure !== null) return bytes;
    this.#unsent = chunks;
    this.#unsentIndex = 0;
    this.#unsentOffset = 0;
    this.#unsentBytes = bytes;
    const pending = this.#send();
    if (pending > 0 && this.#failure === null) {
      try {
        this.#parts.reactor.want(this, WRITABLE);
      } catch (error) {
        this.#fail(error as SystemError);
      }
    }
    return pending;
  }

  sendFile(range: FileRange, completion: Completion<number>): FileSending {
    const send = new FileSend(this.fd, range);
    if (!this.#closed && this.#failure === null) {
      this.#file = { send, completion };
      try {
        this.#parts.reactor.want(this, WRITABLE);
      } catch (error) {
        this.#fail(error as SystemError);
      }
    }
    return {
      cancel: () => {
        if (this.#file?.send === send) this.#fileEnded();
      },
      get sentBytes() {
        return send.sentBytes;
      },
    };
  }

  shutdown(): void {
    if (this.#closed || this.#failure !== null) return;
    // That the peer is gone already is told elsewhere.
    libc().shutdown(this.fd, constants.SHUT_WR);
    this.#parts.reactor.host.enqueue({
      run: () => {
        if (!this.#closed) this.#sink?.shutdownDone();
      },
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#unsent = [];
    this.#file = null;
    const { reactor, open } = this.#parts;
    reactor.drop(this);
    if (!this.#descriptorLost) this.release();
    open.delete(this);
    if (this.#ref) reactor.unref();
    reactor.host.enqueue({ run: () => this.#sink?.closed() });
  }

  abort(): void {
    this.close();
  }

  reset(): void {
    if (!this.#closed && !this.#descriptorLost) resetAtClose(this.fd);
    this.close();
  }

  ref(): void {
    if (this.#ref) return;
    this.#ref = true;
    if (!this.#closed) this.#parts.reactor.ref();
  }

  unref(): void {
    if (!this.#ref) return;
    this.#ref = false;
    if (!this.#closed) this.#parts.reactor.unref();
  }

  override lost(): void {
    this.#descriptorLost = true;
    this.#fail(systemFailure('use the connection, whose descriptor was closed', 'epoll_ctl', EBADF));
  }

  protected readable(): void {
    const sink = this.#sink as StreamSink;
    const { slab } = this.#parts;
    for (let reads = 0; reads < readsMax; reads++) {
      const room = sink.room();
      if ((this.wanted & READABLE) === 0) return;
      const size = room === null ? readBytesMax : room.length;
      const count = this.receive(slab, room);
      if (count > 0) {
        if (room === null) sink.data(slab.view(count), true);
        else sink.filled(count);
        if (count < size || (this.wanted & READABLE) === 0) return;
      } else if (count === 0) {
        this.readEnd();
        return;
      } else {
        const number = errno();
        if (number === EINTR) continue;
        if (number !== EAGAIN) this.refused('recv', number);
        return;
      }
    }
  }

  protected writable(): void {
    if (this.#file !== null) {
      this.#sendFile(this.#file.send, this.#file.completion);
      return;
    }
    const pending = this.#send();
    if (this.#failure !== null) return;
    if (pending === 0) this.#parts.reactor.refuse(this, WRITABLE);
    this.#sink?.writeProgress(pending);
  }

  // What is done to the descriptor: of a pipe in other words.

  /** As recv(2) does, into the room or else the slab. */
  protected receive(slab: ReadSlab, room: Uint8Array | null): number {
    if (room === null) return slab.recv(this.fd);
    return libc().recv(this.fd, room, Math.min(room.length, roomBytesMax), 0);
  }

  /** As send(2) does. */
  protected transmit(
    stage: WriteStage,
    chunks: readonly Uint8Array[],
    index: number,
    offset: number,
  ): number {
    return stage.send(this.fd, chunks, index, offset);
  }

  /** @throws {SystemError} the kernel does not watch it */
  protected watchReadable(): void {
    this.#parts.reactor.want(this, READABLE);
  }

  /** The kernel refuses to go on. */
  protected refused(call: 'recv' | 'send', number: number): void {
    this.#fail(systemFailure('use the connection', call, number));
  }

  protected release(): void {
    closeDescriptor(this.fd);
  }

  /** There is nothing more to be read. */
  protected readEnd(): void {
    if (this.#ended || this.#closed || this.#failure !== null) return;
    this.#ended = true;
    this.#parts.reactor.refuse(this, READABLE);
    this.#sink?.end();
  }

  protected fail(error: SystemError): void {
    this.#fail(error);
  }

  override toString(): string {
    return `<I/O of descriptor ${this.fd}>`;
  }

  /** Sends until all is sent or the kernel is full; returns the bytes it has not taken. */
  #send(): number {
    const { stage } = this.#parts;
    while (this.#unsentBytes > 0) {
      let count = 0;
      let cause: unknown;
      try {
        count = this.transmit(stage, this.#unsent, this.#unsentIndex, this.#unsentOffset);
      } catch (error) {
        cause = error;
      }
      if (count === 0) {
        // The kernel takes at least one byte, or says why not; but there is none any more.
        this.#fail(takenAway(cause));
        return this.#unsentBytes;
      }
      if (count < 0) {
        const number = errno();
        if (number === EINTR) continue;
        // Full; or short of memory for it, which passes as well.
        if (number !== EAGAIN && number !== ENOBUFS) this.refused('send', number);
        return this.#unsentBytes;
      }
      this.#sent(count);
    }
    this.#unsent = [];
    return 0;
  }

  #sendFile(send: FileSend, completion: Completion<number>): void {
    const number = send.attempt();
    if (number === EAGAIN) return;
    this.#fileEnded();
    if (number === 0) {
      completion.succeeded(send.sentBytes);
      return;
    }
    const failure = send.failure(number);
    if (failure === null) this.#fail(systemFailure('use the connection', 'sendfile', number));
    else completion.failed(failure);
  }

  #fileEnded(): void {
    this.#file = null;
    this.#parts.reactor.refuse(this, WRITABLE);
  }

  #sent(count: number): void {
    this.#unsentBytes -= count;
    let left = count + this.#unsentOffset;
    while (this.#unsentIndex < this.#unsent.length) {
      const { length } = this.#unsent[this.#unsentIndex] as Uint8Array;
      if (left < length) break;
      left -= length;
      this.#unsentIndex++;
    }
    this.#unsentOffset = left;
  }

  #fail(error: SystemError): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    this.#file = null;
    this.#parts.reactor.drop(this);
    this.#parts.reactor.host.enqueue({
      run: () => {
        if (!this.#closed) this.#sink?.failed(error);
      },
    });
  }
}

/** Somebody has transferred, or shrunk, the buffer of what was yet to be sent. */
function takenAway(cause: unknown): SystemError {
  return new SystemError(
    'Cannot send: the data was taken away before it was sent',
    { code: 'EFAULT', errno: -EFAULT, syscall: 'send' },
    cause === undefined ? undefined : { cause },
  );
}
