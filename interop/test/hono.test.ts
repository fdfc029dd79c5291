import assert from 'node:assert/strict';
import http from 'node:http';
import type { Server } from 'node:net';
import { getRequestListener, serve as serveHono } from '@hono/node-server';
import { Hono } from 'hono';
import { streamText } from 'hono/streaming';
import fetch from 'node-fetch';
import { serve, useLoop } from 'tulipa/adapters/node';
import { HttpAgent } from 'tulipa/adapters/node/http';
import { servedRow } from '../served.ts';

function application(): Hono {
  const app = new Hono();
  app.get('/hello/:name', (context) => context.json({ hello: context.req.param('name') }));
  app.post('/length', async (context) => context.text(String((await context.req.arrayBuffer()).byteLength)));
  app.get('/stream', (context) =>
    streamText(context, async (stream) => {
      for (const part of ['a', 'b', 'c']) {
        await stream.write(part);
        await stream.sleep(5);
      }
    }),
  );
  return app;
}

servedRow('hono', {}, (it) => {
  it('answers, takes bodies and streams, by its request listener', {
    serve: (place) => serve(http.createServer(getRequestListener(application().fetch)), place),
    async use({ authority }) {
      const agent = new HttpAgent({ keepAlive: true });
      const hello = await fetch(`http://${authority}/hello/you`, { agent });
      assert.deepEqual(await hello.json(), { hello: 'you' });
      const body = Buffer.alloc(500_000);
      const length = await fetch(`http://${authority}/length`, { agent, method: 'POST', body });
      assert.equal(await length.text(), '500000');
      const stream = await fetch(`http://${authority}/stream`, { agent });
      assert.equal(await stream.text(), 'abc');
      assert.equal((await fetch(`http://${authority}/nowhere`, { agent })).status, 404);
      agent.destroy();
    },
  });

  it('listens by its own serve, given a createServer', {
    serve: ({ host, port }) =>
      new Promise<Server>((resolve) => {
        const createServer = ((...args: Parameters<typeof http.createServer>) =>
          useLoop(http.createServer(...args))) as typeof http.createServer;
        const server = serveHono({ fetch: application().fetch, hostname: host, port, createServer }, () =>
          resolve(server as Server),
        );
      }),
    async use({ authority }) {
      const agent = new HttpAgent();
      const hello = await fetch(`http://${authority}/hello/all`, { agent });
      assert.deepEqual(await hello.json(), { hello: 'all' });
      agent.destroy();
    },
  });
});
