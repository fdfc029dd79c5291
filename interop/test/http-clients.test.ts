import assert from 'node:assert/strict';
import http from 'node:http';
import https from 'node:https';
import axios from 'axios';
import got from 'got';
import fetch from 'node-fetch';
import { serve } from 'tulipa/adapters/node';
import { HttpAgent, HttpsAgent } from 'tulipa/adapters/node/http';
import { selfSigned } from '../../test/support/self-signed.ts';
import { servedRow, withTls } from '../served.ts';

const pem = selfSigned();
const tls = { ca: pem.cert, servername: 'localhost' };

function application(): http.RequestListener {
  let failures = 2;
  return (request, response) => {
    if (request.url === '/never') return;
    if (request.url === '/gone') request.socket.destroy();
    else if (request.url === '/busy' && failures-- > 0) response.writeHead(503).end();
    else if (request.url === '/elsewhere') response.writeHead(302, { Location: '/here' }).end();
    else if (request.method === 'POST') request.pipe(response);
    else response.end(`hello ${request.url}`);
  };
}

servedRow('axios', {}, (it) => {
  it('follows, posts, times out and is given up, by its agents', {
    serve: (place) => serve(http.createServer(application()), place),
    async use({ authority }) {
      const httpAgent = new HttpAgent({ keepAlive: true });
      const client = axios.create({ baseURL: `http://${authority}`, httpAgent, proxy: false });
      assert.equal((await client.get('/elsewhere')).data, 'hello /here');
      const sent = 'x'.repeat(1_000_000);
      assert.equal((await client.post('/', sent)).data, sent);
      await assert.rejects(client.get('/never', { timeout: 30 }), { code: 'ECONNABORTED' });
      await assert.rejects(client.get('/gone'), { code: 'ECONNRESET' });
      const controller = new AbortController();
      const given = client.get('/never', { signal: controller.signal });
      setTimeout(() => controller.abort(), 10);
      await assert.rejects(given, { code: 'ERR_CANCELED' });
      httpAgent.destroy();
    },
  });

  it(
    'speaks TLS',
    {
      serve: (place) => serve(https.createServer(pem, application()), place),
      async use({ authority }) {
        const httpsAgent = new HttpsAgent(tls);
        const { data } = await axios.get(`https://${authority}/a`, { httpsAgent, proxy: false });
        assert.equal(data, 'hello /a');
        httpsAgent.destroy();
      },
    },
    withTls,
  );
});

servedRow('got', {}, (it) => {
  it('follows, posts, tries again and times out, by its agents', {
    serve: (place) => serve(http.createServer(application()), place),
    async use({ authority }) {
      const agent = { http: new HttpAgent({ keepAlive: true }) };
      const client = got.extend({ agent, prefixUrl: `http://${authority}` });
      assert.equal(await client('elsewhere').text(), 'hello /here');
      assert.equal((await client.post('', { body: 'x'.repeat(500_000) }).text()).length, 500_000);
      const retry = {
        limit: 3,
        calculateDelay: ({ computedValue }: { computedValue: number }) => computedValue && 5,
      };
      assert.equal(await client('busy', { retry }).text(), 'hello /busy');
      await assert.rejects(client('never', { timeout: { request: 30 }, retry: { limit: 0 } }), {
        code: 'ETIMEDOUT',
      });
      agent.http.destroy();
    },
  });

  it(
    'speaks TLS',
    {
      serve: (place) => serve(https.createServer(pem, application()), place),
      async use({ authority }) {
        const agent = { https: new HttpsAgent(tls) };
        assert.equal(await got(`https://${authority}/a`, { agent }).text(), 'hello /a');
        agent.https.destroy();
      },
    },
    withTls,
  );
});

servedRow('node-fetch', {}, (it) => {
  it('follows, posts, streams and is given up, by its agents', {
    serve: (place) => serve(http.createServer(application()), place),
    async use({ authority }) {
      const agent = new HttpAgent({ keepAlive: true });
      const ask = (path: string, options = {}) => fetch(`http://${authority}${path}`, { agent, ...options });
      assert.equal(await (await ask('/elsewhere')).text(), 'hello /here');
      const { body } = await ask('/', { method: 'POST', body: 'x'.repeat(500_000) });
      let length = 0;
      for await (const chunk of body ?? []) length += chunk.length;
      assert.equal(length, 500_000);
      await assert.rejects(ask('/never', { signal: AbortSignal.timeout(20) }), { name: 'AbortError' });
      await assert.rejects(ask('/gone'), { code: 'ECONNRESET' });
      agent.destroy();
    },
  });

  it(
    'speaks TLS',
    {
      serve: (place) => serve(https.createServer(pem, application()), place),
      async use({ authority }) {
        const agent = new HttpsAgent(tls);
        assert.equal(await (await fetch(`https://${authority}/a`, { agent })).text(), 'hello /a');
        agent.destroy();
      },
    },
    withTls,
  );
});
