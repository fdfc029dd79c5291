import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type net from 'node:net';
import axios from 'axios';
import express from 'express';
import pg from 'pg';
import { StreamSocket } from 'tulipa/adapters/node';
import { row } from '../cells.ts';
import { withoutServer } from '../real-server.ts';
import { servedRow } from '../served.ts';
import { password, startPostgres, user } from '../servers.ts';

// Nothing here was written for a loop of ours: `installNet` is all.

function application() {
  const app = express();
  app.use(express.json());
  app.get('/hello/:name', ({ params, socket }, response) => {
    assert.ok((socket as unknown) instanceof StreamSocket);
    response.send(`hello ${params.name}`);
  });
  app.post('/echo', (request, response) => void response.json(request.body));
  app.get('/large', (_request, response) => void response.send(Buffer.alloc(3_000_000, 'x')));
  app.get('/gone', ({ socket }, response) => {
    response.write('some of it');
    response.write(Buffer.alloc(3_000_000));
    socket.destroy();
    // To nobody.
    response.write('more');
    response.end();
    response.write('after the end', () => {});
    response.on('error', () => {});
  });
  app.get('/never', () => {});
  return app;
}

async function serve({ host, port }: { host: string; port: number }): Promise<net.Server> {
  const server = application().listen(port, host);
  await once(server, 'listening');
  return server;
}

servedRow('express (installNet)', { net: true }, (it) => {
  it('listens by itself, and is asked by the global agent', {
    serve,
    async use({ host, port }) {
      for (const name of ['you', 'me']) {
        const request = http.get({ host, port, path: `/hello/${name}` });
        const [response] = (await once(request, 'response')) as [http.IncomingMessage];
        assert.equal((await response.setEncoding('utf8').toArray()).join(''), `hello ${name}`);
      }
    },
  });

  it('outlives clients that never read, or leave, or are left, in the middle', {
    serve,
    async use({ host, port, authority }) {
      const silent = http.get({ host, port, path: '/large', agent: false });
      const [unread] = (await once(silent, 'response')) as [http.IncomingMessage];
      const leaving = http.get({ host, port, path: '/large', agent: false });
      const [begun] = (await once(leaving, 'response')) as [http.IncomingMessage];
      begun.once('data', () => begun.destroy());
      await new Promise((resolve) => begun.once('close', resolve));
      const left = axios.get(`http://${authority}/gone`, { proxy: false });
      await assert.rejects(left, { code: /^(ECONNRESET|ERR_BAD_RESPONSE)$/ });
      const { data } = await axios.get(`http://${authority}/hello/again`, { proxy: false });
      assert.equal(data, 'hello again');
      unread.destroy();
    },
  });
});

servedRow('axios (installNet)', { net: true }, (it) => {
  it('asks without an agent of ours, and keeps its timeout', {
    serve,
    async use({ authority }) {
      const client = axios.create({ baseURL: `http://${authority}`, proxy: false });
      assert.deepEqual((await client.post('/echo', { a: [1, 2] })).data, { a: [1, 2] });
      assert.equal((await client.get('/large', { responseType: 'text' })).data.length, 3_000_000);
      await assert.rejects(client.get('/never', { timeout: 20 }), { code: 'ECONNABORTED' });
    },
  });
});

servedRow('fetch (installNet)', { net: true }, (it) => {
  it('asks, keeps connections, sends and takes bodies, and is aborted', {
    serve,
    async use({ authority }) {
      const answers = [1, 2, 3].map(async (n) => (await fetch(`http://${authority}/hello/${n}`)).text());
      assert.deepEqual(await Promise.all(answers), ['hello 1', 'hello 2', 'hello 3']);
      const body = JSON.stringify({ text: 'y'.repeat(90_000) });
      const headers = { 'content-type': 'application/json' };
      const posted = await fetch(`http://${authority}/echo`, { method: 'POST', headers, body });
      assert.equal(JSON.stringify(await posted.json()), body);
      const large = await fetch(`http://${authority}/large`);
      assert.equal((await large.arrayBuffer()).byteLength, 3_000_000);
      const never = fetch(`http://${authority}/never`, { signal: AbortSignal.timeout(20) });
      await assert.rejects(never, { name: 'TimeoutError' });
      const gone = async () => (await fetch(`http://${authority}/gone`)).text();
      await assert.rejects(gone, TypeError);
    },
  });
});

const server = await startPostgres();

row('pg (installNet)', { net: true, without: withoutServer(server, 'PostgreSQL') }, (it) => {
  it('connects without a stream of ours, and asks', async () => {
    const { host = '', port = 0 } = server ?? {};
    const client = new pg.Client({ host, port, user, password, database: 'postgres' });
    await client.connect();
    assert.ok(((client as never)['connection']['stream'] as unknown) instanceof StreamSocket);
    const { rows } = await client.query('SELECT $1::int + 1 AS sum', [41]);
    assert.deepEqual(rows, [{ sum: 42 }]);
    await client.end();
  });
});
