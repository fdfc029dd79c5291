import type { Future } from '../../coroutines/index.ts';
import type {
  ConnectionOptions,
  DatagramOptions,
  EventLoop,
  ResolveOptions,
  Server,
  ServerOptions,
  SocketAddress,
  UnixConnectionOptions,
  UnixServerOptions,
  Waitable,
} from '../../interface/index.ts';
import { start } from '../common/start.ts';
import { type Port, PythonDatagrams, PythonStream } from './python-protocol.ts';

/** What Python waits for, of the loop: connections, servers, names. Openers are receivers in Python, who are told of connections. */
export class Operations {
  readonly #loop: EventLoop;
  readonly #port: Port;

  constructor(loop: EventLoop, port: Port) {
    this.#loop = loop;
    this.#port = port;
  }

  connect(opener: number, options: ConnectionOptions): Waitable<unknown> {
    return this.#loop.createConnection(() => new PythonStream(this.#port, opener), options);
  }

  connectUnix(opener: number, options: UnixConnectionOptions): Waitable<unknown> {
    return this.#loop.createUnixConnection(() => new PythonStream(this.#port, opener), options);
  }

  serve(opener: number, options: ServerOptions): Waitable<Server> {
    return this.#kept(this.#loop.createServer(() => new PythonStream(this.#port, opener), options));
  }

  serveUnix(opener: number, options: UnixServerOptions): Waitable<Server> {
    return this.#kept(this.#loop.createUnixServer(() => new PythonStream(this.#port, opener), options));
  }

  #kept(opening: Waitable<Server>): Future<Server> {
    const server = start(opening, this.#loop);
    server.addDoneCallback(() => {
      if (server.fulfilled()) this.#port.serves(server.result());
    });
    return server;
  }

  startServing(server: Server): Waitable<void> {
    return server.startServing();
  }

  waitClosed(server: Server): Waitable<void> {
    return server.waitClosed();
  }

  datagrams(opener: number, options: DatagramOptions): Waitable<unknown> {
    return this.#loop.createDatagramEndpoint(() => new PythonDatagrams(this.#port, opener), options);
  }

  getaddrinfo(
    host: string | undefined,
    port: string | number | undefined,
    options: ResolveOptions,
  ): Waitable<unknown> {
    return this.#loop.getaddrinfo(host ?? null, port ?? null, options);
  }

  getnameinfo(address: SocketAddress, flags: number): Waitable<unknown> {
    return this.#loop.getnameinfo(address, flags);
  }
}
