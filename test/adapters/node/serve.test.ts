import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net, { BlockList } from 'node:net';
import { describe } from 'node:test';
import { HttpAgent, HttpsAgent, undiciConnect } from '../../../src/adapters/node/http.ts';
import { StreamSocket, serve, useLoop } from '../../../src/adapters/node/index.ts';
import { connect as connectTls } from '../../../src/adapters/node/tls.ts';
import { createTask, Future, gather } from '../../../src/coroutines/index.ts';
import { getRunningLoop } from '../../../src/loop/index.ts';
import { type Steps, socketPath, testOn } from '../../contract/endpoints.ts';
import { hostStandsStill, loopKinds } from '../../contract/kinds.ts';
import { selfSigned } from '../../support/self-signed.ts';
import { closed, eventsOf, local, next, portOf, readAll } from './on-loop.ts';

const anywhere = { host: local, port: 0 };
const pem = selfSigned();

/** One request by an agent of ours, and its whole answer. */
function* get(
  options: http.RequestOptions,
  body?: string | Buffer,
  request: typeof http.request = http.request,
): Steps<{ response: IncomingMessage; text: string; reused: boolean }> {
  const answered = new Future<IncomingMessage>();
  const asked = request({ host: local, ...options }, (response) => answered.setResult(response));
  asked.on('error', (error) => {
    if (!answered.done()) answered.setException(error);
  });
  asked.end(body);
  const response = yield* answered;
  return { response, text: yield* readAll(response), reused: asked.reusedSocket };
}

function hello(request: IncomingMessage, response: ServerResponse): void {
  response.end(`hello ${request.url}`);
}

/** Sends this as it is, and reads until the server ends the connection. */
function* talk(server: net.Server, text: string): Steps<string> {
  const socket = StreamSocket.connect(portOf(server), local);
  socket.write(text);
  const answer = yield* readAll(socket);
  socket.destroy();
  return answer;
}

for (const kind of loopKinds) {
  const test = testOn(kind);
  const needsHost = kind.blocks ? { skip: hostStandsStill } : {};

  describe(`a server of Node's on the ${kind} loop`, () => {
    test('listens, tells where, serves and closes', function* () {
      const server = http.createServer(hello);
      const events = eventsOf(server, 'listening', 'connection', 'request', 'close');
      assert.equal(yield* serve(server, anywhere), server);
      assert.equal(server.listening, true);
      const { address, family, port } = server.address() as net.AddressInfo;
      assert.deepEqual([address, family, port > 0], [local, 'IPv4', true]);
      const agent = new HttpAgent();
      const { response, text } = yield* get({ port, path: '/a', agent });
      assert.equal(response.statusCode, 200);
      assert.equal(text, 'hello /a');
      agent.destroy();
      yield* closed(server);
      assert.equal(server.listening, false);
      assert.deepEqual(events, ['listening', 'connection', 'request', 'close']);
    });

    test('keeps connections alive, and an agent reuses them', function* () {
      let connections = 0;
      const server = yield* serve(
        http.createServer(hello).on('connection', () => void connections++),
        anywhere,
      );
      const port = portOf(server);
      const agent = new HttpAgent({ keepAlive: true, maxSockets: 1 });
      const first = yield* get({ port, path: '/1', agent });
      const [second, third] = yield* gather([
        createTask(get({ port, path: '/2', agent })),
        createTask(get({ port, path: '/3', agent })),
      ]);
      assert.deepEqual([first.text, second.text, third.text], ['hello /1', 'hello /2', 'hello /3']);
      assert.deepEqual([first.reused, second.reused], [false, true]);
      assert.equal(connections, 1);
      agent.destroy();
      yield* closed(server);
    });

    test('answers requests that come all at once, in order', function* () {
      const server = yield* serve(http.createServer(hello), anywhere);
      const requests = Array.from({ length: 50 }, (_, i) => `GET /${i} HTTP/1.1\r\nHost: x\r\n\r\n`).join('');
      const answer = yield* talk(
        server,
        `${requests}GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
      );
      const paths = [...answer.matchAll(/hello \/(\w+?)(?=HTTP|$)/g)].map(([, path]) => path);
      assert.deepEqual(paths, [...Array.from({ length: 50 }, (_, i) => String(i)), 'last']);
      yield* closed(server);
    });

    test('takes and gives chunked bodies, larger than any buffer', function* () {
      const server = yield* serve(
        http.createServer((request, response) => void request.pipe(response)),
        anywhere,
      );
      const body = Buffer.alloc(3_000_000, 'abcdefg');
      const agent = new HttpAgent();
      const { response, text } = yield* get(
        { port: portOf(server), method: 'POST', headers: { 'Transfer-Encoding': 'chunked' }, agent },
        body,
      );
      assert.equal(response.headers['transfer-encoding'], 'chunked');
      assert.equal(text.length, body.length);
      assert.ok(body.equals(Buffer.from(text)));
      agent.destroy();
      yield* closed(server);
    });

    test('hands over a connection that is upgraded, with what came behind the head', function* () {
      const server = http.createServer();
      server.on('upgrade', (request, socket, head) => {
        const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
        const accept = createHash('sha1').update(key).digest('base64');
        socket.write(
          `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
        );
        socket.write(head);
        socket.pipe(socket);
      });
      yield* serve(server, anywhere);
      const request = http.request({
        host: local,
        port: portOf(server),
        agent: new HttpAgent(),
        headers: {
          Connection: 'Upgrade',
          Upgrade: 'websocket',
          'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
        },
      });
      request.end();
      const [response, socket] = yield* next<[IncomingMessage, StreamSocket, Buffer]>(request, 'upgrade');
      // RFC 6455 section 1.3
      assert.equal(response.headers['sec-websocket-accept'], 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
      assert.ok(socket instanceof StreamSocket);
      const data = next<[Buffer]>(socket, 'data');
      socket.write(Buffer.from([0x81, 0x02, 0x68, 0x69]));
      assert.deepEqual([...(yield* data)[0]], [0x81, 0x02, 0x68, 0x69]);
      socket.end();
      yield* closed(server);
    });

    test('is told of a client that goes in the middle of its request', function* () {
      const server = http.createServer();
      yield* serve(server, anywhere);
      const socket = StreamSocket.connect(portOf(server), local);
      socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nonly this');
      const [request] = yield* next<[IncomingMessage]>(server, 'request');
      yield* next(request, 'data');
      const failed = next<[NodeJS.ErrnoException]>(request, 'error');
      socket.destroy();
      const [error] = yield* failed;
      assert.equal(error.code, 'ECONNRESET');
      yield* closed(server);
    });

    test('stops writing to a client that goes in the middle of its answer', function* () {
      const server = http.createServer((_request, response) => {
        response.write(Buffer.alloc(8_000_000));
      });
      yield* serve(server, anywhere);
      const agent = new HttpAgent();
      const request = http.get({ host: local, port: portOf(server), agent });
      const [, answer] = yield* next<[IncomingMessage, ServerResponse]>(server, 'request');
      const [response] = yield* next<[IncomingMessage]>(request, 'response');
      yield* next(response, 'data');
      const gone = next(answer, 'close');
      response.on('error', () => {});
      request.on('error', () => {});
      request.destroy();
      yield* gone;
      assert.equal(answer.writableFinished, false);
      yield* closed(server);
    });

    test('tells a client that is not understood, and closes', function* () {
      const server = yield* serve(http.createServer(hello), anywhere);
      assert.match(yield* talk(server, 'no request\r\n\r\n'), /^HTTP\/1\.1 400 Bad Request/);
      yield* closed(server);
    });

    test('ends idle connections after keepAliveTimeout, by the loop’s clock', function* () {
      const server = http.createServer(
        { keepAliveTimeout: kind.simulated ? 3_000 : 40, keepAliveTimeoutBuffer: 0 } as http.ServerOptions,
        hello,
      );
      yield* serve(server, anywhere);
      const loop = getRunningLoop();
      const socket = StreamSocket.connect(portOf(server), local);
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      const begun = loop.time();
      assert.match(yield* readAll(socket), /hello/);
      const wait =
        server.keepAliveTimeout +
        ((server as { keepAliveTimeoutBuffer?: number }).keepAliveTimeoutBuffer ?? 1000);
      assert.ok(loop.time() - begun >= wait - 1);
      if (kind.simulated) assert.ok(loop.time() - begun < wait + 1_000);
      yield* closed(server);
    });

    test('closes all its connections when it is told to', function* () {
      const server = yield* serve(
        http.createServer(() => {}),
        anywhere,
      );
      const sockets = Array.from({ length: 3 }, () => StreamSocket.connect(portOf(server), local));
      for (const socket of sockets) {
        const requested = next(server, 'request');
        socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
        yield* requested;
      }
      const count = new Future<number>();
      server.getConnections((_error, connections) => count.setResult(connections));
      assert.equal(yield* count, 3);
      const gone = sockets.map((socket) => next(socket, 'close'));
      for (const socket of sockets) socket.on('error', () => {}).resume();
      const end = closed(server);
      server.closeAllConnections();
      yield* end;
      for (const one of gone) yield* one;
    });

    test('an agent’s timeout is on the loop’s clock', function* () {
      const server = yield* serve(
        http.createServer(() => {}),
        anywhere,
      );
      const loop = getRunningLoop();
      const begun = loop.time();
      const wait = kind.simulated ? 5_000 : 30;
      const request = http.get({
        host: local,
        port: portOf(server),
        agent: new HttpAgent({ timeout: wait }),
      });
      request.on('error', () => {});
      yield* next(request, 'timeout');
      assert.ok(loop.time() - begun >= wait - 1);
      request.destroy();
      yield* closed(server);
    });

    test('drops connections beyond maxConnections, and those of blocked addresses', function* () {
      const server = net.createServer();
      server.maxConnections = 1;
      yield* serve(server, anywhere);
      const accepted = next(server, 'connection');
      const first = StreamSocket.connect(portOf(server), local);
      yield* accepted;
      const dropped = next<[{ remotePort: number }]>(server, 'drop');
      const second = StreamSocket.connect(portOf(server), local);
      second.on('error', () => {});
      yield* next(second, 'connect');
      const { localPort } = second;
      assert.equal((yield* dropped)[0].remotePort, localPort);
      first.destroy();
      second.destroy();
      yield* closed(server);

      const blockList = new BlockList();
      blockList.addAddress(local);
      const blocking = Object.assign(net.createServer(), { blockList });
      const events = eventsOf(blocking, 'connection');
      yield* serve(blocking, anywhere);
      const third = StreamSocket.connect(portOf(blocking), local);
      third.on('error', () => {}).resume();
      yield* next(third, 'close');
      assert.deepEqual(events, []);
      yield* closed(blocking);
    });

    test('pauses connections, and keeps them half-open, if it was made so', function* () {
      const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true });
      yield* serve(server, anywhere);
      const accepted = next<[StreamSocket]>(server, 'connection');
      const client = StreamSocket.connect(portOf(server), local);
      client.end('question');
      const [socket] = yield* accepted;
      assert.equal(socket.isPaused(), true);
      const asked = readAll(socket);
      socket.resume();
      assert.equal(yield* asked, 'question');
      socket.end('answer');
      assert.equal(yield* readAll(client), 'answer');
      yield* closed(server);
    });

    test('says that its address is in use, and can listen elsewhere then', function* () {
      const first = yield* serve(net.createServer(), anywhere);
      const second = useLoop(net.createServer());
      const failed = next<[NodeJS.ErrnoException]>(second, 'error');
      second.listen(portOf(first), local);
      const [error] = yield* failed;
      assert.equal(error.code, 'EADDRINUSE');
      assert.equal(error.syscall, 'listen');
      assert.equal(second.listening, false);
      const listening = next(second, 'listening');
      second.listen(0, local);
      yield* listening;
      assert.notEqual(portOf(second), portOf(first));
      yield* closed(second);
      yield* closed(first);
    });

    test('refuses a descriptor, loudly', function* () {
      const server = useLoop(net.createServer());
      const failed = next<[NodeJS.ErrnoException]>(server, 'error');
      server.listen({ fd: 0 });
      assert.equal((yield* failed)[0].code, 'ENOTSUP');
    });

    test('listens by a name, and at a path', function* () {
      const named = yield* serve(net.createServer(), { host: 'localhost', port: 0 });
      assert.match((named.address() as net.AddressInfo).address, /^(127\.0\.0\.1|::1)$/);
      yield* closed(named);
      const path = socketPath();
      const server = yield* serve(
        net.createServer((socket) => void socket.end('hello')),
        { path },
      );
      assert.equal(server.address(), path);
      const client = StreamSocket.connect(path);
      assert.equal(yield* readAll(client), 'hello');
      yield* closed(server);
    });

    test('closed before it listens, never does', function* () {
      const server = useLoop(net.createServer());
      const events = eventsOf(server, 'listening', 'error', 'close');
      server.listen(0, local);
      assert.equal(server.listening, true);
      yield* closed(server);
      const other = yield* serve(net.createServer(), anywhere);
      yield* closed(other);
      assert.deepEqual(events, ['close']);
    });

    test('speaks https, reuses sessions, and knows its clients’ addresses', function* () {
      const server = yield* serve(
        https.createServer(pem, (request, response) =>
          response.end(`${request.socket.remoteAddress} ${request.url}`),
        ),
        anywhere,
      );
      const port = portOf(server);
      const agent = new HttpsAgent({ ca: pem.cert, keepAlive: true, maxSockets: 1 });
      const first = yield* get(
        { port, path: '/1', agent, host: 'localhost' },
        undefined,
        https.request as typeof http.request,
      );
      const second = yield* get(
        { port, path: '/2', agent, host: 'localhost' },
        undefined,
        https.request as typeof http.request,
      );
      assert.match(first.text, /^(127\.0\.0\.1|::1) \/1$/);
      assert.deepEqual([first.reused, second.reused], [false, true]);
      agent.destroy();
      const wary = new HttpsAgent();
      const failed = new Future<NodeJS.ErrnoException>();
      https.get({ host: local, port, agent: wary }).on('error', (error) => failed.setResult(error));
      assert.equal((yield* failed).code, 'DEPTH_ZERO_SELF_SIGNED_CERT');
      yield* closed(server);
    });

    test('carries 3 MB each way through TLS', function* () {
      const server = https.createServer(pem, (request, response) => void request.pipe(response));
      yield* serve(server, anywhere);
      const body = Buffer.alloc(3_000_000, 'abcdefg');
      const agent = new HttpsAgent({ ca: pem.cert });
      const { text } = yield* get(
        { port: portOf(server), method: 'POST', agent },
        body,
        https.request as typeof http.request,
      );
      assert.ok(body.equals(Buffer.from(text)));
      yield* closed(server);
    });

    test('upgrades a connection to TLS that has spoken plainly before', function* () {
      const server = https.createServer(pem);
      server.on('request', (_request, response) => response.end('secure'));
      yield* serve(server, anywhere);
      const plain = StreamSocket.connect(portOf(server), local);
      yield* next(plain, 'connect');
      const secure = connectTls({ socket: plain, host: local, ca: pem.cert });
      yield* next(secure, 'secureConnect');
      assert.equal(secure.authorized, true);
      assert.equal(secure.connecting, false);
      assert.equal(secure.remotePort, portOf(server));
      secure.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      assert.match(yield* readAll(secure), /secure$/);
      yield* closed(server);
    });

    test('a TLS client hears of a server that goes, and times out by the loop’s clock', function* () {
      const server = net.createServer();
      yield* serve(server, anywhere);
      const accepted = next<[StreamSocket]>(server, 'connection');
      const secure = connectTls({ host: local, port: portOf(server), ca: pem.cert });
      const [socket] = yield* accepted;
      const wait = kind.simulated ? 5_000 : 20;
      const begun = getRunningLoop().time();
      const silent = next(secure, 'timeout');
      secure.setTimeout(wait);
      yield* silent;
      assert.ok(getRunningLoop().time() - begun >= wait - 1);
      const failed = next<[NodeJS.ErrnoException]>(secure, 'error');
      socket.destroy();
      assert.equal((yield* failed)[0].code, 'ECONNRESET');
      yield* closed(server);
    });

    test(
      'speaks HTTP/2, plain and in TLS',
      function* () {
        for (const secure of [false, true]) {
          const answer = (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse) => {
            response.end(`two ${request.url}`);
          };
          const server = secure ? http2.createSecureServer(pem, answer) : http2.createServer(answer);
          yield* serve(server, anywhere);
          const port = portOf(server);
          const session = http2.connect(`http${secure ? 's' : ''}://${local}:${port}`, {
            createConnection: () =>
              secure
                ? connectTls({ host: local, port, ca: pem.cert, ALPNProtocols: ['h2'] })
                : StreamSocket.connect(port, local),
          });
          const texts = yield* gather(
            ['/a', '/b'].map((path) => {
              const request = session.request({ ':path': path });
              request.end();
              return createTask(readAll(request));
            }),
          );
          assert.deepEqual(texts, ['two /a', 'two /b']);
          const gone = next(session, 'close');
          session.close();
          yield* gone;
          yield* closed(server);
        }
      },
      needsHost,
    );

    test('undici’s connector gives connections, plain and in TLS, and errors', function* () {
      const connect = undiciConnect({ ca: pem.cert });
      const open = (target: Parameters<typeof connect>[0]) => {
        const opened = new Future<NonNullable<Parameters<Parameters<typeof connect>[1]>[1]>>();
        connect(target, (error, socket) => {
          if (error !== null) opened.setException(error);
          else opened.setResult(socket);
        });
        return opened;
      };
      for (const protocol of ['http:', 'https:']) {
        const server = protocol === 'http:' ? http.createServer(hello) : https.createServer(pem, hello);
        yield* serve(server, anywhere);
        const socket = yield* open({ hostname: 'localhost', port: portOf(server), protocol });
        socket.write('GET /u HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
        assert.match(yield* readAll(socket), /hello \/u$/);
        const port = portOf(server);
        yield* closed(server);
        yield* assertRefused(open({ hostname: local, port, protocol }));
      }
    });
  });
}

function* assertRefused(opening: Future<unknown>): Steps {
  try {
    yield* opening;
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ECONNREFUSED');
    return;
  }
  assert.fail('it was not refused');
}
