import assert from 'node:assert/strict';
import http from 'node:http';
import type { Server } from 'node:net';
import axios from 'axios';
import fastify, { type FastifyServerFactory } from 'fastify';
import { useLoop } from 'tulipa/adapters/node';
import { HttpAgent } from 'tulipa/adapters/node/http';
import { servedRow } from '../served.ts';

const serverFactory: FastifyServerFactory = (handler, { http: options }) =>
  useLoop(http.createServer(options as http.ServerOptions, handler as http.RequestListener));

servedRow('fastify', {}, (it) => {
  it('boots, listens, validates, encapsulates plugins and runs its hooks', {
    async serve(place) {
      const app = fastify({ serverFactory });
      const seen: string[] = [];
      app.addHook('onRequest', async (request) => void seen.push(request.url));
      const body = { type: 'object', required: ['n'], properties: { n: { type: 'integer' } } };
      app.post<{ Body: { n: number } }>('/twice', { schema: { body } }, async ({ body: { n } }) => ({
        n: n * 2,
      }));
      app.register(
        (plugin, _options, done) => {
          plugin.get('/later', async () => {
            await new Promise((resolve) => setTimeout(resolve, 5));
            return { seen };
          });
          done();
        },
        { prefix: '/plugin' },
      );
      await app.listen(place);
      return app.server as Server;
    },
    async use({ authority }) {
      const httpAgent = new HttpAgent({ keepAlive: true });
      const client = axios.create({
        baseURL: `http://${authority}`,
        httpAgent,
        proxy: false,
        validateStatus: null,
      });
      assert.deepEqual((await client.post('/twice', { n: 21 })).data, { n: 42 });
      const { status, data } = await client.post('/twice', { n: 'many' });
      assert.equal(status, 400);
      assert.match(data.message, /n must be integer/);
      assert.deepEqual((await client.get('/plugin/later')).data, {
        seen: ['/twice', '/twice', '/plugin/later'],
      });
      httpAgent.destroy();
    },
  });

  it('closes when its connections have ended', {
    async serve(place) {
      const app = fastify({ serverFactory, forceCloseConnections: true });
      app.get('/', async () => 'hello');
      app.get('/close', (_request, reply) => {
        reply.send('closing');
        void app.close();
      });
      await app.listen(place);
      return app.server as Server;
    },
    async use({ authority }) {
      const httpAgent = new HttpAgent({ keepAlive: true });
      const client = axios.create({ baseURL: `http://${authority}`, httpAgent, proxy: false });
      assert.equal((await client.get('/')).data, 'hello');
      assert.equal((await client.get('/close')).data, 'closing');
      await assert.rejects(client.get('/'), ({ code }) => ['ECONNREFUSED', 'ECONNRESET'].includes(code));
      httpAgent.destroy();
    },
  });
});
