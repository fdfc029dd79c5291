import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sleep } from '../../src/coroutines/index.ts';
import { getEventLoopPolicy, run } from '../../src/runtime/index.ts';
import { mainOf, simulate } from '../../src/testing/index.ts';

describe('the main of a program', () => {
  it('is taken instead of run, and runs on hosts', async () => {
    const log: number[] = [];
    const main = await mainOf(async () => {
      await run(async () => {
        await sleep(5);
        log.push(1);
        return 7;
      });
      log.push(2);
    });
    assert.deepEqual(log, []);
    const results = await simulate(async (sim) => {
      const hosts = [sim.host('a', main), sim.host('b', main)];
      return [await hosts[0]?.finished, await hosts[1]?.finished];
    });
    assert.deepEqual(results, [7, 7]);
    assert.deepEqual(log, [1, 1]);
  });

  it('is taken of a program that catches what run throws', async () => {
    const main = await mainOf(async () => await run(async () => await sleep(1)).catch(() => {}));
    await simulate(main);
  });

  it('is none where run was not called, or with what is used once', async () => {
    await assert.rejects(
      mainOf(async () => {}),
      { code: 'ERR_NO_MAIN' },
    );
    await assert.rejects(
      mainOf(async () => await run(sleep(1))),
      { code: 'ERR_NO_MAIN' },
    );
  });

  it('leaves everything as it was, also when loading fails', async () => {
    const before = getEventLoopPolicy();
    const error = new Error('no such file');
    await assert.rejects(
      mainOf(async () => {
        throw error;
      }),
      error,
    );
    assert.equal(getEventLoopPolicy(), before);
    assert.equal(await run(async () => await sleep(1, 5)), 5);
  });
});
