import assert from 'node:assert/strict';
import { createClient } from 'redis';
import { TimeoutError, timeout, wrapFuture } from 'tulipa';
import { row } from '../cells.ts';
import { withoutServer } from '../real-server.ts';
import { password, startRedis } from '../servers.ts';

const server = await startRedis();

type Options = NonNullable<Parameters<typeof createClient>[0]>;

/** It has no hook: `installNet` is all. */
function make(options: Options = {}) {
  const { host = '', port = 0 } = server ?? {};
  const { socket, ...rest } = options;
  return createClient({ password, ...rest, socket: { host, port, ...socket } as never });
}

row('node-redis', { net: true, without: withoutServer(server, 'Redis') }, (it) => {
  it('sets and gets, in pipelines and transactions', async () => {
    const client = await make().connect();
    assert.equal(await client.set('greeting', 'grüß'), 'OK');
    assert.equal(await client.get('greeting'), 'grüß');
    const counts = await Promise.all(Array.from({ length: 1000 }, () => client.incr('counted')));
    assert.deepEqual(
      counts,
      Array.from({ length: 1000 }, (_, i) => i + 1),
    );
    assert.deepEqual(await client.multi().del('counted').exists('counted').exec(), [1, 0]);
    await client.close();
  });

  it('sends and takes values that are larger than all buffers', async () => {
    const client = await make().connect();
    const value = 'abc'.repeat(2_000_000);
    await client.set('large', value);
    assert.equal(await client.get('large'), value);
    await client.del('large');
    await client.close();
  });

  it('hears what is published, and speaks on a Unix socket', async () => {
    const socket = { path: `${server?.directory}/socket` } as never;
    const subscriber = await make({ socket }).connect();
    const heard = new Promise((resolve) => {
      void subscriber.subscribe('news', (message, channel) => resolve([channel, message]));
    });
    const publisher = await make().connect();
    while ((await publisher.publish('news', 'hello')) === 0);
    assert.deepEqual(await heard, ['news', 'hello']);
    await Promise.all([subscriber.close(), publisher.close()]);
  });

  it('is asked by tasks of ours, and given up in the middle', function* () {
    const client = yield* wrapFuture(make().connect());
    let failure: unknown;
    try {
      yield* timeout(30, () => wrapFuture(client.blPop('nothing', 0)));
    } catch (error) {
      failure = error;
    }
    assert.ok(failure instanceof TimeoutError, String(failure));
    client.destroy();
  });

  it('tells that the password is wrong, and that nobody listens', async () => {
    const wrong = make({ password: 'wrong', socket: { reconnectStrategy: false } as never });
    wrong.on('error', () => {});
    await assert.rejects(wrong.connect(), /WRONGPASS/);
    const nobody = make({ socket: { port: 1, reconnectStrategy: false } as never });
    nobody.on('error', () => {});
    await assert.rejects(nobody.connect(), { code: 'ECONNREFUSED' });
  });

  it('connects again after the server has ended the connection', async () => {
    const client = make({ socket: { reconnectStrategy: 1 } as never }).on('error', () => {});
    await client.connect();
    const other = await make().connect();
    const again = new Promise((resolve) => client.once('ready', resolve));
    await other.sendCommand(['CLIENT', 'KILL', 'ID', String(await client.clientId())]);
    await again;
    assert.equal(await client.ping(), 'PONG');
    await Promise.all([client.close(), other.close()]);
  });
});
