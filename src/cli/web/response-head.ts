import { STATUS_CODES } from 'node:http';
import type { RequestHead } from './http-head.ts';

export interface ResponseOutline {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** null: not known beforehand */
  readonly bodyByteCount: number | null;
}

export interface ResponsePlan {
  /** the head as it goes on the wire */
  readonly head: Uint8Array;
  /** none: the head is all there is, whatever the body would have been */
  readonly body: 'none' | 'counted' | 'chunked' | 'untilClose';
  readonly keepAlive: boolean;
}

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const VALUE = /^[\t\x20-\x7e]*$/;

/** @throws {TypeError} a header that would break out of its line */
export function checkHeaders(headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) {
    if (!NAME.test(name) || !VALUE.test(value)) {
      throw new TypeError(`Cannot send the header ${JSON.stringify(name)}: its name or value is malformed`);
    }
  }
}

/**
 * Decides how a response is framed, and writes its head.
 *
 * @param request what is answered; null if it could not be read, which ends the connection
 * @param response its headers have been checked
 * @see RFC 9112, section 6
 */
export function planResponse(
  request: RequestHead | null,
  response: ResponseOutline,
  date: Date,
): ResponsePlan {
  const { status, bodyByteCount } = response;
  const bodiless = status === 204 || status === 304;
  const framing = bodyByteCount !== null ? 'counted' : request?.version === '1.1' ? 'chunked' : 'untilClose';
  const keepAlive = request?.keepAlive === true && framing !== 'untilClose';

  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, `Date: ${date.toUTCString()}`];
  for (const [name, value] of Object.entries(response.headers)) lines.push(`${name}: ${value}`);
  if (!bodiless && framing === 'counted') lines.push(`Content-Length: ${bodyByteCount}`);
  if (!bodiless && framing === 'chunked') lines.push('Transfer-Encoding: chunked');
  if (!keepAlive) lines.push('Connection: close');
  return {
    head: new TextEncoder().encode(`${lines.join('\r\n')}\r\n\r\n`),
    body: bodiless || request?.method === 'HEAD' ? 'none' : framing,
    keepAlive,
  };
}
