import assert from 'node:assert/strict';
import { PrivateUvLoop } from '../../../src/drivers/uv/index.ts';
import type { Completion, DriverHost, Runnable } from '../../../src/interface/index.ts';
import { EpollPoller, READABLE } from '../../../src/selectors/index.ts';

/** No test waits longer for a thing that must come. */
const limitMilliseconds = 10_000;

/** As much of a driver as libuv's loop needs. It waits in the kernel: Node's own loop stands still meanwhile. */
export class BlockedDriver {
  readonly loop: PrivateUvLoop;
  refs = 0;
  /** what it waits for; -1 until libuv is used */
  descriptor = -1;
  readonly #poller = new EpollPoller();
  readonly #queue: Runnable[] = [];

  constructor() {
    const host: DriverHost = {
      inTurn: false,
      dispatch: () => assert.fail('it may run a turn at once'),
      enqueue: (runnable) => void this.#queue.push(runnable),
      callLater: () => assert.fail('no timers'),
      refsChanged: () => {},
      pollDescriptorChanged: () => {},
      report: ({ exception }) => assert.fail(String(exception)),
    };
    this.loop = new PrivateUvLoop(host, {
      watch: (descriptor) => {
        this.descriptor = descriptor;
        this.#poller.register(descriptor, READABLE);
      },
      unwatch: (descriptor) => this.#poller.unregister(descriptor),
      ref: () => this.refs++,
      unref: () => this.refs--,
    });
  }

  /** Turns until it is so. */
  blockUntil(condition: () => boolean): void {
    const deadline = performance.now() + limitMilliseconds;
    while (!condition()) {
      if (this.#queue.length === 0) {
        const left = deadline - performance.now();
        assert.ok(left > 0, 'nothing comes');
        // A signal ends a wait with nothing.
        if (this.#poller.wait(left) > 0) this.loop.run();
      }
      this.turn();
    }
  }

  /** Runs what is queued. */
  turn(): void {
    for (const runnable of this.#queue.splice(0)) runnable.run();
  }

  /** What is asked, when it has been answered. */
  answer<T>(ask: (completion: Completion<T>) => unknown): T | Error {
    let answer: { value: T | Error } | null = null;
    ask({
      succeeded: (value) => {
        assert.equal(answer, null, 'answered twice');
        answer = { value };
      },
      failed: (error) => {
        assert.equal(answer, null, 'answered twice');
        answer = { value: error };
      },
    });
    assert.equal(answer, null, 'answered from inside the call');
    this.blockUntil(() => answer !== null);
    return (answer as unknown as { value: T | Error }).value;
  }

  /** True if something is to be read: only what must not come is looked for so. */
  get readable(): boolean {
    return this.#poller.wait(0) > 0;
  }

  close(): void {
    this.loop.close();
    this.#poller.close();
  }
}
