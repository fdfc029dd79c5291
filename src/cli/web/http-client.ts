/**
 * A small HTTP/1.1 client over streams: GET, one request at a time on each connection, connections kept for the next
 * request to the same origin. Redirects and time limits are the caller's: `timeout(5_000, () => client.get(url))`.
 */
import { coroutine } from '../../coroutines/index.ts';
import { type Coroutine, LoopError, type Suspension, SystemError } from '../../interface/index.ts';
import { openConnection, type StreamReader, type StreamWriter } from '../../streams/index.ts';
import { PIECE_BYTES } from './body-source.ts';
import { HttpError } from './http-error.ts';
import type { HeaderMap, ResponseHead } from './http-head.ts';
import {
  createResponseDecoder,
  defaultHttpLimits,
  type HttpLimits,
  type MessageDecoder,
} from './message-decoder.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: HeaderMap;
  /** the body as it came in, decoded from chunks */
  readonly pieces: readonly Uint8Array[];
  /** of the body */
  readonly byteCount: number;
}

export interface HttpClient {
  /**
   * Fetches `url`. Cancelled, or failed, it leaves no socket behind.
   *
   * @throws {LoopError} `ERR_URL_NOT_SUPPORTED`: not an http URL
   * @throws {HttpError} what came is no response, or is above the limits
   * @throws {SystemError} no connection, or one that broke
   */
  get(url: URL): Coroutine<HttpAnswer>;
  /** Closes the connections that are kept for later. Those in use belong to the `get` that uses them. */
  close(): Coroutine<void>;
  /** Sockets open now: connecting, in use, kept for later, or not yet quite closed. */
  readonly socketCount: number;
  /** The most there have been at once: never more than calls of `get` at once, if all had the same origin. */
  readonly socketCountMax: number;
}

interface Connection {
  readonly origin: string;
  readonly reader: StreamReader;
  readonly writer: StreamWriter;
  readonly decoder: MessageDecoder<ResponseHead>;
}

/** @param limits of what servers may send; 16 MiB of body unless given, and heads as small as a server takes them */
export function createHttpClient(limits: Partial<HttpLimits> = {}): HttpClient {
  const allLimits = { ...defaultHttpLimits, bodyBytesMax: 16 * 1024 * 1024, ...limits };
  const idle: Connection[] = [];
  let socketCount = 0;
  let socketCountMax = 0;

  const connect = coroutine(function* (url: URL): Generator<Suspension, Connection, unknown> {
    socketCount += 1;
    socketCountMax = Math.max(socketCountMax, socketCount);
    try {
      const { reader, writer } = yield* openConnection({
        host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
        port: Number(url.port || 80),
        // One attempt after the other: two at once would be two sockets where one was counted.
        happyEyeballsDelay: null,
      });
      const decoder = createResponseDecoder(allLimits, 'GET');
      return { origin: url.origin, reader, writer, decoder };
    } catch (error) {
      socketCount -= 1;
      throw error;
    }
  });

  const close = coroutine(function* ({ writer }: Connection): Generator<Suspension, void, unknown> {
    // Nothing is left to be sent, so there is nothing for a close in good order to wait for.
    writer.transport.abort();
    try {
      yield* writer.waitClosed();
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
    } finally {
      socketCount -= 1;
    }
  });

  /** A kept connection that the server has not ended meanwhile, as far as we know. */
  const takeIdle = coroutine(function* (origin: string): Generator<Suspension, Connection | null, unknown> {
    for (;;) {
      const at = idle.findLastIndex((connection) => connection.origin === origin);
      const [connection] = at < 0 ? [] : idle.splice(at, 1);
      if (connection === undefined) return null;
      if (!connection.reader.atEof() && !connection.writer.isClosing()) return connection;
      yield* close(connection);
    }
  });

  const exchange = coroutine(function* (
    connection: Connection,
    url: URL,
  ): Generator<Suspension, HttpAnswer, unknown> {
    let isReusable = false;
    try {
      const [answer, keepAlive] = yield* request(connection, url);
      isReusable = keepAlive;
      return answer;
    } finally {
      if (isReusable) idle.push(connection);
      else yield* close(connection);
    }
  });

  const get = coroutine(function* (url: URL): Generator<Suspension, HttpAnswer, unknown> {
    if (url.protocol !== 'http:') {
      throw new LoopError('ERR_URL_NOT_SUPPORTED', `Cannot fetch ${url.href}: only http URLs are supported`);
    }
    const kept = yield* takeIdle(url.origin);
    if (kept !== null) {
      try {
        return yield* exchange(kept, url);
      } catch (error) {
        // The server may have ended the connection while the request was on its way. That says nothing about the
        // request, so it gets one fresh connection (RFC 9112, section 9.3.1; GET may be repeated).
        if (!isStale(error, kept)) throw error;
      }
    }
    return yield* exchange(yield* connect(url), url);
  });

  const closeIdle = coroutine(function* (): Generator<Suspension, void, unknown> {
    for (;;) {
      const connection = idle.pop();
      if (connection === undefined) return;
      yield* close(connection);
    }
  });

  return {
    get,
    close: closeIdle,
    get socketCount() {
      return socketCount;
    },
    get socketCountMax() {
      return socketCountMax;
    },
  };
}

/** Asks and reads the answer. The second part says whether the connection can be used again. */
const request = coroutine(function* (
  { reader, writer, decoder }: Connection,
  url: URL,
): Generator<Suspension, [HttpAnswer, boolean], unknown> {
  yield* writer.write(
    [
      `GET ${url.pathname}${url.search} HTTP/1.1`,
      `Host: ${url.host}`,
      'User-Agent: tulipa',
      'Accept: text/html, */*;q=0.5',
      'Accept-Encoding: identity',
      '\r\n',
    ].join('\r\n'),
  );
  let head: ResponseHead | null = null;
  let byteCount = 0;
  const pieces: Uint8Array[] = [];
  for (;;) {
    const event = decoder.next();
    if (event === null) {
      const bytes = yield* reader.read(PIECE_BYTES);
      if (bytes.length > 0) decoder.feed(bytes);
      else decoder.feedEof();
    } else if (event.kind === 'head') head = event.head;
    else if (event.kind === 'data') {
      pieces.push(event.bytes);
      byteCount += event.bytes.length;
    } else if (event.kind === 'closed' || head === null) {
      throw new HttpError(
        'ERR_HTTP_INCOMPLETE',
        'Cannot read the response: the server ended the connection before it',
      );
    } else {
      const { status, headers, keepAlive } = head;
      // Bytes that nobody asked for must not be taken for the answer to the next request.
      return [{ status, headers, pieces, byteCount }, keepAlive && decoder.isBetweenMessages];
    }
  }
});

/** Did a kept connection turn out to be gone before anything of the answer came? */
function isStale(error: unknown, { decoder }: Connection): boolean {
  const isBroken =
    error instanceof SystemError || (error instanceof HttpError && error.code === 'ERR_HTTP_INCOMPLETE');
  return isBroken && decoder.isBetweenMessages;
}
