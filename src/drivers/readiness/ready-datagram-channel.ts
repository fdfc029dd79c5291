import type {
  AddressFamily,
  DatagramChannel,
  DatagramSink,
  SocketAddress,
  SystemError,
} from '../../interface/index.ts';
import { READABLE, WRITABLE } from '../../selectors/index.ts';
import {
  EAGAIN,
  EBADF,
  ECONNREFUSED,
  EINTR,
  EMSGSIZE,
  ENOTSOCK,
  encodeAddress,
  errno,
  systemFailure,
} from '../../syscalls/index.ts';
import { describeAddress } from '../common/describe-address.ts';
import { type DatagramSlab, datagramBytesMax } from './datagram-slab.ts';
import type { ChannelParts } from './ready-stream-channel.ts';
import { named } from './socket-calls.ts';
import { Watched } from './watched.ts';

/** So many are received at one readiness; then others get their turn. */
const receivesMax = 64;

/** Milliseconds between two attempts to send where the kernel does not say when to try again. */
const retryDelay = 2;

/** The sender of what comes from a socket that was not bound. */
const nobody: SocketAddress = Object.freeze({ path: '' });

interface Queued {
  readonly data: Uint8Array;
  readonly to: SocketAddress | null;
  readonly encoded: Uint8Array | null;
}

interface Ends {
  readonly family: AddressFamily | 'unix';
  readonly localAddress: SocketAddress | null;
  readonly remoteAddress: SocketAddress | null;
}

/** A datagram socket that is watched for readiness. */
export class ReadyDatagramChannel extends Watched implements DatagramChannel {
  readonly family: AddressFamily | 'unix';
  readonly localAddress: SocketAddress | null;
  readonly remoteAddress: SocketAddress | null;
  readonly #parts: ChannelParts;
  readonly #slab: DatagramSlab;
  readonly #release: () => void;
  #sink: DatagramSink | null = null;
  #queue: Queued[] = [];
  #queuedBytes = 0;
  /** the address sent to last, as the kernel takes it: most are sent to the same one again */
  #lastAddress: SocketAddress | null = null;
  #lastEncoded: Uint8Array | null = null;
  #failed = false;
  #descriptorLost = false;
  #closed = false;
  #ref = true;

  /** @param release gives the descriptor back */
  constructor(fd: number, ends: Ends, parts: ChannelParts, slab: DatagramSlab, release: () => void) {
    super(fd);
    this.family = ends.family;
    this.localAddress = ends.localAddress;
    this.remoteAddress = ends.remoteAddress;
    this.#parts = parts;
    this.#slab = slab;
    this.#release = release;
    parts.open.add(this);
    parts.reactor.ref();
  }

  start(sink: DatagramSink): void {
    this.#sink = sink;
  }

  startReading(): void {
    if (!this.#closed && !this.#failed) this.#want(READABLE);
  }

  send(data: Uint8Array, address: SocketAddress | null): boolean {
    const encoded = address === null ? null : this.#encode(address);
    if (this.#closed || this.#failed) return true;
    if (this.#queue.length === 0 && this.#transmit(data, address, encoded)) return true;
    this.#queue.push({ data: new Uint8Array(data), to: address, encoded });
    this.#queuedBytes += data.length;
    if (this.#queue.length === 1) this.#want(WRITABLE);
    return false;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = [];
    const { reactor, open } = this.#parts;
    reactor.drop(this);
    if (!this.#descriptorLost) this.#release();
    open.delete(this);
    if (this.#ref) reactor.unref();
    reactor.host.enqueue({ run: () => this.#sink?.closed() });
  }

  abort(): void {
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
    this.#fail(systemFailure('use the datagram socket, whose descriptor was closed', 'epoll_ctl', EBADF));
  }

  protected readable(): void {
    const sink = this.#sink as DatagramSink;
    for (let receives = 0; receives < receivesMax && (this.wanted & READABLE) !== 0; receives++) {
      const count = this.#slab.receive(this.fd);
      if (count < 0) {
        const number = errno();
        if (number === EINTR) continue;
        if (number !== EAGAIN) this.#trouble(this.#receiveFailure(number));
        return;
      }
      if (count > datagramBytesMax) this.#tell(sink, tooLong(count));
      else sink.datagram(this.#slab.view(count), true, this.#slab.from() ?? nobody);
    }
  }

  protected writable(): void {
    let sent = 0;
    for (const { data, to, encoded } of this.#queue) {
      if (!this.#transmit(data, to, encoded)) break;
      this.#queuedBytes -= data.length;
      sent++;
    }
    this.#queue.splice(0, sent);
    if (this.#failed) return;
    if (this.#queue.length === 0) this.#parts.reactor.refuse(this, WRITABLE);
    else if (sent === 0) this.#tryLater();
    if (sent > 0) this.#sink?.sendProgress(this.#queue.length, this.#queuedBytes);
  }

  override toString(): string {
    const where = this.localAddress === null ? `descriptor ${this.fd}` : describeAddress(this.localAddress);
    return `<I/O: datagrams of ${where}>`;
  }

  /** False: the kernel has no room for it. What it refuses is told of, and gone. */
  #transmit(data: Uint8Array, to: SocketAddress | null, encoded: Uint8Array | null): boolean {
    let retried = this.family === 'unix';
    for (;;) {
      const number = this.#slab.send(this.fd, data, encoded);
      if (number === 0) return true;
      if (number === EINTR) continue;
      if (number === EAGAIN) return false;
      // About an earlier one, which has come back: this one was not sent yet. See ip(7), "Error handling".
      const earlier = number === ECONNREFUSED && !retried;
      this.#trouble(
        earlier ? this.#receiveFailure(number) : this.#sendFailure(number, to ?? this.remoteAddress),
      );
      if (!earlier) return true;
      retried = true;
    }
  }

  /**
   * A Unix socket that is not connected counts as writable whenever its own memory is free, though its datagrams are
   * refused for as long as the receiver's queue is full: waiting for readiness would spin.
   */
  #tryLater(): void {
    const { reactor } = this.#parts;
    reactor.refuse(this, WRITABLE);
    reactor.host.callLater(retryDelay, () => {
      if (!this.#closed && !this.#failed) this.#want(WRITABLE);
    });
  }

  #encode(address: SocketAddress): Uint8Array {
    if (this.#lastEncoded === null || !isSame(address, this.#lastAddress)) {
      this.#lastEncoded = encodeAddress(address);
      // A copy: the caller's own may be changed.
      this.#lastAddress = { ...address };
    }
    return this.#lastEncoded;
  }

  #want(interest: number): void {
    try {
      this.#parts.reactor.want(this, interest);
    } catch (error) {
      this.#fail(error as SystemError);
    }
  }

  #receiveFailure(number: number): SystemError {
    // Of a connected socket it is what has become of a datagram that was sent.
    const remote = this.remoteAddress;
    return remote === null
      ? systemFailure('receive a datagram', 'recvfrom', number)
      : systemFailure(`reach ${describeAddress(remote)}`, 'recvfrom', number, named(remote));
  }

  #sendFailure(number: number, to: SocketAddress | null): SystemError {
    if (to === null) return systemFailure('send a datagram', 'sendto', number);
    return systemFailure(`send a datagram to ${describeAddress(to)}`, 'sendto', number, named(to));
  }

  #trouble(error: SystemError): void {
    if (error.errno === -EBADF || error.errno === -ENOTSOCK) this.#fail(error);
    else if (this.#sink !== null) this.#tell(this.#sink, error);
  }

  #tell(sink: DatagramSink, error: SystemError): void {
    this.#parts.reactor.host.enqueue({
      run: () => {
        if (!this.#closed) sink.troubled(error);
      },
    });
  }

  #fail(error: SystemError): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#parts.reactor.drop(this);
    this.#parts.reactor.host.enqueue({
      run: () => {
        if (!this.#closed) this.#sink?.failed(error);
      },
    });
  }
}

function tooLong(byteCount: number): SystemError {
  return systemFailure(
    `receive a datagram of ${byteCount} bytes, ${datagramBytesMax} being the most`,
    'recvfrom',
    EMSGSIZE,
  );
}

function isSame(a: SocketAddress, b: SocketAddress | null): boolean {
  if (b === null) return false;
  if ('path' in a) return 'path' in b && a.path === b.path;
  return 'host' in b && a.port === b.port && a.host === b.host && a.family === b.family;
}
