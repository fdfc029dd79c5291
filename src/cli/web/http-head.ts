import { HttpError } from './http-error.ts';

/** Field names in lower case. A field that is there several times has its values joined by `', '`. */
export type HeaderMap = ReadonlyMap<string, string>;

export type HttpVersion = '1.0' | '1.1';

/** How the receiver knows where a body ends. @see RFC 9112, section 6.3 */
export type BodyFraming =
  | { readonly kind: 'counted'; readonly byteCount: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'untilClose' };

export interface RequestHead {
  /** as sent: methods are case-sensitive */
  readonly method: string;
  /** as sent: a path with its query, an absolute URL, `host:port`, or `*` */
  readonly target: string;
  readonly version: HttpVersion;
  readonly headers: HeaderMap;
  readonly framing: BodyFraming;
  /** what the sender wants to happen to the connection afterwards */
  readonly keepAlive: boolean;
}

export interface ResponseHead {
  /** 200 to 599; interim answers are left out */
  readonly status: number;
  readonly reason: string;
  readonly version: HttpVersion;
  readonly headers: HeaderMap;
  readonly framing: BodyFraming;
  readonly keepAlive: boolean;
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const TARGET = /^[\x21-\x7e]+$/;
// Tab, and everything from the space on but DEL; bytes above ASCII are opaque text (obs-text).
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const VERSION = /^HTTP\/(\d)\.(\d)$/;
// reg-name, IPv4 or a bracketed IPv6 address, and a port: no user name, no comma of a field sent twice.
const HOST = /^(?:[0-9A-Za-z\-._~%!$&'()*+;=]*|\[[0-9A-Fa-f:.]+\])(?::\d*)?$/;

/**
 * Reads the lines of a request's head.
 *
 * @param lines without their line ends, the empty one not among them; each char is one byte
 * @throws {HttpError}
 * @see RFC 9112, sections 3, 5 and 6
 */
export function parseRequestHead(lines: readonly string[]): RequestHead {
  const [method = '', target = '', versionText = '', ...more] = (lines[0] ?? '').split(' ');
  if (!TOKEN.test(method) || !TARGET.test(target) || more.length > 0) {
    throw new HttpError('ERR_HTTP_START_LINE', 'Cannot read the request: its first line is no request line');
  }
  const version = parseVersion(versionText);
  const headers = parseHeaders(lines);
  checkHost(version, headers);
  return {
    method,
    target,
    version,
    headers,
    framing: requestFraming(version, headers),
    keepAlive: keepsAlive(version, headers),
  };
}

/**
 * Reads the lines of a response's head.
 *
 * @param lines as for a request
 * @param method of the request that it answers: there is no body in the answer to HEAD
 * @returns null for an interim response (1xx): the real one is still to come
 * @throws {HttpError}
 * @see RFC 9112, sections 4, 5 and 6
 */
export function parseResponseHead(lines: readonly string[], method: string): ResponseHead | null {
  const match = /^(\S+) ([1-5]\d\d)(?: (.*))?$/.exec(lines[0] ?? '');
  if (match === null) {
    throw new HttpError('ERR_HTTP_START_LINE', 'Cannot read the response: its first line is no status line');
  }
  const version = parseVersion(match[1] ?? '');
  const status = Number(match[2]);
  const headers = parseHeaders(lines);
  if (status === 101) {
    throw new HttpError(
      'ERR_HTTP_START_LINE',
      'Cannot go on: the server switches to a protocol nobody asked for',
    );
  }
  if (status < 200) return null;
  const framing = responseFraming(version, status, method, headers);
  return {
    status,
    reason: match[3] ?? '',
    version,
    headers,
    framing,
    keepAlive: framing.kind !== 'untilClose' && keepsAlive(version, headers),
  };
}

function parseVersion(text: string): HttpVersion {
  if (text === 'HTTP/1.1') return '1.1';
  if (text === 'HTTP/1.0') return '1.0';
  if (!VERSION.test(text)) {
    throw new HttpError(
      'ERR_HTTP_START_LINE',
      'Cannot read the message: its first line names no HTTP version',
    );
  }
  // A later HTTP/1.x is understood by whoever understands 1.1 (RFC 9110, section 2.5).
  if (text.startsWith('HTTP/1.')) return '1.1';
  throw new HttpError('ERR_HTTP_VERSION', `Cannot speak ${text}: only HTTP/1.1 and HTTP/1.0`);
}

function parseHeaders(lines: readonly string[]): HeaderMap {
  const headers = new Map<string, string>();
  for (const line of lines.slice(1)) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0));
    // A name cannot hold blanks: that refuses a blank before the colon, and a folded line, at one go. Both have been
    // used to make two servers see two different messages.
    if (!TOKEN.test(name)) {
      throw new HttpError(
        'ERR_HTTP_HEADER',
        'Cannot read the headers: a line does not begin with a name and a colon',
      );
    }
    const value = trimBlanks(line.slice(colon + 1));
    if (!FIELD_VALUE.test(value)) {
      throw new HttpError('ERR_HTTP_HEADER', `Cannot read the headers: ${name} holds a control character`);
    }
    const key = name.toLowerCase();
    const earlier = headers.get(key);
    headers.set(key, earlier === undefined ? value : `${earlier}, ${value}`);
  }
  return headers;
}

/** HTTP's blanks are the space and the tab, not all that `trim` removes. */
function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isBlank(charCode: number): boolean {
  return charCode === 0x20 || charCode === 0x09;
}

function checkHost(version: HttpVersion, headers: HeaderMap): void {
  const host = headers.get('host');
  if (host === undefined) {
    if (version === '1.0') return;
    throw new HttpError('ERR_HTTP_HEADER', 'Cannot answer the request: it has no Host');
  }
  if (!HOST.test(host))
    throw new HttpError('ERR_HTTP_HEADER', 'Cannot answer the request: its Host is malformed');
}

function requestFraming(version: HttpVersion, headers: HeaderMap): BodyFraming {
  return declaredFraming(version, headers) ?? { kind: 'counted', byteCount: 0 };
}

function responseFraming(
  version: HttpVersion,
  status: number,
  method: string,
  headers: HeaderMap,
): BodyFraming {
  if (method === 'HEAD' || status === 204 || status === 304) return { kind: 'counted', byteCount: 0 };
  return declaredFraming(version, headers) ?? { kind: 'untilClose' };
}

function declaredFraming(version: HttpVersion, headers: HeaderMap): BodyFraming | null {
  const coding = headers.get('transfer-encoding');
  const lengthText = headers.get('content-length');
  if (coding !== undefined) {
    // The classic of request smuggling: who believes the length and who believes the chunks see different messages.
    if (lengthText !== undefined || version === '1.0') {
      throw new HttpError(
        'ERR_HTTP_FRAMING',
        'Cannot tell where the body ends: chunks, and a length or HTTP/1.0',
      );
    }
    if (coding.toLowerCase() === 'chunked') return { kind: 'chunked' };
    throw new HttpError(
      'ERR_HTTP_TRANSFER_CODING',
      'Cannot read the body: its transfer coding is not chunked',
    );
  }
  if (lengthText === undefined) return null;
  const byteCount = Number(lengthText);
  if (!/^\d+$/.test(lengthText) || !Number.isSafeInteger(byteCount)) {
    throw new HttpError('ERR_HTTP_FRAMING', 'Cannot tell where the body ends: Content-Length is no number');
  }
  return { kind: 'counted', byteCount };
}

/** HTTP/1.1 keeps a connection unless told otherwise. HTTP/1.0 is always taken at its oldest word: one request each. */
function keepsAlive(version: HttpVersion, headers: HeaderMap): boolean {
  if (version === '1.0') return false;
  const options = (headers.get('connection') ?? '').toLowerCase().split(',');
  return !options.some((option) => trimBlanks(option) === 'close');
}
