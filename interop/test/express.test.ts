import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import axios from 'axios';
import express from 'express';
import { serve, useLoop } from 'tulipa/adapters/node';
import { HttpAgent } from 'tulipa/adapters/node/http';
import { servedRow } from '../served.ts';

function application() {
  const app = express();
  app.use(express.json());
  app.get('/hello/:name', (request, response) => void response.send(`hello ${request.params.name}`));
  app.post('/sum', (request, response) => {
    const { numbers } = request.body as { numbers: number[] };
    response.status(201).json({ sum: numbers.reduce((a, b) => a + b, 0) });
  });
  app.get('/slow', async (_request, response) => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    response.send('late');
  });
  app.get('/wrong', () => {
    throw new Error('wrong');
  });
  app.use(
    (error: Error, _request: express.Request, response: express.Response, _next: express.NextFunction) => {
      response.status(500).send(error.message);
    },
  );
  return app;
}

servedRow('express', {}, (it) => {
  it('routes, parses bodies, waits and handles errors, on a server of serve', {
    serve: (place) => serve(http.createServer(application()), place),
    async use({ authority }) {
      const agent = new HttpAgent({ keepAlive: true });
      const client = axios.create({ baseURL: `http://${authority}`, httpAgent: agent, proxy: false });
      assert.equal((await client.get('/hello/you')).data, 'hello you');
      const { status, data } = await client.post('/sum', { numbers: [1, 2, 3] });
      assert.deepEqual([status, data], [201, { sum: 6 }]);
      const answers = await Promise.all(['/slow', '/hello/me', '/slow'].map((path) => client.get(path)));
      assert.deepEqual(
        answers.map((answer) => answer.data),
        ['late', 'hello me', 'late'],
      );
      const { status: failed, data: words } = await client.get('/wrong', { validateStatus: null });
      assert.deepEqual([failed, words], [500, 'wrong']);
      assert.equal((await client.get('/nowhere', { validateStatus: null })).status, 404);
      agent.destroy();
    },
  });

  it('gives a body that is larger than all buffers, and one to a client that leaves in the middle', {
    serve(place) {
      const app = express();
      app.get('/', (_request, response) => void response.send(Buffer.alloc(2_000_000, 'x')));
      return serve(http.createServer(app), place);
    },
    async use({ authority }) {
      const httpAgent = new HttpAgent();
      const options = { httpAgent, proxy: false, responseType: 'stream' } as const;
      const left = await axios.get(`http://${authority}/`, options);
      left.data.once('data', () => left.data.destroy());
      await new Promise((resolve) => left.data.once('close', resolve));
      const whole = await axios.get(`http://${authority}/`, { ...options, responseType: 'text' });
      assert.equal(whole.data.length, 2_000_000);
    },
  });

  it('listens by itself, where its server was told to use the loop', {
    async serve({ host, port }) {
      const server = useLoop(http.createServer(application()));
      server.listen(port, host);
      await once(server, 'listening');
      return server;
    },
    async use({ host, port }) {
      const agent = new HttpAgent();
      const words = await new Promise((resolve, reject) => {
        const request = http.get({ host, port, path: '/hello/all', agent }, (response) => {
          response.setEncoding('utf8').once('data', resolve);
        });
        request.once('error', reject);
      });
      assert.equal(words, 'hello all');
      agent.destroy();
    },
  });
});
