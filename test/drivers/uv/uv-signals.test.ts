import assert from 'node:assert/strict';
import { once } from 'node:events';
import { constants } from 'node:os';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { UvSignals } from '../../../src/drivers/uv/index.ts';
import { StateError } from '../../../src/interface/index.ts';
import { collectGarbage } from '../../support/collect-garbage.ts';
import { programCommand } from '../../support/run-program.ts';
import { runToEnd } from '../../support/run-to-end.ts';
import { BlockedDriver } from './blocked-driver.ts';

describe('signals by libuv', { timeout: 60_000 }, () => {
  let driver: BlockedDriver;
  let signals: UvSignals;

  beforeEach(() => {
    driver = new BlockedDriver();
    signals = new UvSignals(driver.loop);
  });
  afterEach(() => {
    signals.close();
    driver.close();
  });

  it('arrive while the thread is blocked, each as often as it was sent', () => {
    const seen: string[] = [];
    for (const signal of ['SIGCONT', 'SIGWINCH', 'SIGHUP'] as const) {
      signals.watch(signal, (caught) => seen.push(caught));
    }
    const expected: string[] = [];
    for (let count = 0; count < 50; count++) {
      for (const signal of ['SIGCONT', 'SIGWINCH', 'SIGHUP'] as const) {
        expected.push(signal);
        signals.raise(signal);
        // Two of the same kind that are sent at once are one to the kernel. @see signal(7)
        driver.blockUntil(() => seen.length === expected.length);
      }
    }
    assert.deepEqual(seen, expected);
    assert.equal(driver.refs, 0);
  });

  it('interrupt a wait that has begun', async () => {
    let seen = 0;
    signals.watch('SIGCONT', () => seen++);
    const worker = new Worker(`process.kill(process.pid, 'SIGCONT')`, { eval: true });
    driver.blockUntil(() => seen === 1);
    await once(worker, 'exit');
  });

  it('go to all who watch, on this and on other loops, and to Node’s listeners', async () => {
    const other = new BlockedDriver();
    const others = new UvSignals(other.loop);
    const seen: string[] = [];
    const node = once(process, 'SIGCONT');
    signals.watch('SIGCONT', () => seen.push('a'));
    signals.watch('SIGCONT', () => seen.push('b'));
    others.watch('SIGCONT', () => seen.push('c'));
    signals.raise('SIGCONT');
    driver.blockUntil(() => seen.length === 2);
    other.blockUntil(() => seen.length === 3);
    assert.deepEqual(seen, ['a', 'b', 'c']);
    // To wait for a signal alone does not keep Node running.
    const running = setTimeout(() => {}, 10_000);
    assert.deepEqual(await node, ['SIGCONT', constants.signals.SIGCONT]);
    clearTimeout(running);
    others.close();
    other.close();
  });

  it('say who else watches', () => {
    const listener = () => {};
    const other = new UvSignals(driver.loop);
    const watch = signals.watch('SIGCONT', listener);

    assert.equal(signals.watchedElsewhere('SIGCONT'), false);
    assert.equal(other.watchedElsewhere('SIGCONT'), true);
    watch.cancel();
    assert.equal(other.watchedElsewhere('SIGCONT'), false);
    process.on('SIGCONT', listener);
    assert.equal(signals.watchedElsewhere('SIGCONT'), true);
    process.off('SIGCONT', listener);
    assert.equal(signals.watchedElsewhere('SIGCONT'), false);
  });

  it('given up are not heard of, while others still are', () => {
    let others = 0;
    const keep = signals.watch('SIGCONT', () => others++);
    const given = signals.watch('SIGCONT', () => assert.fail('given up'));
    signals.raise('SIGCONT');
    given.cancel();
    given.cancel();
    driver.blockUntil(() => others === 1);
    keep.cancel();
    assert.equal(signals.watchedElsewhere('SIGCONT'), false);
    const again = signals.watch('SIGCONT', () => others++);
    signals.raise('SIGCONT');
    driver.blockUntil(() => others === 2);
    again.cancel();
  });

  it('given up by one of those who are called are not heard of by the next', () => {
    const seen: number[] = [];
    const both = [0, 1].map((index) =>
      signals.watch('SIGCONT', () => {
        seen.push(index);
        both[1 - index]?.cancel();
      }),
    );
    signals.raise('SIGCONT');
    driver.blockUntil(() => seen.length > 0);
    assert.deepEqual(seen, [0]);
  });

  it('get their default action back when nobody watches any more', async () => {
    const { stdout, signal } = await runToEnd('test/drivers/uv/raising.ts', []);
    assert.deepEqual([stdout, signal], ['caught\n', 'SIGUSR2']);
  });

  it('arrive whatever is collected meanwhile', async () => {
    let seen = 0;
    signals.watch('SIGCONT', () => seen++);
    for (let count = 1; count <= 20; count++) {
      await collectGarbage();
      signals.raise('SIGCONT');
      driver.blockUntil(() => seen === count);
    }
  });

  it('that cannot be caught are refused, as are all in a worker thread', async () => {
    for (const signal of ['SIGKILL', 'SIGSTOP'] as const) {
      assert.throws(
        () => signals.watch(signal, () => {}),
        (error) => error instanceof StateError && error.code === 'ERR_SIGNAL',
      );
      assert.equal(signals.watchedElsewhere(signal), false);
    }
    assert.deepEqual([signals.exists('SIGTERM'), signals.exists('SIGNONE')], [true, false]);
    const { args } = programCommand('test/drivers/uv/raising.ts');
    const worker = new Worker(args.at(-1) as string, { execArgv: args.slice(0, -1) });
    assert.deepEqual((await once(worker, 'message'))[0], 'ERR_NOT_MAIN_THREAD');
  });
});
