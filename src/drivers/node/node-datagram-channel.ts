import type { RemoteInfo, Socket } from 'node:dgram';
import { isIP } from 'node:net';
import type {
  AddressFamily,
  DatagramChannel,
  DatagramSink,
  DriverHost,
  InternetAddress,
  SocketAddress,
} from '../../interface/index.ts';
import { describeAddress } from '../common/describe-address.ts';
import { systemError } from '../common/system-error.ts';

interface Arrived {
  readonly data: Uint8Array;
  readonly from: InternetAddress;
}

interface Ends {
  readonly family: AddressFamily;
  readonly localAddress: SocketAddress | null;
  readonly remoteAddress: SocketAddress | null;
}

/**
 * A channel over a `dgram.Socket`. Node receives from the moment it is bound, and tells of every send by a callback in
 * some later turn of its own: so each counts as pending until then.
 */
export class NodeDatagramChannel implements DatagramChannel {
  readonly family: AddressFamily;
  readonly localAddress: SocketAddress | null;
  readonly remoteAddress: SocketAddress | null;
  readonly fd = -1;
  readonly #socket: Socket;
  readonly #host: DriverHost;
  readonly #onGone: (channel: NodeDatagramChannel) => void;
  #sink: DatagramSink | null = null;
  /** what came before reading was asked for; null: it was */
  #early: Arrived[] | null = [];
  #pendingCount = 0;
  #pendingBytes = 0;
  #closed = false;

  constructor(socket: Socket, ends: Ends, host: DriverHost, onGone: (channel: NodeDatagramChannel) => void) {
    this.#socket = socket;
    this.#host = host;
    this.#onGone = onGone;
    this.family = ends.family;
    this.localAddress = ends.localAddress;
    this.remoteAddress = ends.remoteAddress;
    socket.on('message', (message, info) => host.dispatch(this.#arrived, arrivedFrom(message, info)));
    socket.on('error', (error) => host.dispatch(this.#receiveFailed, error));
  }

  start(sink: DatagramSink): void {
    this.#sink = sink;
  }

  startReading(): void {
    const early = this.#early ?? [];
    this.#early = null;
    for (const arrived of early) this.#host.enqueue({ run: () => this.#arrived(arrived) });
  }

  send(data: Uint8Array, address: SocketAddress | null): boolean {
    if (address !== null && ('path' in address || isIP(address.host) !== this.family))
      throw new RangeError(
        `Cannot send to ${describeAddress(address)}: it is no literal IPv${this.family} address`,
      );
    if (this.#closed) return true;
    const { byteLength } = data;
    this.#pendingCount++;
    this.#pendingBytes += byteLength;
    const done = (error: Error | null) =>
      this.#host.dispatch(this.#sent, {
        byteLength,
        error: error === null ? null : systemError(doing(address ?? this.remoteAddress), error),
      });
    try {
      // Node keeps what it is given until it is sent. (A Buffer's `slice` would be no copy.)
      const copy = new Uint8Array(data);
      if (address === null) this.#socket.send(copy, done);
      else this.#socket.send(copy, address.port, address.host, done);
    } catch (error) {
      // A port that no socket can have. Never from inside this call.
      queueMicrotask(() => done(error as Error));
    }
    return false;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onGone(this);
    this.#socket.close(() => this.#host.dispatch(() => this.#sink?.closed(), undefined));
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }

  readonly #arrived = (arrived: Arrived): void => {
    if (this.#closed) return;
    if (this.#early === null) this.#sink?.datagram(arrived.data, false, arrived.from);
    else this.#early.push(arrived);
  };

  readonly #receiveFailed = (error: Error): void => {
    if (this.#closed) return;
    const { remoteAddress } = this;
    const what = remoteAddress === null ? 'receive a datagram' : `reach ${describeAddress(remoteAddress)}`;
    this.#sink?.troubled(systemError(what, error));
  };

  readonly #sent = ({ byteLength, error }: { byteLength: number; error: Error | null }): void => {
    if (this.#closed) return;
    this.#pendingCount--;
    this.#pendingBytes -= byteLength;
    if (error !== null) this.#sink?.troubled(error);
    this.#sink?.sendProgress(this.#pendingCount, this.#pendingBytes);
  };
}

function doing(to: SocketAddress | null): string {
  return to === null ? 'send a datagram' : `send a datagram to ${describeAddress(to)}`;
}

function arrivedFrom(message: Uint8Array, { address, port, family }: RemoteInfo): Arrived {
  return {
    // Without a Buffer's methods: what some drivers give and others do not, nobody may come to need.
    data: new Uint8Array(message.buffer, message.byteOffset, message.byteLength),
    from: { host: address, port, family: family === 'IPv6' ? 6 : 4 },
  };
}
