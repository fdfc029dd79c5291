import assert from 'node:assert/strict';
import { once } from 'node:events';
import { extname } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { threadId } from 'node:worker_threads';
import {
  BrokenExecutorError,
  CancelledError,
  moduleFunction,
  StateError,
  ThreadPoolExecutor,
  type ThreadPoolExecutorOptions,
  transfer,
} from 'tulipa';
import type * as work from './work.ts';
import { add } from './work.ts';

type Work = typeof work;

/** A function of the work module. */
function of<Name extends keyof Work & string>(name: Name) {
  const file = new URL(`./work${extname(fileURLToPath(import.meta.url))}`, import.meta.url);
  return moduleFunction<Extract<Work[Name], (...args: never[]) => unknown>>(file, name);
}

const shared = () => new Int32Array(new SharedArrayBuffer(4));
const begun = async (flag: Int32Array) => await Atomics.waitAsync(flag, 0, 0).value;
const open = (gate: Int32Array) => {
  Atomics.store(gate, 0, 42);
  Atomics.notify(gate, 0);
};

/** Shuts the pool down at the end, whatever happens. */
async function withPool(
  options: ThreadPoolExecutorOptions,
  body: (pool: ThreadPoolExecutor) => Promise<void>,
): Promise<void> {
  const pool = new ThreadPoolExecutor(options);
  try {
    await body(pool);
  } finally {
    await pool.shutdown({ cancelFutures: true });
  }
}

const one = { maxWorkers: 1 };

describe('ThreadPoolExecutor', { concurrency: 2 }, () => {
  it('runs functions of modules in other threads, and gives back what they return (B-EV-004)', () =>
    withPool(one, async (pool) => {
      assert.equal(await pool.submit(add, 1, 2), 3);
      assert.notEqual((await pool.submit(of('where'))).thread, threadId);
      assert.equal(await pool.submit(of('later'), 'async'), 'async');
      const join = moduleFunction<typeof import('node:path').posix.join>('node:path', 'join');
      assert.equal(await pool.submit(join, 'a', 'b'), 'a/b');
    }));

  it('keeps its threads, and what their modules remember', () =>
    withPool(one, async (pool) => {
      assert.deepEqual([await pool.submit(of('countCalls')), await pool.submit(of('countCalls'))], [1, 2]);
    }));

  it('gives its threads names with a prefix (B-UV-009)', () =>
    withPool({ maxWorkers: 1, threadNamePrefix: 'weaver' }, async (pool) => {
      const { name } = await pool.submit(of('where'));
      // Older runtimes do not tell a thread its name.
      if (name !== undefined) assert.equal(name, 'weaver_0');
    }));

  it('runs as many jobs at once as it has threads, the others in order', () =>
    withPool({ maxWorkers: 2 }, async (pool) => {
      const gates = [shared(), shared(), shared()];
      const order: number[] = [];
      const jobs = gates.map((gate, index) =>
        pool.submit(of('waitForGate'), gate).then(() => order.push(index)),
      );
      open(gates[1] as Int32Array);
      await jobs[1];
      open(gates[2] as Int32Array);
      await jobs[2];
      open(gates[0] as Int32Array);
      await jobs[0];
      assert.deepEqual(order, [1, 2, 0]);
    }));

  it('copies arguments at the call, also those of jobs that have to wait', () =>
    withPool(one, async (pool) => {
      const gate = shared();
      const first = pool.submit(of('waitForGate'), gate);
      const bytes = new Uint8Array([1, 2, 3]);
      const second = pool.submit(of('inspectBytes'), bytes);
      bytes[0] = 100;
      open(gate);
      await first;
      assert.equal((await second).sum, 6);
      assert.equal(bytes.length, 3);
    }));

  it('moves what is marked, there and back, also while a job has to wait', () =>
    withPool(one, async (pool) => {
      const gate = shared();
      const first = pool.submit(of('waitForGate'), gate);
      const bytes = new Uint8Array([1, 2, 3]);
      const second = pool.submit(of('inspectBytes'), transfer(bytes));
      assert.equal(bytes.length, 0);
      open(gate);
      await first;
      assert.deepEqual([...(await second).bytes], [1, 2, 3]);
      const now = new Uint8Array([4]);
      assert.equal((await pool.submit(of('inspectBytes'), transfer(now, [now.buffer]))).sum, 4);
      assert.equal(now.length, 0);
      assert.equal((await pool.submit(of('makeBytes'), 1000)).length, 1000);
    }));

  it('refuses at the call what cannot be run in a thread or copied there', () =>
    withPool(one, async (pool) => {
      assert.throws(() => pool.submit(() => 1), /functions do not cross threads/);
      assert.throws(() => pool.submit(undefined as never), TypeError);
      assert.throws(() => pool.submit(of('throwValue'), () => {}), TypeError);
      const gate = shared();
      const busy = pool.submit(of('waitForGate'), gate);
      assert.throws(() => pool.submit(of('throwValue'), () => {}), TypeError);
      open(gate);
      assert.equal(await busy, 42);
    }));

  it('fails a job whose function is not there, or whose result cannot be copied', () =>
    withPool(one, async (pool) => {
      const wrong = moduleFunction('data:text/javascript,export default 1', 'default');
      await assert.rejects(async () => pool.submit(wrong), /exports no function of that name/);
      const missing = moduleFunction(new URL('./no-such-module.js', import.meta.url), 'it');
      await assert.rejects(async () => pool.submit(missing), { code: 'ERR_MODULE_NOT_FOUND' });
      await assert.rejects(async () => pool.submit(of('returnFunction')), { name: 'DataCloneError' });
      assert.equal(await pool.submit(add, 1, 1), 2);
    }));

  it('brings errors back with class name, message, stack, cause and fields (B-THR-001)', () =>
    withPool(one, async (pool) => {
      await assert.rejects(
        async () => pool.submit(of('fail')),
        (error: Error & { line?: number; secret?: unknown }) => {
          assert.ok(error instanceof RangeError);
          assert.deepEqual([error.name, error.message, error.line], ['ParseError', 'bad line', 7]);
          assert.equal('secret' in error, false);
          assert.match(error.stack ?? '', /work\.[jt]s/);
          assert.ok(error.cause instanceof TypeError);
          assert.equal(error.cause.message, 'of the cause');
          return true;
        },
      );
      await assert.rejects(
        async () => pool.submit(of('failWithMany')),
        (error: AggregateError) => {
          assert.ok(error instanceof AggregateError);
          assert.ok(error.errors[0] instanceof SyntaxError);
          assert.deepEqual([error.message, error.errors[1]], ['several', 'second']);
          return true;
        },
      );
      await assert.rejects(
        async () => pool.submit(of('throwValue'), { any: 'value' }),
        (thrown) => {
          assert.deepEqual(thrown, { any: 'value' });
          return true;
        },
      );
    }));

  it('drops a job that has not started when it is cancelled', () =>
    withPool(one, async (pool) => {
      const gate = shared();
      const first = pool.submit(of('waitForGate'), gate);
      const second = pool.submit(of('countCalls'));
      assert.equal(second.cancel('not wanted'), true);
      assert.equal(second.cancel(), false);
      await assert.rejects(
        async () => second,
        (error) => error instanceof CancelledError && error.reason === 'not wanted',
      );
      open(gate);
      assert.equal(await first, 42);
      assert.equal(first.cancel(), false);
      assert.equal(await pool.submit(of('countCalls')), 1);
    }));

  it('ends the thread of a job that runs when it is cancelled, and goes on with another', () =>
    withPool(one, async (pool) => {
      const flag = shared();
      assert.equal(await pool.submit(of('countCalls')), 1);
      const spinning = pool.submit(of('spin'), flag);
      const next = pool.submit(of('countCalls'));
      await begun(flag);
      assert.equal(spinning.cancel(), true);
      await assert.rejects(async () => spinning, CancelledError);
      assert.equal(await next, 1);
    }));

  it('fails only the job whose thread ends before it, and says why', () =>
    withPool(one, async (pool) => {
      const leaving = pool.submit(of('exit'), 3);
      const next = pool.submit(add, 1, 2);
      await assert.rejects(
        async () => leaving,
        (error) => error instanceof BrokenExecutorError && /Cannot finish exit: .*3/.test(error.message),
      );
      assert.equal(await next, 3);
      await assert.rejects(
        async () => pool.submit(of('crash')),
        (error) =>
          error instanceof BrokenExecutorError && (error.cause as Error).message === 'thrown by nobody’s job',
      );
      assert.equal(await pool.submit(add, 1, 2), 3);
    }));

  it('finishes what it has taken before its shutdown ends, and takes no more', async () => {
    const pool = new ThreadPoolExecutor(one);
    const gate = shared();
    const first = pool.submit(of('waitForGate'), gate);
    const second = pool.submit(add, 1, 2);
    const ended = pool.shutdown();
    assert.throws(() => pool.submit(add, 1, 2), StateError);
    await pool.shutdown({ wait: false });
    open(gate);
    assert.deepEqual([await first, await second], [42, 3]);
    await ended;
    await pool.shutdown();
  });

  it('drops what has not started at its shutdown, if so wished', async () => {
    const pool = new ThreadPoolExecutor(one);
    const gate = shared();
    const first = pool.submit(of('waitForGate'), gate);
    const second = pool.submit(add, 1, 2);
    const ended = pool.shutdown({ cancelFutures: true });
    await assert.rejects(async () => second, CancelledError);
    open(gate);
    assert.equal(await first, 42);
    await ended;
  });

  it('is shut down at the end of its block', async () => {
    let job: PromiseLike<number>;
    {
      await using pool = new ThreadPoolExecutor(one);
      job = pool.submit(add, 1, 2);
    }
    assert.equal(await job, 3);
  });

  it('runs functions that run a loop of their own (B-EV-023)', () =>
    withPool(one, async (pool) => {
      assert.equal(await pool.submit(of('ownLoop')), 'node');
    }));

  it('warns when a thread ends between two jobs', (t) =>
    withPool(one, async (pool) => {
      t.diagnostic('what a job leaves behind may fail later');
      const bomb = moduleFunction<() => number>(
        'data:text/javascript,export const bomb = () => { setImmediate(() => { throw new Error("left behind"); }); return 1; }',
        'bomb',
      );
      const warned = once(process, 'warning');
      // A pool without work keeps nothing alive, and a warning that is waited for does not, either.
      const alive = setInterval(() => {}, 60_000);
      assert.equal(await pool.submit(bomb), 1);
      const [warning] = (await warned) as [Error];
      clearInterval(alive);
      assert.match(`${warning.name} ${warning.message}`, /ExecutorWarning .*left behind/);
      assert.equal(await pool.submit(add, 1, 2), 3);
    }));

  it('refuses sizes that are none', () => {
    for (const wrong of [0, -1, 1.5, Number.NaN, Infinity]) {
      assert.throws(() => new ThreadPoolExecutor({ maxWorkers: wrong }), RangeError);
    }
    assert.throws(() => new ThreadPoolExecutor({ maxWorkers: '4' as never }), TypeError);
  });
});

describe('moduleFunction', () => {
  it('gives a function that runs here when it is called here', async () => {
    assert.equal(add(1, 2), 3);
    assert.equal(add.name, 'add');
    assert.equal((await of('where')()).thread, threadId);
  });

  it('wants an absolute URL and a name', () => {
    assert.throws(() => moduleFunction('./work.js', 'add'), TypeError);
    assert.throws(() => moduleFunction(import.meta.url, 1 as never), TypeError);
  });
});
