import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { serve } from 'tulipa/adapters/node';
import { undiciConnect } from 'tulipa/adapters/node/http';
import {
  Agent,
  getGlobalDispatcher,
  request,
  setGlobalDispatcher,
  fetch as undiciFetch,
  WebSocket,
} from 'undici';
import { WebSocketServer } from 'ws';
import { selfSigned } from '../../test/support/self-signed.ts';
import { servedRow, withTls } from '../served.ts';

const pem = selfSigned();

function application(): http.RequestListener {
  return (incoming, response) => {
    if (incoming.url === '/never') return;
    if (incoming.url === '/gone') incoming.socket.destroy();
    else if (incoming.method === 'POST') incoming.pipe(response);
    else response.end(`hello ${incoming.url}`);
  };
}

servedRow('undici', {}, (it) => {
  it('asks by its agent, keeps connections, sends and takes bodies', {
    serve: (place) => serve(http.createServer(application()), place),
    async use({ authority }) {
      const dispatcher = new Agent({ connect: undiciConnect(), connections: 2 });
      const answers = await Promise.all(
        Array.from({ length: 10 }, async (_, i) => {
          const { statusCode, body } = await request(`http://${authority}/${i}`, { dispatcher });
          return [statusCode, await body.text()];
        }),
      );
      assert.deepEqual(
        answers,
        Array.from({ length: 10 }, (_, i) => [200, `hello /${i}`]),
      );
      const sent = Buffer.alloc(2_000_000, 'abc');
      const { body } = await request(`http://${authority}/`, { dispatcher, method: 'POST', body: sent });
      assert.ok(sent.equals(Buffer.from(await body.arrayBuffer())));
      await dispatcher.close();
    },
  });

  it('tells of connections that are lost, time that is up, and requests that are given up', {
    serve: (place) => serve(http.createServer(application()), place),
    async use({ authority, host }, driver) {
      const dispatcher = new Agent({ connect: undiciConnect() });
      await assert.rejects(request(`http://${authority}/gone`, { dispatcher }), { code: 'UND_ERR_SOCKET' });
      // It has one timer for them all, which it would have kept from the loop of another test.
      if (driver !== 'simulation') {
        const impatient = { dispatcher, headersTimeout: 50 };
        await assert.rejects(request(`http://${authority}/never`, impatient), {
          code: 'UND_ERR_HEADERS_TIMEOUT',
        });
      }
      const controller = new AbortController();
      const given = request(`http://${authority}/never`, { dispatcher, signal: controller.signal });
      setTimeout(() => controller.abort(), 10);
      await assert.rejects(given, { name: 'AbortError' });
      await assert.rejects(request(`http://${host}:1/`, { dispatcher }), { code: 'ECONNREFUSED' });
      await dispatcher.destroy();
    },
  });

  it(
    'speaks TLS',
    {
      serve: (place) => serve(https.createServer(pem, application()), place),
      async use({ authority }) {
        const dispatcher = new Agent({ connect: undiciConnect({ ca: pem.cert, servername: 'localhost' }) });
        const response = await undiciFetch(`https://${authority}/a`, { dispatcher });
        assert.equal(await response.text(), 'hello /a');
        await dispatcher.destroy();
        const strict = new Agent({ connect: undiciConnect({ servername: 'localhost' }) });
        await assert.rejects(request(`https://${authority}/a`, { dispatcher: strict }), {
          code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
        });
        await strict.destroy();
      },
    },
    withTls,
  );

  it('opens its WebSockets', {
    serve(place) {
      const server = http.createServer();
      new WebSocketServer({ server }).on('connection', (socket) => {
        socket.on('message', (data) => socket.send(`${data}!`));
      });
      return serve(server, place);
    },
    async use({ authority }) {
      const dispatcher = new Agent({ connect: undiciConnect() });
      const socket = new WebSocket(`ws://${authority}/`, { dispatcher });
      await once(socket as never, 'open');
      socket.send('hello');
      assert.equal((await once(socket as never, 'message'))[0].data, 'hello!');
      socket.close();
      await once(socket as never, 'close');
      await dispatcher.destroy();
    },
  });
});

servedRow(
  'fetch',
  { without: { simulation: 'fetch itself is refused there without installNet: see the row of that' } },
  (it) => {
    it("is steered by undici's global dispatcher, Node's own too", {
      serve: (place) => serve(http.createServer(application()), place),
      async use({ authority }) {
        const before = getGlobalDispatcher();
        const dispatcher = new Agent({ connect: undiciConnect() });
        let connections = 0;
        dispatcher.on('connect', () => void connections++);
        setGlobalDispatcher(dispatcher);
        try {
          const response = await fetch(`http://${authority}/a`);
          assert.equal(await response.text(), 'hello /a');
          const posted = await fetch(`http://${authority}/`, { method: 'POST', body: 'b'.repeat(500_000) });
          assert.equal((await posted.text()).length, 500_000);
          assert.ok(connections > 0);
          await assert.rejects(fetch(`http://${authority}/never`, { signal: AbortSignal.timeout(20) }), {
            name: 'TimeoutError',
          });
        } finally {
          setGlobalDispatcher(before);
          await dispatcher.destroy();
        }
      },
    });
  },
);
