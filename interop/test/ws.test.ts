import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { StreamSocket, serve } from 'tulipa/adapters/node';
import { HttpAgent } from 'tulipa/adapters/node/http';
import { WebSocket, WebSocketServer } from 'ws';
import { servedRow } from '../served.ts';

servedRow('ws', {}, (it) => {
  it('speaks both ways, text, bytes and large messages, and closes with a code', {
    serve(place) {
      const server = http.createServer();
      const sockets = new WebSocketServer({ server });
      sockets.on('connection', (socket) => {
        socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
      });
      return serve(server, place);
    },
    async use({ authority }) {
      const agent = new HttpAgent();
      const socket = new WebSocket(`ws://${authority}/`, { agent });
      await once(socket, 'open');
      socket.send('grüß');
      const [text, textIsBinary] = await once(socket, 'message');
      assert.deepEqual([String(text), textIsBinary], ['grüß', false]);
      const large = Buffer.alloc(1_000_000, 'abc');
      socket.send(large);
      const [bytes, isBinary] = await once(socket, 'message');
      assert.ok(isBinary && large.equals(bytes));
      const pong = once(socket, 'pong');
      socket.ping('?');
      assert.equal(String((await pong)[0]), '?');
      socket.close(4001, 'enough');
      const [code, reason] = await once(socket, 'close');
      assert.deepEqual([code, String(reason)], [4001, 'enough']);
    },
  });

  it('compresses nothing unless asked, and takes a socket of createConnection', {
    serve(place) {
      const server = http.createServer();
      const sockets = new WebSocketServer({ noServer: true });
      server.on('upgrade', (request, socket, head) => {
        if (request.url === '/no') socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n');
        else sockets.handleUpgrade(request, socket, head, (accepted) => accepted.send('welcome'));
      });
      return serve(server, place);
    },
    async use({ authority, host, port }) {
      const createConnection = (() => StreamSocket.connect(port, host)) as never;
      const socket = new WebSocket(`ws://${authority}/`, { createConnection });
      assert.equal(String((await once(socket, 'message'))[0]), 'welcome');
      socket.close();
      await once(socket, 'close');
      const refused = new WebSocket(`ws://${authority}/no`, { createConnection });
      const [error] = await once(refused, 'error');
      assert.match(error.message, /401/);
    },
  });

  it('tells that the server has gone, and ends a connection that nobody answers', {
    serve(place) {
      const server = http.createServer();
      const sockets = new WebSocketServer({ server });
      sockets.on('connection', (socket, request) => {
        if (request.url === '/gone') socket.terminate();
        else socket.pause();
      });
      return serve(server, place);
    },
    async use({ authority }) {
      const agent = new HttpAgent();
      const gone = new WebSocket(`ws://${authority}/gone`, { agent });
      assert.deepEqual((await once(gone, 'close'))[0], 1006);
      const silent = new WebSocket(`ws://${authority}/`, { agent, closeTimeout: 50 } as never);
      await once(silent, 'open');
      silent.close();
      assert.deepEqual((await once(silent, 'close'))[0], 1006);
    },
  });
});
