import { LoopError } from '../../interface/index.ts';

/** Each kind of offence, and the status with which a server answers a request that commits it. */
const statusByCode = {
  /** the first line is no request line, or no status line */
  ERR_HTTP_START_LINE: 400,
  /** neither HTTP/1.1 nor HTTP/1.0 */
  ERR_HTTP_VERSION: 505,
  ERR_HTTP_START_LINE_TOO_LONG: 414,
  /** a header field that is malformed, missing, or there twice */
  ERR_HTTP_HEADER: 400,
  /** one header line, all of them together, or their number is above the limit */
  ERR_HTTP_HEAD_TOO_LARGE: 431,
  /** where the body ends cannot be told, or can be told in two ways */
  ERR_HTTP_FRAMING: 400,
  /** a transfer coding other than chunked */
  ERR_HTTP_TRANSFER_CODING: 501,
  /** a malformed chunk */
  ERR_HTTP_CHUNK: 400,
  ERR_HTTP_BODY_TOO_LARGE: 413,
  /** the peer ended the connection in the middle of a message */
  ERR_HTTP_INCOMPLETE: 400,
} as const;

export type HttpErrorCode = keyof typeof statusByCode;

/** The peer's message breaks HTTP/1.1, or one of our limits. The connection it came on is of no further use. */
export class HttpError extends LoopError<HttpErrorCode> {
  override readonly name = 'HttpError';
  /** what a server answers to such a request */
  readonly status: number;

  constructor(code: HttpErrorCode, message: string) {
    super(code, message);
    this.status = statusByCode[code];
  }
}
