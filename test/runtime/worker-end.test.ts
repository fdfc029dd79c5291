import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { listDrivers } from '../../src/runtime/index.ts';
import { runToEnd } from '../support/run-to-end.ts';

async function end(driver: string, way: string, state: string, rounds: number) {
  const { stdout, stderr, code, signal } = await runToEnd('test/support/programs/ending-workers.ts', [
    driver,
    way,
    state,
    String(rounds),
  ]);
  assert.deepEqual([code, signal], [0, null], stderr);
  return { outcome: stdout, stderr };
}

const here = (name: string) => listDrivers().find((driver) => driver.name === name)?.unavailable === null;

for (const driver of ['epoll', 'poll', 'select']) {
  describe(`a worker whose loop blocks it in ${driver}`, { skip: here(driver) ? false : 'not here' }, () => {
    for (const state of ['idle', 'busy']) {
      it(`can be terminated while it is ${state}, which leaves no descriptor open that listens`, async () => {
        const { outcome, stderr } = await end(driver, 'terminate', state, driver === 'epoll' ? 20 : 5);
        assert.deepEqual([outcome, stderr], ['1 no error\nfew files left\n', '']);
      });
    }
  });
}

describe('a worker whose loop blocks it', {
  concurrency: 2,
  skip: here('epoll') ? false : 'there is no epoll here',
}, () => {
  for (const state of ['idle', 'busy']) {
    it(`ends by process.exit while it is ${state}`, async () => {
      assert.match((await end('epoll', 'exit', state, 5)).outcome, /^3 no error$/m);
    });

    it(`ends with an error that nobody caught while it is ${state}`, async () => {
      assert.match((await end('epoll', 'reject', state, 2)).outcome, /^1 Error: of main$/m);
      for (const way of ['tick', 'microtask', 'promise'])
        assert.match((await end('epoll', way, state, 1)).outcome, new RegExp(`^1 Error: of a ${way}$`, 'm'));
    });

    it(`does not keep the process alive against its will while it is ${state}`, async () => {
      await end('epoll', 'exit-main', state, 2);
      await end('epoll', 'unref', state, 2);
    });
  }

  it('is a guest only if it was told to, with a warning, and ends when main returns', async () => {
    const { outcome, stderr } = await end('epoll', 'guest', 'idle', 3);
    assert.match(outcome, /^0 no error$/m);
    assert.equal(stderr.match(/GuestWarning: .*worker\.terminate\(\)/g)?.length, 3);
  });

  it('goes on when a callback throws, which is reported', async () => {
    const { outcome, stderr } = await end('epoll', 'report', 'idle', 5);
    assert.match(outcome, /^0 no error$/m);
    assert.equal(stderr.match(/Error: of a callback/g)?.length, 5);
  });
});
