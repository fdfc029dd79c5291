import assert from 'node:assert/strict';
import http from 'node:http';
import { Readable } from 'node:stream';
import got from 'got';
import Koa from 'koa';
import { serve } from 'tulipa/adapters/node';
import { HttpAgent } from 'tulipa/adapters/node/http';
import { servedRow } from '../served.ts';

servedRow('koa', {}, (it) => {
  it('runs its middleware around the answer, sends streams and tells of errors', {
    serve(place) {
      const app = new Koa();
      app.silent = true;
      app.use(async (context, next) => {
        const begun = Date.now();
        await next();
        context.set('X-Took', String(Date.now() - begun));
      });
      app.use(async (context) => {
        await new Promise((resolve) => setTimeout(resolve, 10));
        if (context.path === '/wrong') context.throw(418, 'wrong');
        context.body = context.path === '/stream' ? Readable.from(['a', 'b', 'c']) : { path: context.path };
      });
      return serve(http.createServer(app.callback()), place);
    },
    async use({ authority }) {
      const agent = { http: new HttpAgent({ keepAlive: true }) };
      const client = got.extend({ prefixUrl: `http://${authority}`, agent, throwHttpErrors: false });
      const { body, headers } = await client('a/b');
      assert.deepEqual(JSON.parse(body), { path: '/a/b' });
      assert.ok(Number(headers['x-took']) >= 9, String(headers['x-took']));
      assert.equal(await client('stream').text(), 'abc');
      const wrong = await client('wrong');
      assert.deepEqual([wrong.statusCode, wrong.body], [418, 'wrong']);
      agent.http.destroy();
    },
  });
});
