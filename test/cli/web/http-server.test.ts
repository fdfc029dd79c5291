import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as nodeRequest } from 'node:http';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import type { BodySource } from '../../../src/cli/web/body-source.ts';
import {
  type HttpExchange,
  type HttpHandler,
  type HttpServerOptions,
  serveHttp,
} from '../../../src/cli/web/http-server.ts';
import { coroutine, sleep } from '../../../src/coroutines/index.ts';
import type { ExceptionContext, InternetAddress, Suspension } from '../../../src/interface/index.ts';
import { getRunningLoop } from '../../../src/loop/index.ts';
import { run } from '../../../src/runtime/index.ts';
import { ask, askAndStay, converse } from './raw-client.ts';

interface Scene {
  readonly port: number;
  readonly exchanges: HttpExchange[];
  /** Ends with the answer to a request for `target`. */
  exchanged(target: string): Promise<void>;
  /** what the loop's exception handler was told */
  readonly reports: ExceptionContext[];
}

/** Runs `test` while a server answers with `handler`. */
async function serving(
  handler: HttpHandler,
  options: HttpServerOptions,
  test: (scene: Scene) => Promise<void>,
): Promise<void> {
  await run(async () => {
    const exchanges: HttpExchange[] = [];
    const reports: ExceptionContext[] = [];
    getRunningLoop().setExceptionHandler((_, context) => reports.push(context));
    const waiters = new Map<string | undefined, () => void>();
    const onExchange = (exchange: HttpExchange) => {
      exchanges.push(exchange);
      waiters.get(exchange.request?.target)?.();
    };
    const exchanged = (target: string) => new Promise<void>((resolve) => waiters.set(target, resolve));
    const server = await serveHttp(handler, { host: '127.0.0.1', onExchange, ...options });
    try {
      await test({ port: (server.sockets[0] as InternetAddress).port, exchanges, exchanged, reports });
    } finally {
      await server.stop({ grace: 0 });
    }
  });
}

const hello: HttpHandler = ({ target }) => ({ status: 200, body: `hello ${target}` });
const get = (target: string, ...headers: string[]) =>
  [`GET ${target} HTTP/1.1`, 'Host: a', ...headers, '', ''].join('\r\n');

/** Status codes of all answers in a text. */
function statuses(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
}

describe('the HTTP server', () => {
  it('answers requests on one connection one after the other, also if they came all at once', async () => {
    await serving(hello, {}, async ({ port, exchanges }) => {
      const targets = Array.from({ length: 300 }, (_, at) => `/${at}`);
      const { text } = await ask(port, ...targets.map((target) => get(target)));
      assert.deepEqual(
        [...text.matchAll(/hello (\/\d+)/g)].map(([, target]) => target),
        targets,
      );
      assert.equal(exchanges.length, 300);
      assert.deepEqual(
        [exchanges[7]?.request?.target, exchanges[7]?.status, exchanges[7]?.byteCount],
        ['/7', 200, 8],
      );
    });
  });

  it('is understood by a client of another make', async () => {
    await serving(
      ({ method, body }) => ({ status: 201, headers: { 'X-Method': method }, body }),
      {},
      async ({ port }) => {
        const sent = nodeRequest({ port, method: 'PUT', headers: { Expect: 'nothing special' } });
        sent.end('some text');
        const [answer] = await once(sent, 'response');
        let text = '';
        for await (const part of answer) text += part;
        assert.deepEqual([answer.statusCode, answer.headers['x-method'], text], [201, 'PUT', 'some text']);
        assert.ok(Date.parse(answer.headers.date) > 0);
      },
    );
  });

  it('answers HEAD as GET without the body', async () => {
    await serving(hello, {}, async ({ port }) => {
      const { text } = await ask(port, get('/x').replace('GET', 'HEAD'), get('/y'));
      assert.match(text, /^HTTP\/1\.1 200 OK\r\n.*Content-Length: 8\r\n\r\nHTTP\/1\.1 200 .*hello \/y$/s);
    });
  });

  it('closes when the client asks for it, and after HTTP/1.0', async () => {
    await serving(hello, {}, async ({ port }) => {
      for (const request of [get('/', 'Connection: close'), 'GET / HTTP/1.0\r\n\r\n']) {
        const { text, isBroken } = await askAndStay(port, request, request);
        assert.deepEqual([statuses(text), isBroken], [[200], false]);
        assert.match(text, /\r\nConnection: close\r\n/);
      }
    });
  });

  it('sends a body of unknown length in chunks, or ends it with the connection for HTTP/1.0', async () => {
    const parts = (...texts: string[]): BodySource => ({
      byteCount: null,
      read: () => {
        const text = texts.shift();
        return text === undefined ? null : new TextEncoder().encode(text);
      },
      close() {},
    });
    await serving(
      () => ({ status: 200, body: parts('one', '', 'twenty-two') }),
      {},
      async ({ port }) => {
        const { text } = await ask(port, get('/'));
        assert.match(text, /Transfer-Encoding: chunked\r\n\r\n3\r\none\r\na\r\ntwenty-two\r\n0\r\n\r\n$/);
        assert.match((await askAndStay(port, 'GET / HTTP/1.0\r\n\r\n')).text, /close\r\n\r\nonetwenty-two$/);
      },
    );
  });

  it('reads counted and chunked bodies, and refuses larger ones without waiting for them', async () => {
    const echo: HttpHandler = ({ body }) => ({ status: 200, body });
    await serving(echo, { limits: { bodyBytesMax: 5 } }, async ({ port }) => {
      const chunked = get('/', 'Transfer-Encoding: chunked');
      const { text } = await ask(
        port,
        `${get('/', 'Content-Length: 5')}12345`,
        `${chunked}3\r\nabc\r\n0\r\n\r\n`,
      );
      assert.match(text, /12345HTTP.*abc$/s);
      for (const request of [get('/', 'Content-Length: 6'), `${chunked}6\r\n`]) {
        const refused = await askAndStay(port, request);
        assert.deepEqual([statuses(refused.text), refused.isBroken], [[413], false]);
      }
    });
  });

  it('turns the failure of a handler into a 500, reports it, and goes on', async () => {
    const failing: HttpHandler = ({ target }) => {
      if (target === '/throw') throw new Error('on purpose');
      if (target === '/later') return failLater();
      if (target === '/split') return { status: 200, headers: { Location: 'x\r\nSet-Cookie: y' } };
      return { status: 200 };
    };
    const failLater = coroutine(function* (): Generator<Suspension, never, unknown> {
      yield* sleep(0);
      throw new Error('later');
    });
    await serving(failing, {}, async ({ port, reports }) => {
      const { text } = await ask(port, get('/throw'), get('/later'), get('/split'), get('/well'));
      assert.deepEqual(statuses(text), [500, 500, 500, 200]);
      assert.ok(!text.includes('Set-Cookie') && !text.includes('purpose'));
      assert.deepEqual(
        reports.map(({ message }) => message),
        ['/throw', '/later', '/split'].map((target) => `Cannot answer GET ${target}: the handler failed`),
      );
    });
  });

  it('ends the connection where a body turns out shorter than announced, or fails, and closes its source', async () => {
    let closed = 0;
    const source = (byteCount: number, read: () => Uint8Array | null): BodySource => ({
      byteCount,
      read,
      close() {
        closed += 1;
      },
    });
    const handler: HttpHandler = ({ target }) => ({
      status: 200,
      body: source(10, () => {
        if (target === '/short') return null;
        throw new Error('the disk has failed');
      }),
    });
    await serving(handler, {}, async ({ port, reports }) => {
      for (const target of ['/short', '/failing']) {
        assert.deepEqual(statuses((await askAndStay(port, get(target))).text), []);
      }
      assert.equal(closed, 2);
      assert.equal(reports.length, 2);
    });
  });
});

describe('the HTTP server, with a hostile client,', () => {
  it('refuses a request line of a megabyte with 414, and serves the next client', async () => {
    await serving(hello, {}, async ({ port, exchanges }) => {
      const { text } = await converse(port, (socket) => void socket.write(`GET /${'x'.repeat(1024 * 1024)}`));
      assert.deepEqual(statuses(text), [414]);
      assert.deepEqual([exchanges[0]?.request, exchanges[0]?.status], [null, 414]);
      assert.deepEqual(statuses((await ask(port, get('/'))).text), [200]);
    });
  });

  it('refuses a header that never ends with 431, however long it is sent', async () => {
    await serving(hello, { lingerTimeout: 50 }, async ({ port }) => {
      const { text } = await converse(port, (socket) => {
        const send = () => {
          while (!socket.destroyed && socket.write('x'.repeat(1000)));
          socket.once('drain', send);
        };
        socket.write('GET / HTTP/1.1\r\nHost: a\r\nX: ');
        send();
      });
      assert.deepEqual(statuses(text), [431]);
      assert.deepEqual(statuses((await ask(port, get('/'))).text), [200]);
    });
  });

  it('refuses requests that cannot be read, and says which rule they break', async () => {
    await serving(hello, {}, async ({ port }) => {
      for (const [request, status, reason] of [
        ['hello?\r\n\r\n', 400, /no request line/],
        ['GET / HTTP/3.0\r\n\r\n', 505, /HTTP\/3\.0/],
        [get('/', ...Array(200).fill('x: y')), 431, /more than 100/],
        [get('/', 'Content-Length: 1', 'Transfer-Encoding: chunked'), 400, /where the body ends/],
        [get('/', 'Transfer-Encoding: gzip'), 501, /not chunked/],
      ] as const) {
        const { text, isBroken } = await askAndStay(port, request, get('/smuggled'));
        assert.deepEqual([statuses(text), isBroken], [[status], false]);
        assert.match(text, reason);
      }
    });
  });

  it('cuts off a client that sends a byte now and then, with 408, by a deadline for the whole request', async () => {
    const options = { requestTimeout: 50, lingerTimeout: 20 };
    await serving(hello, options, async ({ port, exchanges }) => {
      let sentByteCount = 0;
      const { text } = await converse(port, (socket) => {
        const sendByte = () => {
          if (socket.destroyed) return;
          socket.write(sentByteCount === 0 ? 'GET / HTTP/1.1\r\nX: ' : 'x');
          sentByteCount += 1;
          setTimeout(sendByte, 1);
        };
        sendByte();
      });
      assert.deepEqual(statuses(text), [408]);
      assert.ok(sentByteCount > 1);
      assert.equal(exchanges[0]?.status, 408);
    });
  });

  it('closes a connection on which nothing comes, without a word', async () => {
    await serving(hello, { idleTimeout: 20 }, async ({ port }) => {
      assert.deepEqual(await askAndStay(port), { text: '', isBroken: false });
      const { text, isBroken } = await askAndStay(port, get('/'));
      assert.deepEqual([statuses(text), isBroken], [[200], false]);
    });
  });

  it('cuts off a client that does not read its answer, and keeps no more of it than the buffers hold', async () => {
    const mebibyte = new Uint8Array(1024 * 1024);
    let readCount = 0;
    const body: BodySource = {
      byteCount: 1024 * mebibyte.length,
      read() {
        readCount += 1;
        return mebibyte;
      },
      close() {},
    };
    const handler: HttpHandler = ({ target }) =>
      target === '/big' ? { status: 200, body } : { status: 200 };
    await serving(handler, { writeTimeout: 100 }, async ({ port, exchanged }) => {
      const cutOff = exchanged('/big');
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => {});
      socket.pause();
      socket.write(get('/big'));
      const closed = once(socket, 'close');
      // Others are served meanwhile.
      assert.deepEqual(statuses((await ask(port, get('/'), get('/'))).text), [200, 200]);
      await cutOff;
      socket.resume();
      await closed;
      assert.ok(readCount < 64, `${readCount} MiB were read`);
    });
  });

  it('keeps no more connections than it may, and takes new ones when old ones have ended', async () => {
    await serving(hello, { maxConnections: 2 }, async ({ port }) => {
      const sockets = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')];
      for (const socket of sockets) {
        socket.write(get('/'));
        await once(socket, 'data');
      }
      assert.deepEqual(statuses((await ask(port, get('/'))).text), []);
      for (const socket of sockets) {
        socket.end();
        await once(socket, 'close');
      }
      // The server may notice the end a little later than the client does.
      let answers: number[] = [];
      for (let tries = 0; tries < 1000 && answers.length === 0; tries += 1) {
        answers = statuses((await ask(port, get('/'))).text);
      }
      assert.deepEqual(answers, [200]);
    });
  });

  it('is not disturbed by one that vanishes in the middle of anything', async () => {
    const slowly = coroutine(function* () {
      yield* sleep(10);
      return { status: 200, body: new Uint8Array(10_000_000) };
    });
    await serving(slowly, {}, async ({ port, reports }) => {
      for (const text of ['', 'GET / HT', get('/', 'Content-Length: 10'), get('/')]) {
        await converse(port, (socket) => void socket.write(text, () => socket.resetAndDestroy()));
      }
      const { text } = await ask(port, get('/', 'Connection: close'));
      assert.ok(text.length > 10_000_000);
      assert.deepEqual(reports, []);
    });
  });
});
