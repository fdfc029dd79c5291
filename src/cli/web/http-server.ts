/**
 * A small HTTP/1.1 server over streams.
 *
 * What it promises to whoever runs it: no client, however slow or hostile, holds a connection for longer than the
 * deadlines below, or more memory than one head, one body and the write buffer's high-water mark; and nothing that a
 * client or a handler does ends the server.
 */
import { STATUS_CODES } from 'node:http';
import { coroutine, timeout } from '../../coroutines/index.ts';
import {
  isCancellation,
  type Server,
  type ServerOptions,
  type Suspension,
  SystemError,
  TimeoutError,
  type Waitable,
} from '../../interface/index.ts';
import { getRunningLoop } from '../../loop/index.ts';
import { type StreamReader, type StreamWriter, startServer } from '../../streams/index.ts';
import { type BodySource, bytesBody, PIECE_BYTES } from './body-source.ts';
import { concatBytes } from './concat-bytes.ts';
import { HttpError } from './http-error.ts';
import type { RequestHead } from './http-head.ts';
import {
  createRequestDecoder,
  defaultHttpLimits,
  type HttpLimits,
  type MessageDecoder,
} from './message-decoder.ts';
import { checkHeaders, planResponse } from './response-head.ts';

export interface HttpRequest extends RequestHead {
  /** whole, decoded from chunks; empty if there was none */
  readonly body: Uint8Array;
}

export interface HttpResponse {
  readonly status: number;
  /** without those that frame the message: the server writes them */
  readonly headers?: Readonly<Record<string, string>>;
  /** text is sent as UTF-8; nothing: an empty body */
  readonly body?: Uint8Array | string | BodySource;
}

/** Answers one request. What it throws becomes a 500 and is reported to the loop's exception handler. */
export type HttpHandler = (request: HttpRequest) => HttpResponse | Waitable<HttpResponse>;

/** One answered request, after its last byte was written or the attempt failed. */
export interface HttpExchange {
  /** null: it could not be read */
  readonly request: HttpRequest | null;
  readonly status: number;
  /** of the body, that were written */
  readonly byteCount: number;
}

export interface HttpServerOptions extends Pick<ServerOptions, 'host' | 'port' | 'maxConnections'> {
  limits?: Partial<HttpLimits> | undefined;
  /** milliseconds in which the first byte of a request must come; 10 000 unless given */
  idleTimeout?: number | undefined;
  /** milliseconds from the first byte of a request to its last; 20 000 unless given */
  requestTimeout?: number | undefined;
  /** milliseconds in which a client must take 64 KiB; 20 000 unless given */
  writeTimeout?: number | undefined;
  /** milliseconds for which a refused client may go on sending, so that it gets to read the refusal; 1000 unless given */
  lingerTimeout?: number | undefined;
  /** told of every answer */
  onExchange?: ((exchange: HttpExchange) => void) | undefined;
}

/** A crawler opens hundreds of connections at once; one that finds the queue full tries again after a second only. */
const BACKLOG = 1024;

interface Connection {
  readonly reader: StreamReader;
  readonly writer: StreamWriter;
  readonly decoder: MessageDecoder<RequestHead>;
  readonly handler: HttpHandler;
  readonly deadlines: { idle: number; request: number; write: number; linger: number };
  readonly onExchange: (exchange: HttpExchange) => void;
}

/** Serves HTTP until the server that it resolves to is closed. @throws {SystemError} the address cannot be bound */
export const serveHttp = coroutine(function* (
  handler: HttpHandler,
  options: HttpServerOptions = {},
): Generator<Suspension, Server, unknown> {
  const limits = { ...defaultHttpLimits, ...options.limits };
  const deadlines = {
    idle: options.idleTimeout ?? 10_000,
    request: options.requestTimeout ?? 20_000,
    write: options.writeTimeout ?? 20_000,
    linger: options.lingerTimeout ?? 1_000,
  };
  const { host, port, maxConnections, onExchange = () => {} } = options;
  return yield* startServer(
    (reader, writer) =>
      serveConnection({
        reader,
        writer,
        handler,
        deadlines,
        onExchange,
        decoder: createRequestDecoder(limits),
      }),
    { host, port, maxConnections, backlog: BACKLOG },
  );
});

const serveConnection = coroutine(function* (connection: Connection): Generator<Suspension, void, unknown> {
  try {
    while (yield* serveRequest(connection)) {
      // A client that sends many requests at once shares the thread with the others.
      if (!connection.decoder.isBetweenMessages) yield;
    }
  } catch (error) {
    connection.writer.transport.abort();
    if (isCancellation(error)) throw error;
    if (!isPeerTrouble(error)) report('Cannot go on with an HTTP connection: it failed', error);
  } finally {
    yield* closeWithin(connection, connection.deadlines.write);
  }
});

/** True if the connection can take another request. */
const serveRequest = coroutine(function* (connection: Connection): Generator<Suspension, boolean, unknown> {
  let request: HttpRequest | null;
  try {
    request = yield* receiveRequest(connection);
  } catch (error) {
    // Time ran out before a further request: its end, as when the client closes. What is buffered is still sent.
    if (error instanceof TimeoutError && connection.decoder.isBetweenMessages) return false;
    const refusal = refusalOf(error);
    if (refusal === null) throw error;
    yield* sendResponse(connection, null, refusal);
    yield* linger(connection);
    return false;
  }
  if (request === null) return false;
  return yield* sendResponse(connection, request, yield* callHandler(connection, request));
});

/** null: the client has no further request. */
const receiveRequest = coroutine(function* (
  connection: Connection,
): Generator<Suspension, HttpRequest | null, unknown> {
  const { reader, decoder, deadlines } = connection;
  const loop = getRunningLoop();
  const allowance = decoder.isBetweenMessages ? deadlines.idle : deadlines.request;
  return yield* timeout(allowance, function* (scope) {
    let head: RequestHead | null = null;
    const pieces: Uint8Array[] = [];
    for (;;) {
      const event = decoder.next();
      if (event === null) {
        const bytes = yield* reader.read(PIECE_BYTES);
        if (decoder.isBetweenMessages) scope.reschedule(loop.time() + deadlines.request);
        if (bytes.length > 0) decoder.feed(bytes);
        else decoder.feedEof();
      } else if (event.kind === 'head') head = event.head;
      else if (event.kind === 'data') pieces.push(event.bytes);
      else if (event.kind === 'closed' || head === null) return null;
      else return { ...head, body: concatBytes(pieces) };
    }
  });
});

const callHandler = coroutine(function* (
  connection: Connection,
  request: HttpRequest,
): Generator<Suspension, HttpResponse, unknown> {
  try {
    const answer = connection.handler(request);
    const response = 'status' in answer ? answer : yield* answer;
    try {
      checkHeaders(response.headers ?? {});
    } catch (error) {
      bodyOf(response).close();
      throw error;
    }
    return response;
  } catch (error) {
    if (isCancellation(error)) throw error;
    report(`Cannot answer ${request.method} ${request.target}: the handler failed`, error);
    return plainResponse(500);
  }
});

/** True if the connection can take another request. @throws whatever ended the response early */
const sendResponse = coroutine(function* (
  connection: Connection,
  request: HttpRequest | null,
  response: HttpResponse,
): Generator<Suspension, boolean, unknown> {
  const { status, headers = {} } = response;
  const source = bodyOf(response);
  let byteCount = 0;
  try {
    const plan = planResponse(request, { status, headers, bodyByteCount: source.byteCount }, new Date());
    let pending = [plan.head];
    if (plan.body !== 'none') {
      for (;;) {
        const next = source.read();
        const piece = next === null || next instanceof Uint8Array ? next : yield* next;
        if (piece === null) break;
        // In chunks, an empty one would be the end.
        if (piece.length === 0) continue;
        if (source.byteCount !== null && byteCount + piece.length > source.byteCount) {
          throw new RangeError(
            `Cannot send the body: it has more than the ${source.byteCount} bytes announced`,
          );
        }
        pending.push(...(plan.body === 'chunked' ? chunk(piece) : [piece]));
        yield* send(connection, pending);
        byteCount += piece.length;
        pending = [];
      }
      if (source.byteCount !== null && byteCount < source.byteCount) {
        // The client is waiting for the rest. Only the end of the connection can tell it that there is none.
        throw new RangeError(
          `Cannot send the body: it has ${byteCount} of the ${source.byteCount} bytes announced`,
        );
      }
      if (plan.body === 'chunked') pending.push(LAST_CHUNK);
    }
    if (pending.length > 0) yield* send(connection, pending);
    return plan.keepAlive;
  } finally {
    source.close();
    connection.onExchange({ request, status, byteCount });
  }
});

/** Ends when all but a bufferful has gone to the client. @throws {TimeoutError} the client takes too little */
const send = coroutine(function* (
  connection: Connection,
  parts: Uint8Array[],
): Generator<Suspension, void, unknown> {
  const { writer, deadlines } = connection;
  yield* timeout(deadlines.write, function* () {
    yield* writer.writelines(parts);
  });
});

/**
 * Reads on for a while, into nowhere. To close while the client is still sending would reset the connection, and the
 * client would lose the answer that it has not read yet.
 *
 * @see RFC 9112, section 9.6
 */
const linger = coroutine(function* (connection: Connection): Generator<Suspension, void, unknown> {
  const { reader, writer, deadlines } = connection;
  writer.writeEof();
  try {
    yield* timeout(deadlines.linger, function* () {
      while ((yield* reader.read(PIECE_BYTES)).length > 0);
    });
  } catch (error) {
    if (!isPeerTrouble(error)) throw error;
  }
});

/** Sends what is left and closes; a client that does not take it in time is cut off. */
const closeWithin = coroutine(function* (
  { writer }: Connection,
  allowance: number,
): Generator<Suspension, void, unknown> {
  writer.close();
  try {
    yield* timeout(allowance, function* () {
      yield* writer.waitClosed();
    });
  } catch (error) {
    writer.transport.abort();
    if (!isPeerTrouble(error)) throw error;
  }
});

/** What to tell a client whose request cannot be read; null if there is nobody to tell. */
function refusalOf(error: unknown): HttpResponse | null {
  if (error instanceof HttpError) return plainResponse(error.status, error.message);
  return error instanceof TimeoutError ? plainResponse(408) : null;
}

/** The other side left, or was too slow: its own affair, and nothing to report. */
function isPeerTrouble(error: unknown): boolean {
  return error instanceof SystemError || error instanceof TimeoutError;
}

/** A response of one line of text. */
export function plainResponse(
  status: number,
  text: string = STATUS_CODES[status] ?? String(status),
  headers: Readonly<Record<string, string>> = {},
): HttpResponse {
  return { status, headers: { 'Content-Type': 'text/plain; charset=utf-8', ...headers }, body: `${text}\n` };
}

const LAST_CHUNK = toBytes('0\r\n\r\n');
const LINE_END = toBytes('\r\n');

function bodyOf({ body = '' }: HttpResponse): BodySource {
  return body instanceof Uint8Array || typeof body === 'string' ? bytesBody(toBytes(body)) : body;
}

function chunk(piece: Uint8Array): Uint8Array[] {
  return [toBytes(`${piece.length.toString(16)}\r\n`), piece, LINE_END];
}

function toBytes(data: string | Uint8Array): Uint8Array {
  return typeof data === 'string' ? new TextEncoder().encode(data) : data;
}

function report(message: string, exception: unknown): void {
  getRunningLoop().callExceptionHandler({ message, exception });
}
