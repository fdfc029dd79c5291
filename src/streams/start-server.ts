import { coroutine } from '../coroutines/index.ts';
import type {
  Coroutine,
  EventLoop,
  Server,
  ServerOptions,
  UnixServerOptions,
  Waitable,
} from '../interface/index.ts';
import { getRunningLoop } from '../loop/index.ts';
import { cancellationPoint } from './cancellation-point.ts';
import type { ClientHandler } from './client-handler.ts';
import type { StreamLimit } from './open-connection.ts';
import { StreamReaderProtocol } from './stream-protocol.ts';
import { checkLimit, StreamReader } from './stream-reader.ts';

type Listen = (loop: EventLoop, factory: () => StreamReaderProtocol) => Waitable<Server>;

/**
 * Serves every connection by calling `onClient(reader, writer)`, as connections are made.
 *
 * @param onClient a plain, generator or `async` function; it is called in a task of its own, see {@link ClientHandler}.
 *   If it fails, that is reported to the loop's exception handler and the connection closed; if it ends, the connection
 *   stays open until `writer.close()`.
 * @throws {SystemError} as `loop.createServer`
 * @throws {TypeError} `onClient` is no function
 * @throws {RangeError} the limit is not a positive number
 * @see asyncio.start_server
 */
export function startServer(
  onClient: ClientHandler,
  options: ServerOptions & StreamLimit = {},
): Coroutine<Server> {
  const { limit, ...rest } = options;
  return serve(checkHandler(onClient), checkLimit(limit), (loop, factory) =>
    loop.createServer(factory, rest),
  );
}

/** Serves a Unix socket; otherwise as {@link startServer}. @see unix(7), asyncio.start_unix_server */
export function startUnixServer(
  onClient: ClientHandler,
  options: UnixServerOptions & StreamLimit,
): Coroutine<Server> {
  const { limit, ...rest } = options;
  return serve(checkHandler(onClient), checkLimit(limit), (loop, factory) =>
    loop.createUnixServer(factory, rest),
  );
}

const serve = coroutine(function* startServer(onClient: ClientHandler, limit: number, listen: Listen) {
  const loop = getRunningLoop();
  const factory = () => new StreamReaderProtocol(new StreamReader({ limit, loop }), { onClient, loop });
  const server = yield* listen(loop, factory);
  try {
    yield* cancellationPoint();
  } catch (error) {
    server.close();
    throw error;
  }
  return server;
});

function checkHandler(onClient: ClientHandler): ClientHandler {
  if (typeof onClient === 'function') return onClient;
  throw new TypeError('Cannot start the server: the client handler is not a function');
}
