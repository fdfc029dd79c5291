import assert from 'node:assert/strict';
import { once as onceOf } from 'node:events';
import { MqttClient } from 'mqtt';
import { getRunningLoop, type TimerHandle } from 'tulipa';
import { StreamSocket } from 'tulipa/adapters/node';
import { row } from '../cells.ts';
import { withoutServer } from '../real-server.ts';
import { startMosquitto } from '../servers.ts';

const server = await startMosquitto();

/** The client's type is no emitter's. */
const once = (client: MqttClient, event: string) => onceOf(client as never, event);

/** What a user writes; `timerVariant` takes the keep-alive to the loop's clock, too. */
function connect({
  port = server?.port,
  ...options
}: {
  port?: number;
  [name: string]: unknown;
} = {}): MqttClient {
  const loop = getRunningLoop();
  return new MqttClient(() => StreamSocket.connect({ host: server?.host, port }) as never, {
    protocol: 'mqtt',
    timerVariant: {
      set: (call: () => void, milliseconds: number) => {
        let timer: TimerHandle;
        const again = () => {
          timer = loop.callLater(milliseconds, again);
          call();
        };
        timer = loop.callLater(milliseconds, again);
        return { cancel: () => timer.cancel() };
      },
      clear: (timer: unknown) => (timer as { cancel(): void }).cancel(),
    } as never,
    ...options,
  });
}

row('mqtt', { without: withoutServer(server, 'mosquitto') }, (it) => {
  for (const qos of [0, 1, 2] as const) {
    it(`publishes and subscribes with quality of service ${qos}`, async () => {
      const subscriber = connect();
      await once(subscriber, 'connect');
      await subscriber.subscribeAsync('news/#', { qos });
      const publisher = connect();
      const heard: string[] = [];
      const enough = new Promise<void>((resolve) => {
        subscriber.on('message', (topic, payload) => {
          heard.push(`${topic} ${payload.length}`);
          if (heard.length === 3) resolve();
        });
      });
      for (const size of [1, 1000, 1_000_000]) {
        await publisher.publishAsync(`news/${size}`, Buffer.alloc(size), { qos });
      }
      await enough;
      assert.deepEqual(heard, ['news/1 1', 'news/1000 1000', 'news/1000000 1000000']);
      await Promise.all([subscriber.endAsync(), publisher.endAsync()]);
    });
  }

  it('sends the will of a client that is gone', async () => {
    const subscriber = connect();
    await once(subscriber, 'connect');
    await subscriber.subscribeAsync('will');
    const heard = once(subscriber, 'message');
    const dying = connect({ will: { topic: 'will', payload: Buffer.from('gone'), qos: 0, retain: false } });
    await once(dying, 'connect');
    dying.stream.destroy();
    assert.equal(String((await heard)[1]), 'gone');
    await Promise.all([subscriber.endAsync(), dying.endAsync(true)]);
  });

  it('connects again, and tells that nobody listens', async () => {
    const client = connect({ reconnectPeriod: 10 });
    await once(client, 'connect');
    const again = once(client, 'connect');
    client.stream.destroy();
    await again;
    await client.endAsync();
    const nobody = connect({ port: 1, reconnectPeriod: 5 });
    const errors: string[] = [];
    await new Promise<void>((resolve) => {
      nobody.on('error', (error) => {
        errors.push(String((error as { code?: unknown }).code));
        if (errors.length === 2) resolve();
      });
    });
    assert.deepEqual(errors, ['ECONNREFUSED', 'ECONNREFUSED']);
    await nobody.endAsync(true);
  });
});
