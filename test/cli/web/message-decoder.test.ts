import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { HttpError, type HttpErrorCode } from '../../../src/cli/web/http-error.ts';
import type { RequestHead } from '../../../src/cli/web/http-head.ts';
import {
  createRequestDecoder,
  createResponseDecoder,
  defaultHttpLimits,
  type HttpLimits,
} from '../../../src/cli/web/message-decoder.ts';
import { propertyRuns } from '../../support/property-runs.ts';

const CHUNKED_POST = [
  'POST /a/b?c=d HTTP/1.1',
  'Host: example.test:8080',
  'X-Twice: one',
  'x-twice:\t two \t',
  'Transfer-Encoding: Chunked',
  '',
  '5;extension="x"',
  'hello',
  '00C',
  ', wide world',
  '0',
  'Trailer: ignored',
  '',
  '',
].join('\r\n');
const COUNTED_PUT = 'PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: x, Close\r\n\r\nabc';
const PLAIN_GET = 'GET / HTTP/1.0\r\n\r\n';

interface Message {
  head: unknown;
  body: string;
}

/** Feeds `parts` one after the other and gathers the messages that are whole by then. */
function decode(
  decoder: ReturnType<typeof createRequestDecoder> | ReturnType<typeof createResponseDecoder>,
  parts: Iterable<Uint8Array>,
): Message[] {
  const messages: Message[] = [];
  let head: unknown = null;
  let body = '';
  const drain = () => {
    for (let event = decoder.next(); event !== null; event = decoder.next()) {
      if (event.kind === 'closed') return;
      if (event.kind === 'head') head = event.head;
      if (event.kind === 'data') {
        assert.ok(event.bytes.length > 0);
        body += Buffer.from(event.bytes).toString('latin1');
      }
      if (event.kind === 'end') {
        messages.push({ head, body });
        body = '';
      }
    }
  };
  for (const part of parts) {
    decoder.feed(part);
    drain();
  }
  decoder.feedEof();
  drain();
  return messages;
}

function bytes(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

function* singly(text: string): Iterable<Uint8Array> {
  for (const byte of bytes(text)) yield Uint8Array.of(byte);
}

function readRequests(text: string, limits: Partial<HttpLimits> = {}): Message[] {
  return decode(createRequestDecoder({ ...defaultHttpLimits, ...limits }), [bytes(text)]);
}

function requestHead(text: string): RequestHead {
  const [message] = readRequests(text);
  assert.ok(message);
  return message.head as RequestHead;
}

function readResponses(text: string, limits: Partial<HttpLimits> = {}): Message[] {
  return decode(createResponseDecoder({ ...defaultHttpLimits, ...limits }, 'GET'), [bytes(text)]);
}

/** The same refusal, with the same code, whole and byte by byte. */
function assertRefused(text: string, code: HttpErrorCode, status: number, limits: Partial<HttpLimits> = {}) {
  const all = { ...defaultHttpLimits, ...limits };
  const isIt = (error: unknown) => {
    assert.ok(error instanceof HttpError);
    assert.deepEqual([error.code, error.status], [code, status], error.message);
    return true;
  };
  assert.throws(() => decode(createRequestDecoder(all), [bytes(text)]), isIt, text.slice(0, 200));
  assert.throws(() => decode(createRequestDecoder(all), singly(text)), isIt, text.slice(0, 200));
}

function assertResponseRefused(text: string, code: HttpErrorCode, limits: Partial<HttpLimits> = {}) {
  assert.throws(() => readResponses(text, limits), { name: 'HttpError', code });
}

const get = (...headers: string[]) => ['GET / HTTP/1.1', 'Host: a', ...headers, '', ''].join('\r\n');

describe('a request decoder', () => {
  it('reads method, target, version, headers in lower case and joined, and how the body ends (B-HTTP-001)', () => {
    const [message] = readRequests(CHUNKED_POST);
    assert.deepEqual(message, {
      head: {
        method: 'POST',
        target: '/a/b?c=d',
        version: '1.1',
        headers: new Map([
          ['host', 'example.test:8080'],
          ['x-twice', 'one, two'],
          ['transfer-encoding', 'Chunked'],
        ]),
        framing: { kind: 'chunked' },
        keepAlive: true,
      },
      body: 'hello, wide world',
    });
  });

  it('gives the same whole, byte by byte, and in any pieces', () => {
    const text = CHUNKED_POST + COUNTED_PUT + PLAIN_GET + CHUNKED_POST;
    const whole = readRequests(text);
    assert.deepEqual(
      whole.map(({ body }) => body),
      ['hello, wide world', 'abc', '', 'hello, wide world'],
    );
    assert.deepEqual(decode(createRequestDecoder(defaultHttpLimits), singly(text)), whole);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: text.length })), (cuts) => {
        const ends = [...cuts, text.length].sort((a, b) => a - b);
        const parts = ends.map((end, at) => bytes(text.slice(ends[at - 1] ?? 0, end)));
        assert.deepEqual(decode(createRequestDecoder(defaultHttpLimits), parts), whole);
      }),
      propertyRuns(100),
    );
  });

  it('keeps bytes left over for the next message, and says whether there are any', () => {
    const decoder = createRequestDecoder(defaultHttpLimits);
    assert.equal(decoder.isBetweenMessages, true);
    decoder.feed(bytes(`${COUNTED_PUT}GE`));
    assert.deepEqual(
      [decoder.next()?.kind, decoder.next()?.kind, decoder.next()?.kind],
      ['head', 'data', 'end'],
    );
    assert.equal(decoder.isBetweenMessages, false);
    assert.equal(decoder.next(), null);
    decoder.feed(bytes('T / HTTP/1.0\r\n\r\n'));
    const event = decoder.next();
    assert.ok(event?.kind === 'head');
    assert.equal(event.head.method, 'GET');
    assert.equal(decoder.next()?.kind, 'end');
    assert.equal(decoder.isBetweenMessages, true);
  });

  it('tells the end of the connection between two messages from one inside a message', () => {
    const decoder = createRequestDecoder(defaultHttpLimits);
    decoder.feedEof();
    assert.deepEqual([decoder.next(), decoder.next()], [{ kind: 'closed' }, { kind: 'closed' }]);
    for (const text of [
      'G',
      'GET / HTTP/1.1\r\nHost: a\r\n',
      COUNTED_PUT.slice(0, -1),
      CHUNKED_POST.slice(0, -2),
    ]) {
      assertRefused(text, 'ERR_HTTP_INCOMPLETE', 400);
    }
  });

  it('keeps a connection or closes it as the version and the connection header say (B-HTTP-009)', () => {
    const keeps = (text: string) => requestHead(text).keepAlive;
    assert.equal(keeps(get()), true);
    assert.equal(keeps(get('Connection: keep-alive')), true);
    assert.equal(keeps(get('Connection: foo , close')), false);
    assert.equal(keeps('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n'), false);
  });

  it('passes over blank lines before a message, but not over endless ones', () => {
    assert.equal(readRequests(`\r\n\r\n${get()}`).length, 1);
    assertRefused('\r\n'.repeat(20_000), 'ERR_HTTP_HEAD_TOO_LARGE', 431);
  });

  it('refuses what is no request line (B-HTTP-001)', () => {
    for (const line of [
      'GET',
      'GET /',
      'GET / HTTP/1.1 x',
      'GET  / HTTP/1.1',
      ' GET / HTTP/1.1',
      'G@T / HTTP/1.1',
      'GET /\u00e4 HTTP/1.1',
      'GET /\u0000 HTTP/1.1',
      'GET /\t HTTP/1.1',
      'GET / http/1.1',
      'GET / HTTP/1.10',
      'GET / HTTP/1',
      'GET / FTP/1.1',
      '\u0016\u0003\u0001\u0002',
    ]) {
      assertRefused(`${line}\r\nHost: a\r\n\r\n`, 'ERR_HTTP_START_LINE', 400);
    }
    assertRefused('GET / HTTP/2.0\r\nHost: a\r\n\r\n', 'ERR_HTTP_VERSION', 505);
  });

  it('takes a later HTTP/1 for the one it knows', () => {
    assert.equal(requestHead('GET / HTTP/1.2\r\nHost: a\r\n\r\n').version, '1.1');
  });

  it('refuses malformed header lines (B-HTTP-003)', () => {
    for (const line of [
      'no colon',
      ': no name',
      'Blank : before the colon',
      ' folded: line',
      '\tfolded',
      'N\u00e4me: x',
      'Name: nul\u0000',
      'Name: lone\rreturn',
      'Name: del\u007f',
    ]) {
      assertRefused(get(line), 'ERR_HTTP_HEADER', 400);
    }
    assertRefused('GET / HTTP/1.1\nHost: a\n\n', 'ERR_HTTP_HEADER', 400);
    assertRefused('GET / HTTP/1.1\r\nHost: a\n\r\n', 'ERR_HTTP_HEADER', 400);
  });

  it('keeps opaque bytes of a header as they are, one char each', () => {
    assert.equal(requestHead(get('X: \u0080\u009f\u00ff')).headers.get('x'), '\u0080\u009f\u00ff');
  });

  it('wants one valid Host of HTTP/1.1, and none of HTTP/1.0', () => {
    assert.equal(readRequests(PLAIN_GET).length, 1);
    assertRefused('GET / HTTP/1.1\r\n\r\n', 'ERR_HTTP_HEADER', 400);
    assertRefused(get('Host: b'), 'ERR_HTTP_HEADER', 400);
    for (const host of ['a b', 'a/b', 'me@a', 'a:b', '[::1', '::1']) {
      assertRefused(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`, 'ERR_HTTP_HEADER', 400);
    }
    for (const host of ['', 'a:', 'a:80', '[::1]:80', '1.2.3.4', 'a-b.c_d']) {
      assert.equal(readRequests(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`).length, 1, host);
    }
  });

  it('refuses bodies whose end can be seen in two ways, or in none (B-HTTP-006)', () => {
    for (const headers of [
      ['Content-Length: 3', 'Transfer-Encoding: chunked'],
      ['Content-Length: 3', 'Content-Length: 4'],
      ['Content-Length: 3, 3'],
      ['Content-Length: -1'],
      ['Content-Length: +1'],
      ['Content-Length: 0x10'],
      ['Content-Length: 1e3'],
      ['Content-Length: '],
      ['Content-Length: 99999999999999999999'],
    ]) {
      assertRefused(get(...headers), 'ERR_HTTP_FRAMING', 400);
    }
    assertRefused('GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n', 'ERR_HTTP_FRAMING', 400);
    for (const coding of ['gzip', 'gzip, chunked', 'chunked, chunked', 'xchunked', '']) {
      assertRefused(get(`Transfer-Encoding: ${coding}`), 'ERR_HTTP_TRANSFER_CODING', 501);
    }
  });

  it('refuses malformed chunks (B-HTTP-007)', () => {
    for (const body of [
      '\r\n',
      'g\r\n',
      '-1\r\n',
      '0x1\r\na\r\n',
      '1 2\r\n',
      '123456789\r\n',
      '1\r\nab\r\n',
      '1 ;\u0000\r\n',
    ]) {
      assertRefused(get('Transfer-Encoding: chunked') + body, 'ERR_HTTP_CHUNK', 400);
    }
    assertRefused(`${get('Transfer-Encoding: chunked')}1;${'x'.repeat(9000)}`, 'ERR_HTTP_CHUNK', 400);
  });

  it('bounds lines, heads and the number of headers, before their end has come (B-HTTP-004)', () => {
    assertRefused('x'.repeat(8 * 1024 + 3), 'ERR_HTTP_START_LINE_TOO_LONG', 414);
    assertRefused(`${get().slice(0, -2)}x: ${'x'.repeat(8 * 1024)}`, 'ERR_HTTP_HEAD_TOO_LARGE', 431);
    assertRefused(get(...Array(5).fill(`x: ${'x'.repeat(8000)}`)), 'ERR_HTTP_HEAD_TOO_LARGE', 431);
    assert.equal(readRequests(get(...Array(99).fill('x: y'))).length, 1);
    assertRefused(get(...Array(100).fill('x: y')), 'ERR_HTTP_HEAD_TOO_LARGE', 431);
    const trailers = Array(200).fill('x: y').join('\r\n');
    assertRefused(`${get('Transfer-Encoding: chunked')}0\r\n${trailers}`, 'ERR_HTTP_HEAD_TOO_LARGE', 431);
  });

  it('takes a first line and a head that are exactly at the limit', () => {
    const limits = { lineBytesMax: 30, headBytesMax: 64 };
    const target = `/${'x'.repeat(30 - 'GET / HTTP/1.1'.length)}`;
    const head = `GET ${target} HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(64 - 32 - 9 - 5 - 2)}\r\n\r\n`;
    assert.equal(head.length, 64);
    assert.equal(readRequests(head, limits).length, 1);
    assertRefused(head.replace('/x', '/xx'), 'ERR_HTTP_START_LINE_TOO_LONG', 414, limits);
    assertRefused(head.replace('X: x', 'X: xx'), 'ERR_HTTP_HEAD_TOO_LARGE', 431, limits);
  });

  it('bounds the body, counted or in chunks, before it has come', () => {
    const limits = { bodyBytesMax: 10 };
    assertRefused(get('Content-Length: 11'), 'ERR_HTTP_BODY_TOO_LARGE', 413, limits);
    assert.equal(readRequests(`${get('Content-Length: 10')}0123456789`, limits)[0]?.body, '0123456789');
    const chunked = get('Transfer-Encoding: chunked');
    assertRefused(`${chunked}b\r\n`, 'ERR_HTTP_BODY_TOO_LARGE', 413, limits);
    assertRefused(`${chunked}6\r\n123456\r\n5\r\n`, 'ERR_HTTP_BODY_TOO_LARGE', 413, limits);
    assert.equal(
      readRequests(`${chunked}6\r\n123456\r\n4\r\n1234\r\n0\r\n\r\n`, limits)[0]?.body,
      '1234561234',
    );
  });

  it('hands out nothing but messages and typed refusals, whatever it is fed', () => {
    const word = fc.constantFrom(
      'GET ',
      '/ ',
      'HTTP/1.1',
      '\r\n',
      '\n',
      'Host: a',
      ':',
      ' ',
      '0',
      '5',
      'Content-Length: 5',
    );
    const junk = fc.array(fc.oneof(word, fc.string({ maxLength: 4 })), { maxLength: 30 });
    fc.assert(
      fc.property(junk, (words) => {
        try {
          readRequests(words.join(''));
        } catch (error) {
          assert.ok(error instanceof HttpError);
        }
      }),
      propertyRuns(100),
    );
  });
});

describe('a response decoder', () => {
  const head = (text: string, method = 'GET') => {
    const [message] = decode(createResponseDecoder(defaultHttpLimits, method), [bytes(text)]);
    return message?.head as { status: number; framing: { kind: string }; keepAlive: boolean };
  };

  it('reads status and body, by length, in chunks, or until the end of the connection (B-HTTP-002)', () => {
    const bodies = (text: string) => readResponses(text).map(({ body }) => body);
    assert.deepEqual(bodies('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 204\r\n\r\n'), [
      'hi',
      '',
    ]);
    assert.deepEqual(bodies('HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n'), [
      'hi',
    ]);
    assert.deepEqual(bodies('HTTP/1.1 200 Fine\r\n\r\nall the rest\r\n\r\n'), ['all the rest\r\n\r\n']);
    assert.equal(head('HTTP/1.0 404 Not Found\r\n\r\n').status, 404);
  });

  it('knows the answers that have no body, whatever their headers say', () => {
    assert.equal(head('HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n').status, 304);
    assert.equal(head('HTTP/1.1 204 No Content\r\n\r\n').keepAlive, true);
    assert.equal(head('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', 'HEAD').status, 200);
  });

  it('keeps no connection whose end is the end of the body', () => {
    assert.equal(head('HTTP/1.1 200 OK\r\n\r\n').keepAlive, false);
    assert.equal(head('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n').keepAlive, true);
  });

  it('skips interim answers, but not endless ones, and no switch of protocols', () => {
    const interim = 'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n';
    assert.equal(head(`${interim}${interim}HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`).status, 200);
    assertResponseRefused(interim.repeat(11), 'ERR_HTTP_START_LINE');
    assertResponseRefused('HTTP/1.1 101 Switching Protocols\r\n\r\n', 'ERR_HTTP_START_LINE');
  });

  it('refuses what is no status line (B-HTTP-002)', () => {
    for (const line of [
      '',
      'HTTP/1.1',
      'HTTP/1.1 20 OK',
      'HTTP/1.1 600 No',
      'HTTP/1.1 2000',
      'ICY 200 OK',
      '<html>',
    ]) {
      if (line !== '') assertResponseRefused(`${line}\r\n\r\n`, 'ERR_HTTP_START_LINE');
    }
    assertResponseRefused('HTTP/2.0 200 OK\r\n\r\n', 'ERR_HTTP_VERSION');
  });

  it('bounds a body that ends with the connection, and notices one that ends too early', () => {
    assertResponseRefused('HTTP/1.1 200 OK\r\n\r\n12345', 'ERR_HTTP_BODY_TOO_LARGE', { bodyBytesMax: 4 });
    assertResponseRefused('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n1234', 'ERR_HTTP_INCOMPLETE');
    assertResponseRefused(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n1234',
      'ERR_HTTP_INCOMPLETE',
    );
  });
});
