import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as net from 'node:net';
import { it } from 'node:test';
import { Runner } from '../../src/runtime/index.ts';
import { Recorder } from '../contract/endpoints.ts';

it('data that arrives between two runs of a runner is delivered, as it came, in the second', {
  timeout: 20_000,
}, async () => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const accepted = once(server, 'connection') as Promise<[net.Socket]>;
  const near = new Recorder();
  await using runner = new Runner({ driver: 'node' });
  await runner.run(function* () {
    yield* runner.getLoop().createConnection(() => near, { host: '127.0.0.1', port });
  });
  const [peer] = await accepted;
  for (const letter of 'abc') {
    peer.write(letter.repeat(1000));
    // Three round trips through the kernel, on another connection: by then it has arrived.
    for (let i = 0; i < 3; i++) await once(net.connect(port, '127.0.0.1').resume().end(), 'connect');
  }
  await runner.run(function* () {
    yield* near.received(3000);
    near.transport.abort();
    yield* near.waitLost();
  });
  assert.equal(near.text, ['a', 'b', 'c'].map((letter) => letter.repeat(1000)).join(''));
  peer.destroy();
  server.close();
});
