import type {
  Completion,
  FileRange,
  FileSending,
  Listener,
  ListenerSink,
  ListenOptions,
  Operation,
  Socket,
  SocketAddress,
  SocketOperations,
  StreamChannel,
} from '../../interface/index.ts';
import { READABLE, WRITABLE } from '../../selectors/index.ts';
import {
  acceptConnection,
  acceptedFrom,
  addressBytesMax,
  closeDescriptor,
  constants,
  decodeAddress,
  descriptorOf,
  ECONNABORTED,
  EFAULT,
  EINPROGRESS,
  EINTR,
  ENOTCONN,
  EPROTO,
  encodeAddress,
  errno,
  libc,
  localAddressOf,
  NativeSocket,
  pendingError,
  remoteAddressOf,
  setNonBlocking,
  setOption,
  systemFailure,
  takeDescriptor,
} from '../../syscalls/index.ts';
import { describeAddress } from '../common/describe-address.ts';
import { fileIdentity } from '../common/unix-path.ts';
import { unlinkIfSame } from '../common/unlink-if-same.ts';
import { tellOfListener } from './connecting.ts';
import { FileSend } from './file-send.ts';
import { readBytesMax } from './read-slab.ts';
import { ReadyListener } from './ready-listener.ts';
import { type ChannelParts, ReadyStreamChannel } from './ready-stream-channel.ts';
import { connect, named } from './socket-calls.ts';
import { SocketWaits } from './socket-waits.ts';
import { callBytesMax } from './write-stage.ts';

const { IPPROTO_TCP, TCP_NODELAY, MSG_NOSIGNAL } = constants;

// The kernel writes here during one call, and what it wrote is taken before the next.
const addressBytes = new Uint8Array(new ArrayBuffer(addressBytesMax));
const lengths = new Int32Array(new ArrayBuffer(4));

/** Nobody is told who sent what came on a connection. */
const nobody: SocketAddress = { path: '' };

/** Operations on the program's own sockets: tried, and tried again when the kernel says that it is worth it. */
export class ReadySockets implements SocketOperations {
  readonly #parts: ChannelParts;
  readonly #waits: SocketWaits;

  constructor(parts: ChannelParts) {
    this.#parts = parts;
    this.#waits = new SocketWaits(parts.open, parts.descriptors);
  }

  receive(socket: Socket, byteCount: number, completion: Completion<Uint8Array>): Operation {
    const fd = descriptorOf(socket, 'receive');
    const { slab } = this.#parts;
    const size = Math.min(byteCount, readBytesMax);
    return this.#waits.start(socket, READABLE, {
      what: ['receive', 'recv'],
      attempt: () => orNumber(slab.recv(fd, size)),
      value: (count) => slab.view(count).slice(),
      completion,
    });
  }

  receiveInto(socket: Socket, buffer: Uint8Array, completion: Completion<number>): Operation {
    const fd = descriptorOf(socket, 'receive');
    const { length } = buffer;
    return this.#waits.start(socket, READABLE, {
      what: ['receive', 'recv'],
      attempt: () => {
        if (buffer.length !== length) return -EFAULT;
        return orNumber(libc().recv(fd, buffer, Math.min(length, callBytesMax), 0));
      },
      value: (count) => count,
      completion,
    });
  }

  receiveFrom(
    socket: Socket,
    byteCount: number,
    completion: Completion<[Uint8Array, SocketAddress]>,
  ): Operation {
    const fd = descriptorOf(socket, 'receive');
    const { slab } = this.#parts;
    const size = Math.min(byteCount, readBytesMax);
    return this.#waits.start(socket, READABLE, {
      what: ['receive', 'recvfrom'],
      attempt: () => {
        lengths[0] = addressBytesMax;
        return orNumber(slab.recvFrom(fd, size, addressBytes, lengths));
      },
      value: (count): [Uint8Array, SocketAddress] => [slab.view(count).slice(), sender()],
      completion,
    });
  }

  receiveFromInto(
    socket: Socket,
    buffer: Uint8Array,
    completion: Completion<[number, SocketAddress]>,
  ): Operation {
    const fd = descriptorOf(socket, 'receive');
    const { length } = buffer;
    return this.#waits.start(socket, READABLE, {
      what: ['receive', 'recvfrom'],
      attempt: () => {
        if (buffer.length !== length) return -EFAULT;
        lengths[0] = addressBytesMax;
        const size = Math.min(length, callBytesMax);
        return orNumber(libc().recvfrom(fd, buffer, size, 0, addressBytes, lengths));
      },
      value: (count): [number, SocketAddress] => [count, sender()],
      completion,
    });
  }

  sendAll(socket: Socket, data: Uint8Array, completion: Completion<void>): Operation {
    const fd = descriptorOf(socket, 'send');
    const { stage } = this.#parts;
    const chunks = [data];
    const { length } = data;
    let sent = 0;
    return this.#waits.start(socket, WRITABLE, {
      what: ['send', 'send'],
      attempt: () => {
        if (data.length !== length) return -EFAULT;
        while (sent < length) {
          const count = stage.send(fd, chunks, 0, sent);
          if (count < 0) return -errno();
          sent += count;
        }
        return 0;
      },
      value: () => {},
      completion,
    });
  }

  sendTo(
    socket: Socket,
    data: Uint8Array,
    address: SocketAddress,
    completion: Completion<number>,
  ): Operation {
    const fd = descriptorOf(socket, 'send');
    const to = encodeAddress(address);
    const { length } = data;
    return this.#waits.start(socket, WRITABLE, {
      what: [`send to ${describeAddress(address)}`, 'sendto'],
      fields: named(address),
      attempt: () => {
        if (data.length !== length) return -EFAULT;
        const size = Math.min(length, callBytesMax); // more than the kernel takes, whatever it is
        return orNumber(libc().sendto(fd, data, size, MSG_NOSIGNAL, to, to.length));
      },
      value: (count) => count,
      completion,
    });
  }

  connect(socket: Socket, address: SocketAddress, completion: Completion<void>): Operation {
    const fd = descriptorOf(socket, 'connect');
    let begun = false;
    return this.#waits.start(socket, WRITABLE, {
      what: [`connect to ${describeAddress(address)}`, 'connect'],
      fields: named(address),
      attempt: () => {
        if (begun) return -pendingError(fd);
        begun = true;
        const number = connect(fd, address);
        return number === EINTR ? -EINPROGRESS : -number;
      },
      // EAGAIN is a Unix socket's answer that its server's queue is full, and no promise to tell when it is not.
      retryOn: EINPROGRESS,
      value: () => {},
      completion,
    });
  }

  accept(socket: Socket, completion: Completion<[Socket, SocketAddress]>): Operation {
    const listener = descriptorOf(socket, 'accept a connection');
    return this.#waits.start(socket, READABLE, {
      what: ['accept a connection', 'accept'],
      attempt: () => {
        for (;;) {
          const result = acceptConnection(listener);
          // That one has failed already, which is its client's trouble.
          if (result !== -ECONNABORTED && result !== -EPROTO) return result;
        }
      },
      value: (fd): [Socket, SocketAddress] => {
        const address = acceptedFrom() ?? nobody;
        return [new NativeSocket(fd, socket.family, 'stream'), address];
      },
      completion,
    });
  }

  sendFile(socket: Socket, range: FileRange, completion: Completion<number>): FileSending {
    const file = new FileSend(descriptorOf(socket, 'send a file'), range);
    const operation = this.#waits.start(socket, WRITABLE, {
      what: ['send the file', 'sendfile'],
      attempt: () => -file.attempt(),
      value: () => file.sentBytes,
      failure: (number) => file.failure(number),
      completion,
    });
    return {
      cancel: () => operation.cancel(),
      get sentBytes() {
        return file.sentBytes;
      },
    };
  }

  openChannel(socket: Socket): StreamChannel {
    const fd = descriptorOf(socket, 'use the socket');
    this.#parts.descriptors.mustBeFree(fd, 'make a transport of the socket');
    setNonBlocking(fd);
    const remoteAddress = remoteAddressOf(fd);
    if (remoteAddress === null) {
      throw systemFailure('make a transport of the socket, which is not connected', 'getpeername', ENOTCONN);
    }
    if (socket.family !== 'unix') setOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    const { close } = takeDescriptor(socket);
    return new TakenStreamChannel(fd, this.#parts, localAddressOf(fd), remoteAddress, close);
  }

  listen(
    socket: Socket,
    options: Pick<ListenOptions, 'backlog' | 'keepFile'>,
    sink: ListenerSink,
    completion: Completion<Listener>,
  ): Operation {
    return tellOfListener(this.#parts, () => this.#listenNow(socket, options, sink), completion);
  }

  #listenNow(
    socket: Socket,
    { backlog, keepFile }: Pick<ListenOptions, 'backlog' | 'keepFile'>,
    sink: ListenerSink,
  ): Listener {
    const doing = 'listen on the socket';
    const fd = descriptorOf(socket, doing);
    this.#parts.descriptors.mustBeFree(fd, doing);
    setNonBlocking(fd);
    const address = localAddressOf(fd) ?? nobody;
    if (libc().listen(fd, backlog) < 0) {
      throw systemFailure(`listen on ${describeAddress(address)}`, 'listen', errno(), named(address));
    }
    if ('host' in address) setOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    const path = 'path' in address && address.path !== '' && keepFile !== true ? address.path : null;
    const file = path === null ? null : fileIdentity(path);
    const { close } = takeDescriptor(socket);
    return new ReadyListener(fd, address, backlog, this.#parts, sink, () => {
      if (close === null) closeDescriptor(fd);
      else close();
      if (path !== null && file !== null) unlinkIfSame(path, file);
    });
  }
}

function orNumber(count: number): number {
  return count < 0 ? -errno() : count;
}

function sender(): SocketAddress {
  return decodeAddress(addressBytes, lengths[0] as number) ?? nobody;
}

class TakenStreamChannel extends ReadyStreamChannel {
  readonly #close: (() => void) | null;

  constructor(
    fd: number,
    parts: ChannelParts,
    localAddress: SocketAddress | null,
    remoteAddress: SocketAddress,
    close: (() => void) | null,
  ) {
    super(fd, parts, localAddress, remoteAddress);
    this.#close = close;
  }

  protected override release(): void {
    if (this.#close === null) super.release();
    else this.#close();
  }
}
