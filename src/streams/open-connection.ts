import { coroutine } from '../coroutines/index.ts';
import type {
  ConnectionOptions,
  Coroutine,
  EventLoop,
  Transport,
  UnixConnectionOptions,
  Waitable,
} from '../interface/index.ts';
import { getRunningLoop } from '../loop/index.ts';
import { cancellationPoint } from './cancellation-point.ts';
import { StreamReaderProtocol } from './stream-protocol.ts';
import { checkLimit, StreamReader } from './stream-reader.ts';
import type { StreamWriter } from './stream-writer.ts';

/** The two halves of a connection. */
export interface Stream {
  readonly reader: StreamReader;
  readonly writer: StreamWriter;
}

export interface StreamLimit {
  /** the reader's, in bytes; 65536 unless given */
  limit?: number | undefined;
}

type Connect = (
  loop: EventLoop,
  factory: () => StreamReaderProtocol,
) => Waitable<[transport: Transport, protocol: StreamReaderProtocol]>;

/**
 * Connects to `host` and `port` (or takes a connected `socket`) on the running loop.
 *
 * Cancelled on the way, it leaves nothing open.
 *
 * @throws {SystemError} as `loop.createConnection`
 * @throws {RangeError} the limit is not a positive number
 * @see asyncio.open_connection
 */
export function openConnection(options: ConnectionOptions & StreamLimit): Coroutine<Stream> {
  const { limit, ...rest } = options;
  return openStream(checkLimit(limit), (loop, factory) => loop.createConnection(factory, rest));
}

/** Connects to a Unix socket; otherwise as {@link openConnection}. @see unix(7), asyncio.open_unix_connection */
export function openUnixConnection(options: UnixConnectionOptions & StreamLimit): Coroutine<Stream> {
  const { limit, ...rest } = options;
  return openStream(checkLimit(limit), (loop, factory) => loop.createUnixConnection(factory, rest));
}

const openStream = coroutine(function* openConnection(limit: number, connect: Connect) {
  const loop = getRunningLoop();
  let made: StreamReaderProtocol | null = null;
  const factory = () => {
    made = new StreamReaderProtocol(new StreamReader({ limit, loop }), { loop });
    return made;
  };
  try {
    const [transport, protocol] = yield* connect(loop, factory);
    yield* cancellationPoint();
    const { reader } = protocol;
    const stream: Stream = { reader, writer: protocol.createWriter(transport) };
    return stream;
  } catch (error) {
    // Cancelled when the connection was there and only we did not know yet: nobody else could close it.
    (made as StreamReaderProtocol | null)?.transport?.abort();
    throw error;
  }
});
