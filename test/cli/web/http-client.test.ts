import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { createHttpClient, type HttpAnswer, type HttpClient } from '../../../src/cli/web/http-client.ts';
import type { HttpLimits } from '../../../src/cli/web/message-decoder.ts';
import { createTask, gather, timeout } from '../../../src/coroutines/index.ts';
import { isCancellation, SystemError, TimeoutError } from '../../../src/interface/index.ts';
import { run } from '../../../src/runtime/index.ts';

interface Scene {
  readonly client: HttpClient;
  url(path: string): URL;
  /** connections that the server has taken so far */
  readonly connectionCount: number;
  /** paths that were asked for, in order */
  readonly requests: string[];
}

/** What a server of the test's own does with the `count`th request on the connection, counted from 1. */
type Answer = (socket: Socket, path: string, count: number) => void;

/** Runs `test` against a server that knows no HTTP but the blank line at the end of a request. */
async function withServer(
  answer: Answer,
  test: (scene: Scene) => Promise<void>,
  limits: Partial<HttpLimits> = {},
): Promise<void> {
  const sockets = new Set<Socket>();
  const requests: string[] = [];
  let connectionCount = 0;
  const server = createServer((socket) => {
    connectionCount += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    let received = '';
    let count = 0;
    socket.on('data', (data) => {
      received += data.toString();
      for (let end = received.indexOf('\r\n\r\n'); end >= 0; end = received.indexOf('\r\n\r\n')) {
        const path = received.split(' ')[1] ?? '';
        received = received.slice(end + 4);
        requests.push(path);
        count += 1;
        answer(socket, path, count);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  try {
    await run(async () => {
      const client = createHttpClient(limits);
      await test({
        client,
        url: (path) => new URL(path, `http://127.0.0.1:${address.port}`),
        requests,
        get connectionCount() {
          return connectionCount;
        },
      });
      await client.close();
      assert.equal(client.socketCount, 0);
    });
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

const respond = (body: string, ...headers: string[]) =>
  ['HTTP/1.1 200 OK', ...headers, `Content-Length: ${body.length}`, '', body].join('\r\n');

function textOf({ pieces }: HttpAnswer): string {
  return Buffer.concat(pieces).toString();
}

describe('the HTTP client', () => {
  it('asks with path, query and host, and keeps the connection for the next request', async () => {
    await withServer(
      (socket, path) => void socket.write(respond(`you asked for ${path}`)),
      async (scene) => {
        const { client, url, requests } = scene;
        const answer = await client.get(url('/a?b=c'));
        assert.deepEqual(
          [answer.status, answer.headers.get('content-length'), answer.byteCount],
          [200, '20', 20],
        );
        assert.equal(textOf(answer), 'you asked for /a?b=c');
        await client.get(url('/d'));
        assert.deepEqual(requests, ['/a?b=c', '/d']);
        assert.deepEqual([scene.connectionCount, client.socketCount, client.socketCountMax], [1, 1, 1]);
      },
    );
  });

  it('reads bodies in chunks and until the end of the connection, and opens a new one after that', async () => {
    await withServer(
      (socket, path) => {
        if (path === '/chunks')
          socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n');
        else socket.end('HTTP/1.1 200 OK\r\n\r\nall the rest');
      },
      async (scene) => {
        const { client, url } = scene;
        assert.equal(textOf(await client.get(url('/chunks'))), 'abc');
        assert.equal(textOf(await client.get(url('/rest'))), 'all the rest');
        assert.equal(scene.connectionCount, 1);
        assert.equal(textOf(await client.get(url('/chunks'))), 'abc');
        assert.deepEqual([scene.connectionCount, client.socketCountMax], [2, 1]);
      },
    );
  });

  it('keeps no connection that the server will close, or on which there is more than was asked for', async () => {
    await withServer(
      (socket, path) =>
        void socket.write(path === '/close' ? respond('', 'Connection: close') : `${respond('')}extra`),
      async (scene) => {
        for (const path of ['/close', '/extra', '/close']) await scene.client.get(scene.url(path));
        assert.deepEqual([scene.connectionCount, scene.client.socketCountMax], [3, 1]);
      },
    );
  });

  it('asks again, once and on a new connection, if a kept one turns out to be gone', async () => {
    await withServer(
      (socket, _, count) => {
        if (count === 1) socket.write(respond('fine'));
        else socket.destroy();
      },
      async (scene) => {
        const { client, url, requests } = scene;
        await client.get(url('/1'));
        assert.equal(textOf(await client.get(url('/2'))), 'fine');
        assert.deepEqual([requests, scene.connectionCount], [['/1', '/2', '/2'], 2]);
      },
    );
  });

  it('does not ask again once something of the answer has come, nor on a new connection', async () => {
    await withServer(
      (socket, path, count) => {
        if (path === '/dead') socket.destroy();
        else if (count === 1) socket.write(respond('fine'));
        else socket.end('HTTP/1.1 2');
      },
      async (scene) => {
        const { client, url, requests } = scene;
        await client.get(url('/1'));
        await assert.rejects(async () => await client.get(url('/2')), { code: 'ERR_HTTP_INCOMPLETE' });
        await assert.rejects(async () => await client.get(url('/dead')), { code: 'ERR_HTTP_INCOMPLETE' });
        assert.deepEqual([requests, scene.connectionCount], [['/1', '/2', '/dead'], 2]);
      },
    );
  });

  it('refuses bodies above the limit, and heads that are none, and leaves no socket', async () => {
    const answers: Record<string, string> = {
      '/counted': respond('123456'),
      '/chunked': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n',
      '/endless': 'HTTP/1.1 200 OK\r\n\r\n123456',
      '/head': `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(10_000)}`,
      '/junk': 'hello?\r\n\r\n',
    };
    const codes = ['BODY_TOO_LARGE', 'BODY_TOO_LARGE', 'BODY_TOO_LARGE', 'HEAD_TOO_LARGE', 'START_LINE'];
    await withServer(
      (socket, path) => void socket.write(answers[path] ?? ''),
      async ({ client, url }) => {
        for (const [at, path] of Object.keys(answers).entries()) {
          const code = `ERR_HTTP_${codes[at]}`;
          await assert.rejects(async () => await client.get(url(path)), { name: 'HttpError', code });
          assert.equal(client.socketCount, 0);
        }
      },
      { bodyBytesMax: 5 },
    );
  });

  it('leaves no socket behind when time runs out or the task is cancelled, wherever it waits', async () => {
    await withServer(
      (socket, path) =>
        void socket.write(path === '/half' ? 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx' : ''),
      async ({ client, url }) => {
        for (const path of ['/silent', '/half']) {
          const limited = async () =>
            await timeout(20, function* () {
              return yield* client.get(url(path));
            });
          await assert.rejects(limited, TimeoutError);
          assert.equal(client.socketCount, 0);
        }
        const task = createTask(client.get(url('/silent')));
        const cancelled = createTask(client.get(url('/silent')));
        await Promise.resolve();
        cancelled.cancel();
        await assert.rejects(async () => await cancelled, isCancellation);
        task.cancel();
        await assert.rejects(async () => await task, isCancellation);
        assert.equal(client.socketCount, 0);
      },
    );
  });

  it('counts its sockets, and uses as many as there are requests at once', async () => {
    const waiting: Socket[] = [];
    await withServer(
      (socket) => {
        waiting.push(socket);
        if (waiting.length === 5) for (const each of waiting) each.write(respond('now'));
      },
      async ({ client, url }) => {
        await gather(Array.from({ length: 5 }, () => client.get(url('/'))));
        assert.deepEqual([client.socketCount, client.socketCountMax], [5, 5]);
      },
    );
  });

  it('gives typed errors for refused connections, unknown hosts, and what it cannot do', async () => {
    const vacant = createServer().listen(0, '127.0.0.1');
    await once(vacant, 'listening');
    const { port } = vacant.address() as { port: number };
    vacant.close();
    await once(vacant, 'close');
    await run(async () => {
      const client = createHttpClient();
      const get = (url: string) => async () => await client.get(new URL(url));
      await assert.rejects(get(`http://127.0.0.1:${port}/`), (error) => {
        assert.ok(error instanceof SystemError);
        assert.equal(error.code, 'ECONNREFUSED');
        return true;
      });
      await assert.rejects(get('http://nowhere.invalid/'), SystemError);
      await assert.rejects(get('https://127.0.0.1/'), { code: 'ERR_URL_NOT_SUPPORTED' });
      assert.equal(client.socketCount, 0);
    });
  });
});
