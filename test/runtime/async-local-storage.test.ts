import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, it } from 'node:test';
import { createTask, gather, sleep } from '../../src/coroutines/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { run } from '../../src/runtime/index.ts';

const storage = new AsyncLocalStorage<string>();

describe('an AsyncLocalStorage of the user', () => {
  it('keeps its store over every await of an async function that the loop runs', () =>
    run(async () => {
      const worker = async (name: string) => {
        const loop = getRunningLoop();
        const look = (when: string) => assert.equal(storage.getStore(), name, when);
        await sleep(0);
        look('after sleep(0)');
        await sleep(1);
        look('after a timer');
        const future = loop.createFuture<void>();
        loop.callSoon(() => future.setResult());
        await future;
        look('after a future');
        await createTask(function* () {
          yield;
        });
        look('after a task');
        await new Promise<void>((resolve) => setImmediate(resolve));
        look('after a promise of the host');
        await loop.getaddrinfo('localhost', 80);
        look('after I/O');
        await gather([sleep(0), sleep(1)]);
        look('after gather');
      };
      const tasks = ['a', 'b', 'c'].map((name) => createTask(() => storage.run(name, () => worker(name))));
      await gather(tasks);
      assert.equal(storage.getStore(), undefined);
    }));

  it('has in callbacks the store of the call of run, not of who happened to wake the loop', async () => {
    const seen: (string | undefined)[] = [];
    const look = () => void seen.push(storage.getStore());
    await storage.run('the run', () =>
      run(async () => {
        const loop = getRunningLoop();
        look();
        storage.run('a user', () => loop.callSoon(look));
        const rang = loop.createFuture<void>();
        const lookLate = () => {
          look();
          rang.setResult();
        };
        storage.run('a user', () => loop.callLater(1, lookLate));
        await new Promise<void>((resolve) => {
          setImmediate(() => {
            storage.run('first', () => loop.callSoon(look));
            storage.run('second', () => loop.callSoon(look));
            storage.run('third', () => loop.callLater(0, look));
            resolve();
          });
        });
        await storage.run('a look-up', async () => {
          const [, service] = await loop.getnameinfo({ family: 4, host: '127.0.0.1', port: 80 });
          assert.equal(typeof service, 'string');
          loop.callSoon(look);
        });
        storage.run('a task', () =>
          createTask(function* () {
            look();
            yield* sleep(0);
            look();
          }),
        );
        await rang;
        await sleep(0);
        await sleep(0);
      }),
    );
    assert.deepEqual(
      seen,
      Array.from({ length: 9 }, () => 'the run'),
    );
  });
});
