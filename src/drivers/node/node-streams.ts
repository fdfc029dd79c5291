import net, {
  type NetConnectOpts,
  type ListenOptions as NodeListenOptions,
  type Server,
  type Socket,
  type SocketConstructorOpts,
} from 'node:net';
import {
  type Completion,
  type DriverHost,
  type Listener,
  type ListenerSink,
  type ListenOptions,
  LoopError,
  type Operation,
  type SocketAddress,
  type StreamChannel,
  type StreamOperations,
  type StreamOptions,
  type StreamTarget,
} from '../../interface/index.ts';
import { describeAddress } from '../common/describe-address.ts';
import { systemError } from '../common/system-error.ts';
import { fileIdentity, keepingFile, removeStaleSocket } from '../common/unix-path.ts';
import { listeningAddress, localAddress, remoteAddress } from './addresses.ts';
import { descriptorTrouble } from './descriptor-trouble.ts';
import { type Ends, NodeStreamChannel } from './node-stream-channel.ts';
import { refuseReusePort } from './reuse-port.ts';

// Captured when loaded: what shims put in its place later may stand on this loop.
const { performance } = globalThis;
const { Socket: NodeSocket, createServer } = net;
const { connect } = NodeSocket.prototype;
const { listen } = net.Server.prototype;

const readBytesMax = 64 * 1024;

/** While descriptors are short, a listener tells of it no more often than this. */
const troubleInterval = 1_000;

export class NodeStreams implements StreamOperations {
  readonly #host: DriverHost;
  readonly #open = new Set<{ close(): void }>();
  /** Read into by every client socket: a chunk is passed on before the next read, so that one is enough. */
  readonly #slab = new Uint8Array(readBytesMax);

  constructor(host: DriverHost) {
    this.#host = host;
  }

  connect(target: StreamTarget, options: StreamOptions, completion: Completion<StreamChannel>): Operation {
    let channel: NodeStreamChannel | null = null;
    const socket = new NodeSocket({
      noDelay: true,
      allowHalfOpen: true,
      onread: {
        buffer: this.#slab,
        callback: (byteCount, buffer) => {
          channel?.lent(buffer.subarray(0, byteCount));
          return true;
        },
      },
    } as SocketConstructorOpts);
    Reflect.apply(connect as (options: NetConnectOpts) => Socket, socket, [
      target.kind === 'unix'
        ? { path: target.path }
        : {
            host: target.host,
            port: target.port,
            family: target.family,
            autoSelectFamily: false,
            localAddress: options.localAddress?.host,
            localPort: options.localAddress?.port || undefined,
          },
    ]);
    const attempt = { close: () => void socket.destroy() };
    this.#open.add(attempt);
    let cancelled = false;
    const ended = () => {
      this.#open.delete(attempt);
      socket.off('error', onError);
      socket.off('connect', onConnect);
    };
    const onError = (error: Error) => {
      ended();
      // Node may still tell of it again while it closes the socket.
      socket.on('error', () => {});
      this.#host.dispatch(
        (failure) => {
          if (!cancelled) completion.failed(failure);
        },
        systemError(`connect to ${describeAddress(target)}${from(options)}`, error),
      );
    };
    const onConnect = () => {
      ended();
      socket.pause();
      // The connecting end of a Unix socket has no name.
      channel = this.#channel(
        socket,
        target.kind === 'unix'
          ? { localAddress: { path: '' }, remoteAddress: { path: target.path } }
          : internetEnds(socket),
      );
      this.#host.dispatch((connected) => {
        if (!cancelled) completion.succeeded(connected);
      }, channel as StreamChannel);
    };
    socket.on('error', onError);
    socket.on('connect', onConnect);
    return {
      cancel: () => {
        cancelled = true;
        ended();
        socket.on('error', () => {});
        // Also if it is connected already and only the news of it is still queued.
        socket.destroy();
      },
    };
  }

  listen(
    target: StreamTarget,
    options: ListenOptions,
    sink: ListenerSink,
    completion: Completion<Listener>,
  ): Operation {
    let cancelled = false;
    const failed = (error: Error) =>
      this.#host.dispatch((failure) => {
        if (!cancelled) completion.failed(failure);
      }, error);
    try {
      if (options.reusePort) refuseReusePort();
      if (target.kind === 'unix') removeStaleSocket(target.path);
    } catch (error) {
      const failure =
        error instanceof LoopError ? error : systemError(`listen on ${describeAddress(target)}`, error);
      // Never from inside this call.
      queueMicrotask(() => failed(failure));
      return {
        cancel: () => {
          cancelled = true;
        },
      };
    }
    const server = createServer({
      allowHalfOpen: true,
      pauseOnConnect: true,
      noDelay: true,
      keepAlive: options.keepAlive,
    });
    let open: { close(): void } = { close: () => void server.close() };
    this.#open.add(open);
    const onError = (error: Error) => {
      this.#open.delete(open);
      failed(systemError(`listen on ${describeAddress(target)}`, error));
    };
    const onListening = () => {
      this.#open.delete(open);
      server.off('error', onError);
      const listener = new NodeListener(server, target, options.keepFile === true, () =>
        this.#open.delete(listener),
      );
      open = listener;
      this.#open.add(listener);
      this.#accept(server, listener.address, sink);
      this.#host.dispatch((listening) => {
        if (!cancelled) completion.succeeded(listening);
      }, listener as Listener);
    };
    server.once('error', onError);
    Reflect.apply(listen as (options: NodeListenOptions, listening: () => void) => Server, server, [
      {
        ...(target.kind === 'unix'
          ? { path: target.path }
          : {
              host: target.host,
              port: target.port,
              ipv6Only: target.family === 6,
              reusePort: options.reusePort,
            }),
        backlog: options.backlog,
        exclusive: true,
      },
      onListening,
    ]);
    return {
      cancel: () => {
        cancelled = true;
        this.#open.delete(open);
        server.off('error', onError);
        server.on('error', () => {});
        // Also if it listens already and only the news of it is still queued.
        open.close();
      },
    };
  }

  close(): void {
    for (const open of [...this.#open]) open.close();
  }

  /**
   * Hands over the connections that come.
   *
   * When descriptors run out, libuv accepts what has come with one that it keeps in reserve, closes it, and tells nobody;
   * and Node has no way to stop accepting for a while. So that it does not stay unsaid, every connection that comes is
   * followed by a look whether one more could have been opened. The listener needs nobody to resume it: it takes
   * connections again as soon as there are descriptors.
   */
  #accept(server: Server, address: SocketAddress, sink: ListenerSink): void {
    const doing = `accept connections on ${describeAddress(address)}`;
    const troubled = (error: Error) =>
      this.#host.dispatch((trouble) => sink.troubled(trouble), systemError(doing, error));
    let silentUntil = -Infinity;
    server.on('error', troubled);
    server.on('connection', (socket) => {
      const channel = this.#channel(
        socket,
        'path' in address ? { localAddress: address, remoteAddress: { path: '' } } : internetEnds(socket),
      );
      const trouble = descriptorTrouble();
      if (trouble !== null && performance.now() >= silentUntil) {
        silentUntil = performance.now() + troubleInterval;
        troubled(trouble);
      }
      this.#host.dispatch((accepted) => sink.connection(accepted), channel as StreamChannel);
    });
  }

  #channel(socket: Socket, ends: Ends): NodeStreamChannel {
    const channel = new NodeStreamChannel(socket, ends, this.#host, (gone) => this.#open.delete(gone));
    this.#open.add(channel);
    return channel;
  }
}

function internetEnds(socket: Socket): Ends {
  return { localAddress: localAddress(socket), remoteAddress: remoteAddress(socket) };
}

function from({ localAddress: local }: StreamOptions): string {
  return local === undefined ? '' : ` from ${describeAddress(local)}`;
}

class NodeListener implements Listener {
  readonly address: SocketAddress;
  readonly #server: Server;
  readonly #path: string | null;
  readonly #file: string | null;
  readonly #keepFile: boolean;
  readonly #onClosed: () => void;
  #closed = false;

  constructor(server: Server, target: StreamTarget, keepFile: boolean, onClosed: () => void) {
    this.#server = server;
    this.address = listeningAddress(server, target);
    this.#path = target.kind === 'unix' ? target.path : null;
    this.#file = this.#path === null ? null : fileIdentity(this.#path);
    this.#keepFile = keepFile;
    this.#onClosed = onClosed;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClosed();
    const path = this.#path;
    const present = path === null ? null : fileIdentity(path);
    // The file of another server, which has taken the name since, is not ours to remove.
    if (path !== null && present !== null && (this.#keepFile || present !== this.#file)) {
      keepingFile(path, () => this.#server.close());
    } else {
      this.#server.close();
    }
  }

  ref(): void {
    this.#server.ref();
  }

  unref(): void {
    this.#server.unref();
  }
}
