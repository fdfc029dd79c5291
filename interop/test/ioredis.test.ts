import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Redis, type RedisOptions } from 'ioredis';
import { TimeoutError, timeout, wrapFuture } from 'tulipa';
import { RedisConnector } from 'tulipa/adapters/node';
import { row } from '../cells.ts';
import { withoutServer } from '../real-server.ts';
import { password, startRedis } from '../servers.ts';

const server = await startRedis();

function client(options: RedisOptions = {}): Redis {
  const all: RedisOptions = {
    host: server?.host ?? '',
    port: server?.port ?? 0,
    password,
    // What a user writes.
    Connector: RedisConnector,
    ...options,
  };
  // With `exactOptionalPropertyTypes` its constructor does not take its own options.
  return new Redis(all as never);
}

row('ioredis', { without: withoutServer(server, 'Redis') }, (it) => {
  it('sets and gets, in pipelines, transactions and scripts', async () => {
    const redis = client();
    assert.equal(await redis.set('greeting', 'grüß'), 'OK');
    assert.equal(await redis.get('greeting'), 'grüß');
    const pipeline = redis.pipeline();
    for (let i = 0; i < 1000; i++) pipeline.incr('counter');
    const answers = await pipeline.exec();
    assert.deepEqual(answers?.at(-1), [null, 1000]);
    assert.deepEqual(await redis.multi().del('counter').exists('counter').exec(), [
      [null, 1],
      [null, 0],
    ]);
    assert.equal(await redis.eval('return redis.call("GET", KEYS[1])', 1, 'greeting'), 'grüß');
    await redis.quit();
  });

  it('sends and takes values that are larger than all buffers', async () => {
    const redis = client();
    const value = Buffer.alloc(8_000_000, 'abc');
    await redis.set('large', value);
    assert.ok(value.equals((await redis.getBuffer('large')) ?? Buffer.alloc(0)));
    await redis.del('large');
    await redis.quit();
  });

  it('hears what is published, and speaks on a Unix socket', async () => {
    const subscriber = client({ path: `${server?.directory}/socket` });
    await subscriber.subscribe('news');
    const heard = once(subscriber, 'message');
    const publisher = client();
    assert.equal(await publisher.publish('news', 'hello'), 1);
    assert.deepEqual(await heard, ['news', 'hello']);
    await Promise.all([subscriber.quit(), publisher.quit()]);
  });

  it('is asked by tasks of ours, and given up in the middle', function* () {
    const redis = client();
    let failure: unknown;
    try {
      yield* timeout(30, () => wrapFuture(redis.blpop('nothing', 0)));
    } catch (error) {
      failure = error;
    }
    assert.ok(failure instanceof TimeoutError, String(failure));
    redis.disconnect();
    yield* wrapFuture(once(redis, 'end'));
  });

  it('tells that the password is wrong', async () => {
    const redis = client({ password: 'wrong', retryStrategy: () => null });
    const told = once(redis, 'error');
    await assert.rejects(redis.get('a'), /WRONGPASS|Connection is closed|NOAUTH/);
    assert.match(String((await told)[0]), /WRONGPASS/);
    redis.disconnect();
  });

  it('tries again where nobody listens, and gives up when it is told to', async () => {
    const delays: number[] = [];
    const redis = client({
      port: 1,
      retryStrategy(times) {
        if (times > 3) return null;
        delays.push(times);
        return 5;
      },
    });
    const errors: unknown[] = [];
    redis.on('error', (error: NodeJS.ErrnoException) => void errors.push(error.code));
    await new Promise((resolve) => redis.once('end', () => resolve(null)));
    assert.deepEqual(delays, [1, 2, 3]);
    assert.deepEqual(errors, Array(4).fill('ECONNREFUSED'));
  });

  it('connects again when the server has gone and come back, with what was asked meanwhile', async () => {
    const redis = client({ retryStrategy: () => 20 });
    await redis.set('a', 1);
    redis.on('error', () => {});
    const closed = once(redis, 'close');
    await server?.stop();
    await closed;
    const asked = redis.echo('later');
    await server?.start();
    assert.equal(await asked, 'later');
    await redis.quit();
  });

  it('connects again after the server has ended the connection', async () => {
    const redis = client({ retryStrategy: () => 1 });
    const other = client();
    const id = await redis.client('ID');
    const again = once(redis, 'reconnecting');
    await other.client('KILL', 'ID', String(id));
    await again;
    assert.equal(await redis.ping(), 'PONG');
    await Promise.all([redis.quit(), other.quit()]);
  });
});
