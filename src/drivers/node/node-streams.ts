import { connect, createServer, type Server, type Socket } from 'node:net';
import type {
  Completion,
  DriverHost,
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
import { describeTarget, listeningAddress } from './addresses.ts';
import { NodeStreamChannel } from './node-stream-channel.ts';
import { systemError } from './system-error.ts';
import { fileIdentity, keepingFile, removeStaleSocket } from './unix-path.ts';

const readBytesMax = 64 * 1024;

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
    const socket = connect({
      ...(target.kind === 'unix'
        ? { path: target.path }
        : {
            host: target.host,
            port: target.port,
            family: target.family,
            autoSelectFamily: false,
            localAddress: options.localAddress?.host,
            localPort: options.localAddress?.port || undefined,
          }),
      noDelay: true,
      allowHalfOpen: true,
      onread: {
        buffer: this.#slab,
        callback: (byteCount, buffer) => {
          channel?.lent(buffer.subarray(0, byteCount));
          return true;
        },
      },
    });
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
        systemError(`connect to ${describeTarget(target)}`, error),
      );
    };
    const onConnect = () => {
      ended();
      socket.pause();
      channel = this.#channel(socket, target);
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
    const failed = (error: unknown) =>
      this.#host.dispatch(
        (failure) => {
          if (!cancelled) completion.failed(failure);
        },
        systemError(`listen on ${describeTarget(target)}`, error),
      );
    if (target.kind === 'unix') {
      try {
        removeStaleSocket(target.path);
      } catch (error) {
        failed(error);
        return {
          cancel: () => {
            cancelled = true;
          },
        };
      }
    }
    const server = createServer({
      allowHalfOpen: true,
      pauseOnConnect: true,
      noDelay: true,
      keepAlive: options.keepAlive,
    });
    const attempt = { close: () => void server.close() };
    this.#open.add(attempt);
    const onError = (error: Error) => {
      this.#open.delete(attempt);
      failed(error);
    };
    server.once('error', onError);
    server.listen(
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
      () => {
        this.#open.delete(attempt);
        server.off('error', onError);
        server.on('error', (error) =>
          this.#host.dispatch((trouble) => sink.troubled(trouble), systemError('accept a connection', error)),
        );
        const listener = new NodeListener(server, target, options.keepFile === true, () =>
          this.#open.delete(listener),
        );
        this.#open.add(listener);
        server.on('connection', (socket) => {
          const channel = this.#channel(socket, target.kind === 'unix' ? { kind: 'unix', path: '' } : null);
          this.#host.dispatch((accepted) => sink.connection(accepted), channel as StreamChannel);
        });
        this.#host.dispatch((listening) => {
          if (!cancelled) completion.succeeded(listening);
        }, listener as Listener);
      },
    );
    return {
      cancel: () => {
        cancelled = true;
        this.#open.delete(attempt);
        server.off('error', onError);
        server.on('error', () => {});
        server.close();
      },
    };
  }

  close(): void {
    for (const open of [...this.#open]) open.close();
  }

  #channel(socket: Socket, target: StreamTarget | null): NodeStreamChannel {
    const channel = new NodeStreamChannel(socket, target, this.#host, (gone) => this.#open.delete(gone));
    this.#open.add(channel);
    return channel;
  }
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
