import type {
  Completion,
  Listener,
  ListenerSink,
  ListenOptions,
  Operation,
  SocketAddress,
  StreamChannel,
  StreamOperations,
  StreamOptions,
  StreamTarget,
} from '../../interface/index.ts';
import {
  closeDescriptor,
  constants,
  EINPROGRESS,
  EINTR,
  lastFailure,
  libc,
  localAddressOf,
  openSocket,
  remoteAddressOf,
  setOption,
  systemFailure,
} from '../../syscalls/index.ts';
import { describeAddress } from '../common/describe-address.ts';
import { systemError } from '../common/system-error.ts';
import { fileIdentity, removeStaleSocket } from '../common/unix-path.ts';
import { unlinkIfSame } from '../common/unlink-if-same.ts';
import { Connecting, Told, tellOfListener } from './connecting.ts';
import { ReadyListener } from './ready-listener.ts';
import { type ChannelParts, ReadyStreamChannel } from './ready-stream-channel.ts';
import { bind, connect, named } from './socket-calls.ts';

const {
  SOL_SOCKET,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SO_KEEPALIVE,
  IPPROTO_TCP,
  TCP_NODELAY,
  IPPROTO_IPV6,
  IPV6_V6ONLY,
} = constants;

export class ReadyStreams implements StreamOperations {
  readonly #parts: ChannelParts;

  constructor(parts: ChannelParts) {
    this.#parts = parts;
  }

  connect(target: StreamTarget, options: StreamOptions, completion: Completion<StreamChannel>): Operation {
    const from = options.localAddress === undefined ? '' : ` from ${describeAddress(options.localAddress)}`;
    const doing = `connect to ${describeAddress(target)}${from}`;
    let fd = -1;
    try {
      fd = openSocket(target.kind === 'unix' ? 'unix' : target.family, 'stream', doing);
      if (target.kind === 'internet') {
        setOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
        if (options.localAddress !== undefined) {
          bind(fd, { ...options.localAddress, family: target.family }, doing);
        }
      }
      const number = connect(fd, addressOf(target));
      if (number !== 0 && number !== EINPROGRESS && number !== EINTR) {
        throw systemFailure(doing, 'connect', number, named(target));
      }
      return new Connecting(fd, this.#parts, (failure) =>
        this.#connected(fd, target, doing, failure, completion),
      );
    } catch (error) {
      if (fd !== -1) closeDescriptor(fd);
      return new Told(this.#parts, () => completion.failed(systemError(doing, error)));
    }
  }

  listen(
    target: StreamTarget,
    options: ListenOptions,
    sink: ListenerSink,
    completion: Completion<Listener>,
  ): Operation {
    return tellOfListener(this.#parts, () => this.listenNow(target, options, sink), completion);
  }

  listenNow(target: StreamTarget, options: ListenOptions, sink: ListenerSink): Listener {
    const doing = `listen on ${describeAddress(target)}`;
    let fd = -1;
    try {
      if (target.kind === 'unix') removeStaleSocket(target.path);
      fd = openSocket(target.kind === 'unix' ? 'unix' : target.family, 'stream', doing);
      if (target.kind === 'internet') {
        // What connections inherit costs them no system call.
        setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
        setOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
        if (options.keepAlive) setOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
        if (options.reusePort) setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1);
        if (target.family === 6) setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
      }
      bind(fd, addressOf(target), doing);
      if (libc().listen(fd, options.backlog) < 0) throw lastFailure(doing, 'listen', named(target));
      const address = (target.kind === 'unix' ? null : localAddressOf(fd)) ?? addressOf(target);
      const path = target.kind === 'unix' && options.keepFile !== true ? target.path : null;
      const file = path === null ? null : fileIdentity(path);
      return new ReadyListener(fd, address, options.backlog, this.#parts, sink, () => {
        closeDescriptor(fd);
        if (path !== null && file !== null) unlinkIfSame(path, file);
      });
    } catch (error) {
      if (fd !== -1) closeDescriptor(fd);
      throw systemError(doing, error);
    }
  }

  #connected(
    fd: number,
    target: StreamTarget,
    doing: string,
    failure: number,
    completion: Completion<StreamChannel>,
  ): void {
    if (failure !== 0) {
      closeDescriptor(fd);
      completion.failed(systemFailure(doing, 'connect', failure, named(target)));
      return;
    }
    const channel =
      target.kind === 'unix'
        ? new ReadyStreamChannel(fd, this.#parts, { path: '' }, { path: target.path })
        : new ReadyStreamChannel(fd, this.#parts, localAddressOf(fd), remoteAddressOf(fd));
    completion.succeeded(channel);
  }
}

function addressOf(target: StreamTarget): SocketAddress {
  return target.kind === 'unix'
    ? { path: target.path }
    : { host: target.host, port: target.port, family: target.family };
}
