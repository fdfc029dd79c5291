import type { Listener, ListenerSink, Operation, SocketAddress, SystemError } from '../../interface/index.ts';
import { READABLE } from '../../selectors/index.ts';
import {
  acceptConnection,
  acceptedFrom,
  closeAtThreadEnd,
  EAGAIN,
  EBADF,
  ECONNABORTED,
  EINVAL,
  EMFILE,
  ENFILE,
  ENOBUFS,
  ENOMEM,
  EPROTO,
  localAddressOf,
  refuseNewConnections,
  systemFailure,
} from '../../syscalls/index.ts';
import { describeAddress } from '../common/describe-address.ts';
import { type ChannelParts, ReadyStreamChannel } from './ready-stream-channel.ts';
import { Watched } from './watched.ts';

/** So many are accepted at one readiness, or the backlog's worth; then others get their turn. */
const acceptsMax = 64;

/** While descriptors or memory are short, accepting pauses for so many milliseconds. */
const troublePause = 1_000;

const troubles: ReadonlySet<number> = new Set([EMFILE, ENFILE, ENOBUFS, ENOMEM, EBADF, EINVAL]);

/** So many failures in a row are not those of connections: it is the kernel that refuses, and will go on to. */
const failuresMax = 64;

/** A listening socket, whose connections inherit its options. */
export class ReadyListener extends Watched implements Listener {
  readonly address: SocketAddress;
  readonly #parts: ChannelParts;
  readonly #sink: ListenerSink;
  readonly #release: () => void;
  readonly #accepts: number;
  /** one for all connections, unless it takes them at several */
  readonly #localAddress: SocketAddress | null;
  readonly #keepBeyondThread: () => void;
  #pause: Operation | null = null;
  #failures = 0;
  #closed = false;
  #ref = true;

  /**
   * @param release closes the descriptor
   * @throws {SystemError} the kernel does not watch it
   */
  constructor(
    fd: number,
    address: SocketAddress,
    backlog: number,
    parts: ChannelParts,
    sink: ListenerSink,
    release: () => void,
  ) {
    super(fd);
    this.address = address;
    this.#parts = parts;
    this.#sink = sink;
    this.#release = release;
    this.#accepts = Math.min(backlog + 1, acceptsMax);
    this.#localAddress = 'host' in address && isWildcard(address.host) ? null : address;
    parts.reactor.want(this, READABLE);
    this.#keepBeyondThread = closeAtThreadEnd(fd);
    parts.reactor.ref();
    parts.open.add(this);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#pause?.cancel();
    const { reactor, open } = this.#parts;
    reactor.drop(this);
    this.#keepBeyondThread();
    this.#release();
    open.delete(this);
    if (this.#ref) reactor.unref();
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

  finish(onFinished: () => void): void {
    const run = () => {
      if (!this.#closed) {
        if ('host' in this.address) refuseNewConnections(this.fd);
        this.#accept(Infinity);
      }
      onFinished();
    };
    this.#parts.reactor.host.enqueue({ run });
  }

  protected readable(): void {
    this.#accept(this.#accepts);
  }

  #accept(count: number): void {
    for (let accepts = 0; accepts < count && !this.#closed; accepts++) {
      const fd = acceptConnection(this.fd);
      if (fd < 0) {
        if (-fd === EAGAIN) return;
        if (troubles.has(-fd) || this.#failures >= failuresMax) {
          this.#troubled(-fd);
          return;
        }
        // That connection has failed already, which is its client's trouble: accept(2), "Error handling". No client can
        // have it counted.
        if (-fd !== ECONNABORTED && -fd !== EPROTO) this.#failures++;
        continue;
      }
      this.#failures = 0;
      const remoteAddress = acceptedFrom();
      const localAddress = this.#localAddress ?? localAddressOf(fd);
      this.#sink.connection(new ReadyStreamChannel(fd, this.#parts, localAddress, remoteAddress));
    }
  }

  protected writable(): void {
    // Never wanted.
  }

  override toString(): string {
    return `<I/O: connections to ${describeAddress(this.address)}>`;
  }

  #troubled(number: number): void {
    this.#parts.reactor.refuse(this, READABLE);
    this.#pauseFor(systemFailure(`accept connections on ${describeAddress(this.address)}`, 'accept', number));
  }

  #pauseFor(trouble: SystemError): void {
    const { reactor } = this.#parts;
    this.#failures = 0;
    this.#pause?.cancel();
    this.#pause = reactor.host.callLater(troublePause, () => {
      this.#pause = null;
      if (this.#closed) return;
      try {
        reactor.want(this, READABLE);
      } catch (error) {
        this.#pauseFor(error as SystemError);
      }
    });
    this.#sink.troubled(trouble);
  }
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}
