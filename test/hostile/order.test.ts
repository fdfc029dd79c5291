import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, it } from 'node:test';
import { gather, sleep } from '../../src/coroutines/index.ts';
import type { Protocol, Transport } from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { run } from '../../src/runtime/index.ts';
import { bytes, letTheKernelWork, Recorder, serve, testOn } from '../contract/endpoints.ts';
import { realKinds } from '../contract/kinds.ts';

const connections = 20;

for (const kind of realKinds) {
  const test = testOn(kind);

  describe(`callbacks of I/O on the ${kind} loop`, () => {
    test('have their ticks, and then their microtasks, run before the next of the same batch', function* () {
      const order: string[] = [];
      let made = 0;
      let heard = 0;
      const { server, connect } = yield* serve('TCP', () => {
        const id = made++;
        return new Recorder({
          dataReceived: () => {
            order.push(`call ${id}`);
            process.nextTick(() => {
              order.push(`tick ${id}`);
              queueMicrotask(() => order.push(`microtask of the tick ${id}`));
            });
            queueMicrotask(() => {
              order.push(`microtask ${id}`);
              process.nextTick(() => order.push(`tick of the microtask ${id}`));
            });
            heard++;
          },
        });
      });
      const clients = yield* gather(Array.from({ length: connections }, () => connect(() => new Recorder())));
      while (made < connections) yield;
      yield* letTheKernelWork('TCP', 5);
      for (const [transport] of clients) transport.write(bytes('now'));
      while (heard < connections) yield* letTheKernelWork('TCP', 1);
      yield;
      const steps = ['call', 'tick', 'microtask', 'microtask of the tick', 'tick of the microtask'];
      assert.equal(order.length, steps.length * connections);
      for (let at = 0; at < order.length; at += steps.length) {
        const id = order[at]?.split(' ')[1];
        assert.deepEqual(
          order.slice(at, at + steps.length),
          steps.map((step) => `${step} ${id}`),
        );
      }
      for (const [transport] of clients) transport.abort();
      server.close();
      server.abortClients();
      yield* server.waitClosed();
    });

    it('have no store of who wrote, or of the connection before; one that is set there survives its awaits', {
      timeout: 20_000,
    }, async () => {
      const storage = new AsyncLocalStorage<string>();
      await run(async () => {
        const loop = getRunningLoop();
        const stores: (string | undefined)[] = [];
        const kept: Promise<void>[] = [];
        let made = 0;
        const factory = (): Protocol => {
          const id = `store ${made++}`;
          let transport: Transport | null = null;
          return {
            connectionMade(opened: Transport) {
              transport = opened;
            },
            dataReceived(data: Uint8Array) {
              stores.push(storage.getStore());
              const work = async () => {
                for (let i = 0; i < 3; i++) {
                  await sleep(1);
                  assert.equal(storage.getStore(), id);
                  await null;
                  assert.equal(storage.getStore(), id);
                }
                transport?.write(data);
              };
              kept.push(storage.run(id, work));
              stores.push(storage.getStore());
            },
          };
        };
        await loop.createTask(function* () {
          const { server, connect } = yield* serve('TCP', factory);
          const clients = yield* gather(
            Array.from({ length: connections }, () => connect(() => new Recorder())),
          );
          for (const [transport] of clients)
            storage.run('of who writes', () => transport.write(bytes('ping')));
          for (const [, client] of clients) yield* client.received(4);
          for (const [transport] of clients) transport.abort();
          server.close();
          server.abortClients();
          yield* server.waitClosed();
        });
        for (const work of kept) await work;
        assert.equal(stores.length, 2 * connections);
        assert.deepEqual(new Set(stores), new Set([undefined]));
        assert.equal(storage.getStore(), undefined);
      }, kind.options);
    });
  });
}
