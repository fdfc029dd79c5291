import type { PipeOperations, StreamChannel, SystemError } from '../../interface/index.ts';
import { READABLE } from '../../selectors/index.ts';
import {
  EIO,
  EPERM,
  hasHungUp,
  libc,
  localAddressOf,
  remoteAddressOf,
  systemFailure,
} from '../../syscalls/index.ts';
import { type PipeEnd, takePipeEnd } from './pipe-end.ts';
import type { ReadSlab } from './read-slab.ts';
import { type ChannelParts, ReadyStreamChannel, roomBytesMax } from './ready-stream-channel.ts';
import type { WriteStage } from './write-stage.ts';

/** Pipes, by read(2) and write(2). */
export class ReadyPipes implements PipeOperations {
  readonly #parts: ChannelParts;

  constructor(parts: ChannelParts) {
    this.#parts = parts;
  }

  openReader(fd: number, close: (() => void) | null): StreamChannel {
    this.#parts.descriptors.mustBeFree(fd, `read from descriptor ${fd}`);
    return new PipeReader(takePipeEnd(fd, 'read', close), this.#parts);
  }

  openWriter(fd: number, close: (() => void) | null): StreamChannel {
    this.#parts.descriptors.mustBeFree(fd, `write to descriptor ${fd}`);
    return new PipeWriter(takePipeEnd(fd, 'write', close), this.#parts);
  }
}

abstract class PipeChannel extends ReadyStreamChannel {
  protected readonly end: PipeEnd;

  constructor(end: PipeEnd, parts: ChannelParts) {
    const isSocket = end.kind === 'socket';
    super(end.fd, parts, isSocket ? localAddressOf(end.fd) : null, isSocket ? remoteAddressOf(end.fd) : null);
    this.end = end;
  }

  protected override release(): void {
    this.end.release();
  }

  override toString(): string {
    return `<I/O of descriptor ${this.fd}, a ${this.end.kind}>`;
  }
}

/**
 * epoll refuses to watch what is always ready, as /dev/null and regular files are (EPERM). Such a descriptor is read once
 * in every turn.
 */
class PipeReader extends PipeChannel {
  readonly #parts: ChannelParts;
  #alwaysReady = false;

  constructor(end: PipeEnd, parts: ChannelParts) {
    super(end, parts);
    this.#parts = parts;
  }

  override run(): void {
    super.run();
    if (this.#alwaysReady && (this.wanted & READABLE) !== 0) this.#queue();
  }

  protected override watchReadable(): void {
    if (this.#alwaysReady) {
      this.#queue();
      return;
    }
    try {
      super.watchReadable();
    } catch (error) {
      if ((error as SystemError).errno !== -EPERM) throw error;
      this.#alwaysReady = true;
      this.#queue();
    }
  }

  protected override receive(slab: ReadSlab, room: Uint8Array | null): number {
    if (room === null) return slab.read(this.fd);
    return libc().read(this.fd, room, Math.min(room.length, roomBytesMax));
  }

  protected override refused(_call: string, number: number): void {
    // A terminal whose other side is gone.
    if (number === EIO && this.end.kind === 'terminal') this.readEnd();
    else this.fail(systemFailure(`read from descriptor ${this.fd}`, 'read', number));
  }

  #queue(): void {
    this.wanted |= READABLE;
    if (this.ready === 0) this.#parts.reactor.host.enqueue(this);
    this.ready |= READABLE;
  }
}

/**
 * A writer that waits for readability, which a pipe's writing end never has, learns by that when the reader is gone: the
 * kernel reports the hang-up for whatever is watched. A socket can be readable, because its peer writes or has ended only
 * its own direction; then nobody looks out any more, and it shows at the next write.
 */
class PipeWriter extends PipeChannel {
  readonly #parts: ChannelParts;

  constructor(end: PipeEnd, parts: ChannelParts) {
    super(end, parts);
    this.#parts = parts;
  }

  protected override watchReadable(): void {
    if (this.end.kind === 'pipe' || this.end.kind === 'socket') super.watchReadable();
  }

  protected override readable(): void {
    if (hasHungUp(this.fd)) this.readEnd();
    else this.#parts.reactor.refuse(this, READABLE);
  }

  protected override transmit(
    stage: WriteStage,
    chunks: readonly Uint8Array[],
    index: number,
    offset: number,
  ): number {
    return stage.write(this.fd, chunks, index, offset);
  }

  protected override refused(_call: string, number: number): void {
    this.fail(systemFailure(`write to descriptor ${this.fd}`, 'write', number));
  }
}
