import assert from 'node:assert/strict';
import { it } from 'node:test';
import runSuite, { type Runner } from 'promises-aplus-tests';
import { Future } from '../../src/coroutines/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { run } from '../../src/runtime/index.ts';

function deferred() {
  const promise = new Future<unknown>();
  return {
    promise,
    resolve(value: unknown) {
      if (!promise.done()) promise.setResult(value);
    },
    reject(reason: unknown) {
      if (!promise.done()) promise.setException(reason);
    },
  };
}

/**
 * The suite's timers, without their time: 13 seconds altogether. Each is called once everything that can run before it
 * has run, in the order of their due times.
 */
class ImpatientTimers {
  readonly #queue: { due: number; callback: () => void }[] = [];
  #now = 0;
  #pumping = false;

  setTimeout(callback: () => void, delay = 0): void {
    this.#queue.push({ due: this.#now + delay, callback });
    this.#queue.sort((a, b) => a.due - b.due);
    if (!this.#pumping) void this.#pump();
  }

  async #pump(): Promise<void> {
    this.#pumping = true;
    for (;;) {
      for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
      const next = this.#queue.shift();
      if (next === undefined) break;
      this.#now = next.due;
      // From a callback of the host's, where the suite looks for what it throws.
      setImmediate(next.callback);
    }
    this.#pumping = false;
  }
}

it('Future fulfils Promises/A+, by its compliance suite', { timeout: 60_000 }, async (test) => {
  const timers = new ImpatientTimers();
  test.mock.method(globalThis, 'setTimeout', timers.setTimeout.bind(timers) as never);
  const passed: string[] = [];
  const failed: string[] = [];
  await run(async () => {
    // The suite lets many rejections go unhandled, as is its right.
    getRunningLoop().setExceptionHandler(() => {});
    await new Promise<void>((resolve) => {
      class Reporter {
        constructor(runner: Runner) {
          runner.on('pass', (test) => passed.push(test.fullTitle()));
          runner.on('fail', (test, error) => failed.push(`${test.fullTitle()}: ${String(error)}`));
        }
      }
      runSuite({ deferred }, { reporter: Reporter, timeout: 5_000 }, resolve);
    });
  });
  assert.deepEqual(failed, []);
  assert.ok(passed.length > 800, `only ${passed.length} tests ran`);
});
