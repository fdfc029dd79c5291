import assert from 'node:assert/strict';
import { type ISocketFactory, Kafka, logLevel } from 'kafkajs';
import { StreamSocket } from 'tulipa/adapters/node';
import { createServer } from 'tulipa/adapters/node/net';
import { servedRow } from '../served.ts';

/** What a user writes. */
const socketFactory: ISocketFactory = ({ host, port, onConnect }) =>
  StreamSocket.connect({ host, port }, onConnect) as never;

const apiVersions = 18;
const metadata = 3;

/** As much of a broker as tells of itself and of one topic: the oldest versions of two requests. */
function broker(host: string, port: () => number): (socket: StreamSocket) => void {
  const text = (words: string) => Buffer.concat([short(words.length), Buffer.from(words)]);
  const answers = new Map([
    [
      apiVersions,
      () => [short(0), int(2), ...[apiVersions, metadata].flatMap((key) => [short(key), short(0), short(0)])],
    ],
    [
      metadata,
      () => [
        ...[int(1), int(7), text(host), int(port())],
        ...[int(1), short(0), text('news'), int(1), short(0), int(0), int(7), int(1), int(7), int(1), int(7)],
      ],
    ],
  ]);
  return (socket) => {
    let waiting = Buffer.alloc(0);
    socket.on('data', (data) => {
      waiting = Buffer.concat([waiting, data]);
      while (waiting.length >= 4 && waiting.length >= 4 + waiting.readInt32BE(0)) {
        const request = waiting.subarray(4, 4 + waiting.readInt32BE(0));
        waiting = waiting.subarray(4 + request.length);
        const answer = answers.get(request.readInt16BE(0))?.();
        if (answer === undefined) socket.destroy();
        else {
          const body = Buffer.concat([request.subarray(4, 8), ...answer]);
          socket.write(Buffer.concat([int(body.length), body]));
        }
      }
    });
  };
}

function short(n: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(n);
  return bytes;
}

function int(n: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(n);
  return bytes;
}

servedRow('kafkajs', {}, (it) => {
  it('finds the brokers and the topics, and tells that nobody listens', {
    async serve(place) {
      const host = place.host === '0.0.0.0' ? 'server' : place.host;
      const server = createServer(broker(host, () => (server.address() as { port: number }).port));
      await new Promise<void>((resolve) => server.listen(place, resolve));
      return server;
    },
    async use({ authority, host, port }) {
      const options = { socketFactory, logLevel: logLevel.NOTHING, retry: { retries: 0 } };
      const admin = new Kafka({ brokers: [authority], ...options }).admin();
      await admin.connect();
      const { topics } = await admin.fetchTopicMetadata({ topics: ['news'] });
      assert.deepEqual(
        topics.map(({ name, partitions }) => [name, partitions.length, partitions[0]?.leader]),
        [['news', 1, 7]],
      );
      const { brokers } = await admin.describeCluster();
      assert.deepEqual(brokers, [{ nodeId: 7, host, port }]);
      await admin.disconnect();
      const nobody = new Kafka({ brokers: [`${host}:1`], ...options }).admin();
      await assert.rejects(nobody.connect(), /ECONNREFUSED/);
    },
  });
});
