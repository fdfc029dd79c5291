import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import { StreamSocket, serve } from 'tulipa/adapters/node';
import { servedRow } from '../served.ts';

const without = {
  simulation: 'node:http2 sends in native immediates of libuv, which a simulation does not turn',
};

servedRow('http2', { without }, (it) => {
  it('streams over one connection, with bodies larger than the window', {
    serve(place) {
      const server = http2.createServer();
      server.on('stream', (stream: http2.ServerHttp2Stream, headers) => {
        stream.respond({ ':status': 200, 'x-path': String(headers[':path']) });
        stream.pipe(stream);
      });
      return serve(server, place);
    },
    async use({ authority, host, port }) {
      const session = http2.connect(`http://${authority}`, {
        createConnection: () => StreamSocket.connect(port, host) as never,
      });
      const body = Buffer.alloc(1_000_000, 'abc');
      const asked = [1, 2, 3].map(async (i) => {
        const request = session.request({ ':method': 'POST', ':path': `/${i}` });
        const responded = once(request, 'response');
        request.end(body);
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk);
        assert.equal((await responded)[0]['x-path'], `/${i}`);
        assert.ok(Buffer.concat(chunks).equals(body));
      });
      await Promise.all(asked);
      const closed = once(session, 'close');
      session.close();
      await closed;
    },
  });
});
