/**
 * HTTP/1.1 messages without I/O: bytes in, heads and pieces of bodies out.
 *
 * The one class here reads any number of messages from one connection, requests or responses, however the bytes are
 * cut. It never holds more than one line above its limits, whatever the peer sends.
 */
import { ByteQueue } from './byte-queue.ts';
import { HttpError } from './http-error.ts';
import {
  type BodyFraming,
  parseRequestHead,
  parseResponseHead,
  type RequestHead,
  type ResponseHead,
} from './http-head.ts';

export interface HttpLimits {
  /** bytes of the first line, and of each header line */
  readonly lineBytesMax: number;
  /** bytes of the whole head, line ends included */
  readonly headBytesMax: number;
  /** header lines */
  readonly headersMax: number;
  /** bytes of a body, all chunks together */
  readonly bodyBytesMax: number;
}

export const defaultHttpLimits: HttpLimits = {
  lineBytesMax: 8 * 1024,
  headBytesMax: 32 * 1024,
  headersMax: 100,
  bodyBytesMax: 1024 * 1024,
};

export type MessageEvent<Head> =
  | { readonly kind: 'head'; readonly head: Head }
  /** a piece of the body, at least one byte; the receiver's to keep */
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  /** the message is whole; the next one may follow */
  | { readonly kind: 'end' }
  /** the peer has ended the connection, between two messages */
  | { readonly kind: 'closed' };

interface MessageHead {
  readonly framing: BodyFraming;
}

/** What comes next in the bytes. `bytes` counts down what is left of a counted body, or of the present chunk. */
type Phase =
  | { readonly kind: 'head'; lines: string[]; byteCount: number }
  | { readonly kind: 'counted'; bytesLeft: number }
  | { readonly kind: 'chunkSize' }
  | { readonly kind: 'chunkData'; bytesLeft: number }
  | { readonly kind: 'chunkEnd' }
  | { readonly kind: 'trailers'; lines: string[]; byteCount: number }
  | { readonly kind: 'untilClose' };

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const PIECE_BYTES_MAX = 64 * 1024;
const INTERIM_RESPONSES_MAX = 10;

export class MessageDecoder<Head extends MessageHead> {
  readonly #parseHead: (lines: readonly string[]) => Head | null;
  readonly #limits: HttpLimits;
  readonly #queue = new ByteQueue();
  #phase: Phase = { kind: 'head', lines: [], byteCount: 0 };
  #bodyByteCount = 0;
  #interimCount = 0;
  #ended = false;
  /** how far the queue has been searched for a line's end, so that no byte is looked at twice */
  #searched = 0;

  /** @param parseHead null for a head that is not the one waited for: it is skipped */
  constructor(parseHead: (lines: readonly string[]) => Head | null, limits: HttpLimits) {
    this.#parseHead = parseHead;
    this.#limits = limits;
  }

  /** True if nothing of a message has arrived: the connection rests. */
  get isBetweenMessages(): boolean {
    return this.#phase.kind === 'head' && this.#phase.byteCount === 0 && this.#queue.length === 0;
  }

  /** Takes what has arrived; the bytes are copied. Then call `next` until it wants more. */
  feed(bytes: Uint8Array): void {
    this.#queue.append(bytes);
  }

  /** The peer sends no more. */
  feedEof(): void {
    this.#ended = true;
  }

  /**
   * What comes next, or null: more bytes are needed.
   *
   * @throws {HttpError} nothing can be read from this connection any more
   */
  next(): MessageEvent<Head> | null {
    for (;;) {
      const event = this.#step();
      if (event !== 'again') return event;
    }
  }

  #step(): MessageEvent<Head> | null | 'again' {
    const phase = this.#phase;
    switch (phase.kind) {
      case 'head':
        return this.#readHead(phase);
      case 'counted':
        if (phase.bytesLeft === 0) return this.#endMessage();
        return this.#readPiece(phase);
      case 'chunkSize':
        return this.#readChunkSize();
      case 'chunkData':
        if (phase.bytesLeft > 0) return this.#readPiece(phase);
        this.#phase = { kind: 'chunkEnd' };
        return 'again';
      case 'chunkEnd':
        return this.#readChunkEnd();
      case 'trailers':
        return this.#readTrailers(phase);
      case 'untilClose':
        return this.#readUntilClose();
    }
  }

  #readHead(phase: Phase & { kind: 'head' }): MessageEvent<Head> | null | 'again' {
    if (this.#ended && this.isBetweenMessages) return { kind: 'closed' };
    const line = this.#readLine(phase);
    if (line === null) return this.#wantMore();
    if (line !== '') {
      phase.lines.push(line);
      return 'again';
    }
    // Blank lines before the first line are left-overs of careless senders (RFC 9112, section 2.2). They count towards
    // the limit, so there is an end to them.
    if (phase.lines.length === 0) return 'again';
    const head = this.#parseHead(phase.lines);
    if (head === null) return this.#skipInterim();
    this.#begin(head.framing);
    return { kind: 'head', head };
  }

  #skipInterim(): 'again' {
    this.#interimCount += 1;
    if (this.#interimCount > INTERIM_RESPONSES_MAX) {
      throw new HttpError(
        'ERR_HTTP_START_LINE',
        'Cannot wait for the response: too many interim ones before it',
      );
    }
    this.#phase = { kind: 'head', lines: [], byteCount: 0 };
    return 'again';
  }

  #begin(framing: BodyFraming): void {
    this.#bodyByteCount = 0;
    this.#interimCount = 0;
    switch (framing.kind) {
      case 'counted':
        this.#countBody(framing.byteCount);
        this.#phase = { kind: 'counted', bytesLeft: framing.byteCount };
        break;
      case 'chunked':
        this.#phase = { kind: 'chunkSize' };
        break;
      case 'untilClose':
        this.#phase = { kind: 'untilClose' };
        break;
    }
  }

  #countBody(byteCount: number): void {
    this.#bodyByteCount += byteCount;
    const { bodyBytesMax } = this.#limits;
    if (this.#bodyByteCount > bodyBytesMax) {
      throw new HttpError('ERR_HTTP_BODY_TOO_LARGE', `Cannot read the body: more than ${bodyBytesMax} bytes`);
    }
  }

  #readPiece(phase: Phase & { bytesLeft: number }): MessageEvent<Head> | null {
    const bytes = this.#queue.take(Math.min(phase.bytesLeft, PIECE_BYTES_MAX));
    if (bytes.length === 0) return this.#wantMore();
    phase.bytesLeft -= bytes.length;
    return { kind: 'data', bytes };
  }

  #readChunkSize(): null | 'again' {
    const line = this.#readLine(null);
    if (line === null) return this.#wantMore();
    // Extensions after the size mean nothing to us. Eight digits are more than any limit of ours allows.
    const match = /^([0-9A-Fa-f]{1,8})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/.exec(line);
    if (match === null)
      throw new HttpError('ERR_HTTP_CHUNK', 'Cannot read the body: a chunk has no valid size');
    const bytesLeft = Number.parseInt(match[1] ?? '', 16);
    this.#countBody(bytesLeft);
    this.#phase =
      bytesLeft === 0 ? { kind: 'trailers', lines: [], byteCount: 0 } : { kind: 'chunkData', bytesLeft };
    return 'again';
  }

  #readChunkEnd(): null | 'again' {
    const line = this.#readLine(null);
    if (line === null) return this.#wantMore();
    if (line !== '')
      throw new HttpError('ERR_HTTP_CHUNK', 'Cannot read the body: a chunk is longer than its size');
    this.#phase = { kind: 'chunkSize' };
    return 'again';
  }

  #readTrailers(phase: Phase & { kind: 'trailers' }): MessageEvent<Head> | null | 'again' {
    const line = this.#readLine(phase);
    if (line === null) return this.#wantMore();
    if (line === '') return this.#endMessage();
    phase.lines.push('');
    return 'again';
  }

  #readUntilClose(): MessageEvent<Head> | null {
    const bytes = this.#queue.take(PIECE_BYTES_MAX);
    this.#countBody(bytes.length);
    if (bytes.length > 0) return { kind: 'data', bytes };
    return this.#ended ? this.#endMessage() : null;
  }

  #endMessage(): MessageEvent<Head> {
    this.#phase = { kind: 'head', lines: [], byteCount: 0 };
    return { kind: 'end' };
  }

  #wantMore(): null {
    if (this.#ended) {
      throw new HttpError(
        'ERR_HTTP_INCOMPLETE',
        'Cannot read the message: the peer ended the connection inside it',
      );
    }
    return null;
  }

  /** The next line without its end; null if its end has not arrived. `section` counts lines that have a joint limit. */
  #readLine(section: { lines: string[]; byteCount: number; kind: string } | null): string | null {
    const { lineBytesMax, headBytesMax, headersMax } = this.#limits;
    const end = this.#queue.indexOf(LINE_FEED, this.#searched);
    const byteCount = end < 0 ? this.#queue.length : end + 1;
    // Judged before the line is whole: a line that never ends must not be waited for.
    if (byteCount > lineBytesMax + 2) throw lineTooLong(section);
    if (section !== null && section.byteCount + byteCount > headBytesMax) {
      throw new HttpError(
        'ERR_HTTP_HEAD_TOO_LARGE',
        `Cannot read the headers: more than ${headBytesMax} bytes`,
      );
    }
    if (end < 0) {
      this.#searched = byteCount;
      return null;
    }
    this.#searched = 0;
    const bytes = this.#queue.take(byteCount);
    // A lone line feed ends a line for some and not for others; that, too, smuggles requests. Nobody honest sends it.
    if (bytes.at(-2) !== CARRIAGE_RETURN) {
      throw new HttpError('ERR_HTTP_HEADER', 'Cannot read the message: a line does not end in CR LF');
    }
    if (section !== null) {
      section.byteCount += byteCount;
      if (section.lines.length > headersMax && byteCount > 2) {
        throw new HttpError('ERR_HTTP_HEAD_TOO_LARGE', `Cannot read the headers: more than ${headersMax}`);
      }
    }
    return latin1(bytes.subarray(0, -2));
  }
}

/** One char for each byte. `TextDecoder`'s latin1 is windows-1252 in truth and would not do. */
function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

function lineTooLong(section: { lines: string[]; kind: string } | null): HttpError {
  if (section === null)
    return new HttpError('ERR_HTTP_CHUNK', 'Cannot read the body: the line before a chunk is too long');
  if (section.kind === 'head' && section.lines.length === 0) {
    return new HttpError(
      'ERR_HTTP_START_LINE_TOO_LONG',
      'Cannot read the message: its first line is too long',
    );
  }
  return new HttpError('ERR_HTTP_HEAD_TOO_LARGE', 'Cannot read the headers: a line is too long');
}

/** Reads the requests of one connection. */
export function createRequestDecoder(limits: HttpLimits): MessageDecoder<RequestHead> {
  return new MessageDecoder(parseRequestHead, limits);
}

/** Reads the responses of one connection, on which every request has the same `method`. */
export function createResponseDecoder(limits: HttpLimits, method: string): MessageDecoder<ResponseHead> {
  return new MessageDecoder((lines) => parseResponseHead(lines, method), limits);
}
