import assert from 'node:assert/strict';
import { NatsConnectionImpl, setTransportFactory } from '@nats-io/nats-core/internal';
import type { ConnectionOptions, NatsConnection } from '@nats-io/transport-node';
import { NodeTransport, nodeResolveHost } from '@nats-io/transport-node/lib/node_transport.js';
import { StreamSocket } from 'tulipa/adapters/node';
import { row } from '../cells.ts';
import { withoutServer } from '../real-server.ts';
import { password, startNats, user } from '../servers.ts';

const server = await startNats();

/** What a user writes: the public `connect` leaves no choice, but the transport below it may be another. */
class LoopTransport extends NodeTransport {
  override dial({ hostname: host, port }: { hostname: string; port: number }): Promise<never> {
    return new Promise((resolve, reject) => {
      const socket = StreamSocket.connect({ host, port }, () => {
        socket.removeAllListeners('error');
        resolve(socket as never);
      });
      socket.once('error', reject);
    });
  }
}

function connect(options: ConnectionOptions = {}): Promise<NatsConnection> {
  setTransportFactory({ factory: () => new LoopTransport(), dnsResolveFn: nodeResolveHost } as never);
  return NatsConnectionImpl.connect({
    servers: `${server?.host}:${server?.port}`,
    user,
    pass: password,
    reconnect: false,
    ...options,
  });
}

row('nats', { without: withoutServer(server, 'nats-server') }, (it) => {
  it('publishes, subscribes, and answers requests', async () => {
    const connection = await connect();
    const answering = connection.subscribe('twice');
    const answered = (async () => {
      for await (const message of answering) message.respond(String(Number(message.string()) * 2));
    })();
    const answers = await Promise.all([1, 2, 3].map((n) => connection.request('twice', String(n))));
    assert.deepEqual(
      answers.map((message) => message.string()),
      ['2', '4', '6'],
    );
    await connection.drain();
    await answered;
  });

  it('takes large messages, in order, and tells when nobody answers', async () => {
    const [one, other] = await Promise.all([connect(), connect()]);
    const subscription = one.subscribe('many', { max: 50 });
    await one.flush();
    for (let i = 0; i < 50; i++) other.publish('many', Buffer.alloc(500_000, i));
    const firsts: number[] = [];
    for await (const { data } of subscription) {
      assert.equal(data.length, 500_000);
      firsts.push(data[0] ?? -1);
    }
    assert.deepEqual(firsts, [...Array(50).keys()]);
    await assert.rejects(one.request('nowhere'), /no responders/);
    await Promise.all([one.close(), other.close()]);
  });

  it('tells that the password is wrong, that nobody listens, and that the server has gone', async () => {
    await assert.rejects(connect({ pass: 'wrong' }), /Authorization/i);
    await assert.rejects(connect({ servers: '127.0.0.1:1' }), /refused/);
    const connection = await connect({ reconnect: true, reconnectTimeWait: 10, maxReconnectAttempts: -1 });
    const statuses = connection.status()[Symbol.asyncIterator]();
    await server?.stop();
    assert.equal((await statuses.next()).value.type, 'disconnect');
    await server?.start();
    for (;;) {
      const { value } = await statuses.next();
      if (value.type === 'reconnect') break;
    }
    await connection.flush();
    await connection.close();
  });
});
