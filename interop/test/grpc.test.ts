import assert from 'node:assert/strict';
import type { Server as NetServer } from 'node:net';
import * as grpc from '@grpc/grpc-js';
import { createServer } from 'tulipa/adapters/node/net';
import { type Served, servedRow } from '../served.ts';

const codec = {
  requestSerialize: (value: unknown) => Buffer.from(JSON.stringify(value)),
  requestDeserialize: (bytes: Buffer) => JSON.parse(String(bytes)),
  responseSerialize: (value: unknown) => Buffer.from(JSON.stringify(value)),
  responseDeserialize: (bytes: Buffer) => JSON.parse(String(bytes)),
};

const definition = {
  twice: { path: '/math/twice', requestStream: false, responseStream: false, ...codec },
  count: { path: '/math/count', requestStream: false, responseStream: true, ...codec },
  sum: { path: '/math/sum', requestStream: true, responseStream: false, ...codec },
  never: { path: '/math/never', requestStream: false, responseStream: false, ...codec },
} satisfies grpc.ServiceDefinition;

const implementation: grpc.UntypedServiceImplementation = {
  twice: ((call, answer) => answer(null, call.request * 2)) as grpc.handleUnaryCall<number, number>,
  count: ((call) => {
    for (let i = 0; i < call.request; i++) call.write(i);
    call.end();
  }) as grpc.handleServerStreamingCall<number, number>,
  sum: ((call, answer) => {
    let sum = 0;
    call.on('data', (n: number) => {
      sum += n;
    });
    call.on('end', () => answer(null, sum));
  }) as grpc.handleClientStreamingCall<number, number>,
  never: () => {},
};

interface Math extends grpc.Client {
  twice(n: number, answer: (error: Error | null, n: number) => void): void;
  never(n: number, options: { deadline: Date }, answer: (error: Error | null) => void): void;
  count(n: number): grpc.ClientReadableStream<number>;
  sum(answer: (error: Error | null, n: number) => void): grpc.ClientWritableStream<number>;
}

const MathClient = grpc.makeGenericClientConstructor(definition, 'Math');

async function use({ authority }: Served): Promise<void> {
  const client = new MathClient(authority, grpc.credentials.createInsecure()) as unknown as Math;
  try {
    const twice = await new Promise((resolve, reject) => {
      client.twice(21, (error, n) => (error === null ? resolve(n) : reject(error)));
    });
    assert.equal(twice, 42);
    const counted: number[] = [];
    for await (const n of client.count(500)) counted.push(n);
    assert.deepEqual(counted, [...Array(500).keys()]);
    const sum = await new Promise((resolve, reject) => {
      const call = client.sum((error, n) => (error === null ? resolve(n) : reject(error)));
      for (let i = 1; i <= 100; i++) call.write(i);
      call.end();
    });
    assert.equal(sum, 5050);
    const late = new Promise((_, reject) => {
      client.never(1, { deadline: new Date(Date.now() + 50) }, (error) => reject(error));
    });
    await assert.rejects(late, { code: grpc.status.DEADLINE_EXCEEDED });
  } finally {
    client.close();
  }
}

const without = { simulation: 'it stands on node:http2, which sends in native immediates of libuv' };

// The client has no hook.
servedRow('@grpc/grpc-js', { without, net: true }, (it) => {
  it('calls, streams in both directions, and keeps deadlines, over connections that it is given', {
    async serve(place) {
      const server = new grpc.Server();
      server.addService(definition, implementation);
      const injector = server.createConnectionInjector(grpc.ServerCredentials.createInsecure());
      const listening = createServer((socket) => injector.injectConnection(socket));
      await new Promise<void>((resolve) => listening.listen(place, resolve));
      return listening as NetServer;
    },
    use,
  });

  it('does so where it listens by itself', {
    async serve({ host, port }) {
      const server = new grpc.Server();
      server.addService(definition, implementation);
      const bound = await new Promise<number>((resolve, reject) => {
        server.bindAsync(`${host}:${port}`, grpc.ServerCredentials.createInsecure(), (error, at) => {
          if (error === null) resolve(at);
          else reject(error);
        });
      });
      return { address: () => ({ port: bound }), close: () => server.forceShutdown() } as never;
    },
    use,
  });
});
