import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { Reactor } from '../../../src/drivers/readiness/reactor.ts';
import { Waker } from '../../../src/drivers/readiness/waker.ts';
import type { DriverHost, Runnable } from '../../../src/interface/index.ts';
import { EpollPoller, PollPoller, SelectPoller } from '../../../src/selectors/index.ts';

class QueueHost implements DriverHost {
  readonly queue: Runnable[] = [];
  readonly inTurn = true;
  dispatch(): void {}
  callLater(): { cancel(): void } {
    return { cancel() {} };
  }
  refsChanged(): void {}
  pollDescriptorChanged(): void {}
  report(): void {}

  enqueue(runnable: Runnable): void {
    this.queue.push(runnable);
  }

  turn(): void {
    for (const runnable of this.queue.splice(0)) runnable.run();
  }
}

/** No wait of a test is longer; one that is ended by its limit fails. */
const limit = 10_000;
const linux = process.platform === 'linux' ? false : 'its pollers and descriptors are those of Linux';

describe('a wait of a readiness driver', { skip: linux }, () => {
  for (const [name, makePoller] of [
    ['epoll', () => new EpollPoller()],
    ['poll', () => new PollPoller()],
    ['select', () => new SelectPoller()],
  ] as const) {
    it(`by ${name} is ended by another thread, which needs nothing but a number`, async () => {
      const host = new QueueHost();
      const reactor = new Reactor(host, makePoller);
      const waker = new Waker(reactor);
      // The thread starts while this one waits already, or is about to; either is in time.
      const worker = new Worker(
        "const { writeSync } = require('node:fs'); writeSync(require('node:worker_threads').workerData, new Uint8Array(new BigUint64Array([1n]).buffer))",
        { eval: true, workerData: waker.writeEnd },
      );
      reactor.wait(limit);
      assert.deepEqual(host.queue.map(String), ['<I/O: woken>']);
      host.turn();
      reactor.wait(0);
      assert.deepEqual(host.queue, []);
      waker.close();
      reactor.poller.close();
      await worker.terminate();
    });

    it(`by ${name} is ended once, however often it was woken before, and not at all once it is closed`, () => {
      const host = new QueueHost();
      const reactor = new Reactor(host, makePoller);
      const waker = new Waker(reactor);
      for (let i = 0; i < 3; i++) waker.wake();
      reactor.wait(limit);
      assert.equal(host.queue.length, 1);
      host.turn();
      reactor.wait(0);
      assert.deepEqual(host.queue, []);
      waker.close();
      waker.wake();
      waker.close();
      reactor.wait(0);
      assert.deepEqual(host.queue, []);
      reactor.poller.close();
    });
  }
});
