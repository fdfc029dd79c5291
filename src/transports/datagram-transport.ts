import type {
  DatagramChannel,
  DatagramProtocol,
  DatagramSink,
  DatagramTransport as DatagramTransportInterface,
  ExtraInfo,
  SocketAddress,
} from '../interface/index.ts';
import { copyContext, enterContext, leaveContext, warn } from '../loop/index.ts';
import { copyBytes } from './copy-bytes.ts';
import { writeLimits } from './flow-control.ts';
import { TransportCall } from './transport-call.ts';
import type { TransportKeeper, TransportLoop } from './transport-loop.ts';

/** Sends after the end that are dropped in silence; from the next one on there is a warning. */
const silentSendsMax = 4;

/** What a queued datagram counts for besides its bytes: a thousand empty ones are not nothing. */
const overheadBytes = 8;

/**
 * Datagrams, over any driver's channel. What the kernel does not take is queued by the channel; how much of that there may
 * be, and when the protocol is called, is said here.
 *
 * An error that the protocol throws is reported, and the endpoint stays open: the next datagram is another one's.
 */
export class DatagramTransport implements DatagramTransportInterface, DatagramSink {
  readonly #loop: TransportLoop;
  readonly #channel: DatagramChannel;
  readonly #keepers: readonly TransportKeeper[];
  readonly #context = copyContext();
  readonly #remoteAddress: SocketAddress | null;
  #protocol: DatagramProtocol;
  #pendingBytes = 0;
  #limits = writeLimits();
  #writingPaused = false;
  #closing = false;
  #lost = false;
  #sendsAfterEnd = 0;

  /** @param remoteAddress the only one to send to; null: the one the channel is connected to, if it is */
  constructor(
    loop: TransportLoop,
    channel: DatagramChannel,
    protocol: DatagramProtocol,
    remoteAddress: SocketAddress | null,
    keepers: readonly TransportKeeper[],
  ) {
    this.#loop = loop;
    this.#channel = channel;
    this.#protocol = protocol;
    this.#remoteAddress = remoteAddress ?? channel.remoteAddress;
    this.#keepers = keepers;
    this.setProtocol(protocol);
    channel.start(this);
    for (const keeper of keepers) keeper.attach(this);
  }

  /** Queues the calls by which an endpoint begins: `connectionMade`, then reading, then `started`. */
  begin(started: () => void): void {
    this.#later('protocol.connectionMade', 'protocol.connectionMade() failed', () => {
      this.#tellOfCall('connectionMade');
      this.#protocol.connectionMade?.(this);
    });
    this.#later('DatagramTransport.startReading', 'Cannot start reading', () => {
      if (!this.#closing) this.#channel.startReading();
    });
    this.#later('DatagramTransport.started', 'Cannot tell who opened the endpoint', started);
  }

  getExtraInfo<Name extends keyof ExtraInfo>(name: Name): ExtraInfo[Name] | null;
  getExtraInfo<Name extends keyof ExtraInfo, D>(name: Name, fallback: D): ExtraInfo[Name] | D;
  getExtraInfo(name: string, fallback: unknown = null): unknown {
    if (name === 'sockname') return this.#channel.localAddress ?? fallback;
    if (name === 'peername') return this.#channel.remoteAddress ?? fallback;
    if (name === 'fd') return this.#channel.fd === -1 ? fallback : this.#channel.fd;
    return fallback;
  }

  getProtocol(): DatagramProtocol {
    return this.#protocol;
  }

  setProtocol(protocol: DatagramProtocol): void {
    if (typeof protocol !== 'object' || protocol === null) {
      throw new TypeError('Cannot set the protocol: it is not an object');
    }
    this.#protocol = protocol;
  }

  isClosing(): boolean {
    return this.#closing;
  }

  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    if (this.#pendingBytes === 0) this.#lose(null);
  }

  abort(): void {
    this.#end(null);
  }

  sendto(data: Uint8Array, address: SocketAddress | null = null): void {
    if (!(data instanceof Uint8Array)) throw new TypeError('Cannot send: the data is not a Uint8Array');
    this.#checkAddress(address);
    if (this.#closing) {
      if (++this.#sendsAfterEnd > silentSendsMax) {
        warn('WriteAfterEndWarning', 'A transport was written to after its end; the data is dropped');
      }
      return;
    }
    const connected = this.#channel.remoteAddress !== null;
    if (this.#channel.send(data, connected ? null : (address ?? this.#remoteAddress))) return;
    this.#pendingBytes += data.length + overheadBytes;
    this.#pauseIfFull();
  }

  setWriteBufferLimits(limits?: { high?: number | undefined; low?: number | undefined }): void {
    this.#limits = writeLimits(limits);
    this.#pauseIfFull();
  }

  getWriteBufferLimits(): { low: number; high: number } {
    return { low: this.#limits.low, high: this.#limits.high };
  }

  getWriteBufferSize(): number {
    return this.#pendingBytes;
  }

  /** Whether the open endpoint keeps the host alive; true at first. */
  setRef(ref: boolean): void {
    if (ref) this.#channel.ref();
    else this.#channel.unref();
  }

  // What the channel delivers.

  datagram(data: Uint8Array, lent: boolean, address: SocketAddress): void {
    // Closing, it still sends what is queued, and reads no more.
    if (this.#closing) return;
    const previous = enterContext(this.#context);
    try {
      this.#tellOfCall('datagramReceived');
      this.#protocol.datagramReceived?.(lent ? copyBytes(data) : data, address);
    } catch (exception) {
      this.#report('protocol.datagramReceived() failed', exception);
    } finally {
      leaveContext(previous);
    }
  }

  troubled(error: Error): void {
    if (this.#lost) return;
    const previous = enterContext(this.#context);
    try {
      this.#tellOfCall('errorReceived');
      this.#protocol.errorReceived?.(error);
    } catch (exception) {
      this.#report('protocol.errorReceived() failed', exception);
    } finally {
      leaveContext(previous);
    }
  }

  failed(error: Error): void {
    if (this.#lost) return;
    this.#report('Fatal error on the datagram socket', error);
    this.#end(error);
  }

  sendProgress(pendingCount: number, pendingBytes: number): void {
    if (this.#lost) return;
    this.#pendingBytes = pendingBytes + pendingCount * overheadBytes;
    if (this.#writingPaused && this.#pendingBytes <= this.#limits.low) {
      this.#writingPaused = false;
      this.#guarded('resumeWriting');
    }
    if (this.#closing && this.#pendingBytes === 0) this.#lose(null);
  }

  closed(): void {
    for (const keeper of this.#keepers) keeper.detach(this);
  }

  #checkAddress(address: SocketAddress | null): void {
    const remote = this.#remoteAddress;
    if (address === null) {
      if (remote !== null) return;
      throw new RangeError('Cannot send: no address is given, and the endpoint has no remote one');
    }
    const { family } = this.#channel;
    if (familyOf(address) !== family) {
      throw new RangeError(
        `Cannot send to ${describe(address)}: the endpoint is ${family === 'unix' ? 'a Unix socket' : `for IPv${family}`}`,
      );
    }
    if (remote !== null && describe(remote) !== describe(address)) {
      throw new RangeError(
        `Cannot send to ${describe(address)}: the endpoint is for ${describe(remote)} alone`,
      );
    }
  }

  #pauseIfFull(): void {
    if (this.#writingPaused || this.#pendingBytes <= this.#limits.high) return;
    this.#writingPaused = true;
    this.#guarded('pauseWriting');
  }

  #guarded(name: 'pauseWriting' | 'resumeWriting'): void {
    const previous = enterContext(this.#context);
    try {
      this.#tellOfCall(name);
      this.#protocol[name]?.();
    } catch (exception) {
      this.#report(`protocol.${name}() failed`, exception);
    } finally {
      leaveContext(previous);
    }
  }

  #report(message: string, exception: unknown): void {
    this.#loop.callExceptionHandler({ message, exception, transport: this, protocol: this.#protocol });
  }

  /** Ends now: what is queued is dropped. */
  #end(error: Error | null): void {
    this.#closing = true;
    this.#pendingBytes = 0;
    this.#lose(error);
  }

  #lose(error: Error | null): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#later('protocol.connectionLost', 'protocol.connectionLost() failed', () => {
      try {
        this.#tellOfCall('connectionLost');
        this.#protocol.connectionLost?.(error);
      } finally {
        this.#channel.close();
      }
    });
  }

  #tellOfCall(method: string): void {
    this.#loop.observer?.protocolCalled(this, this.#protocol, method);
  }

  /** Queues a call in the context of whoever made this endpoint; what it throws is reported as `message`. */
  #later(name: string, message: string, callback: () => void): void {
    this.#loop.enqueue(new TransportCall(this, name, message, callback));
  }

  /** @internal Makes a call that was queued. */
  makeCall({ message, callback }: TransportCall): void {
    const previous = enterContext(this.#context);
    try {
      callback();
    } catch (exception) {
      this.#report(message, exception);
    } finally {
      leaveContext(previous);
    }
  }

  toString(): string {
    const state = this.#lost ? 'lost' : this.#closing ? 'closing' : 'open';
    return `<DatagramTransport ${state} buffered=${this.#pendingBytes}>`;
  }
}

function familyOf(address: SocketAddress): 4 | 6 | 'unix' {
  if (typeof address === 'object') {
    if ('path' in address && typeof address.path === 'string') return 'unix';
    if ('host' in address && typeof address.host === 'string' && typeof address.port === 'number') {
      return address.family ?? (address.host.includes(':') ? 6 : 4);
    }
  }
  throw new TypeError('Cannot send: the address has neither a path nor a host and a port');
}

function describe(address: SocketAddress): string {
  if ('path' in address) return address.path.replace(/^\0/, '@');
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
