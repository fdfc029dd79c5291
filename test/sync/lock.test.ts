import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { createTask, currentTask, sleep, timeout, wait } from '../../src/coroutines/index.ts';
import { StateError, TimeoutError } from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { Lock } from '../../src/sync/index.ts';
import { runSimulated } from '../support/simulated.ts';
import { settle, test, testBoth } from './in-loop.ts';

describe('Lock', () => {
  test('is taken at once when it is free, and says so (B-LOCK-001)', function* () {
    const lock = new Lock();
    assert.equal(lock.locked(), false);
    const acquired = lock.acquire();
    assert.equal(acquired.done(), true);
    assert.equal(yield* acquired, true);
    assert.equal(lock.locked(), true);
    lock.release();
    assert.equal(lock.locked(), false);
  });

  test('costs no turn when it is free, in either spelling (B-LOCK-001)', async () => {
    const lock = new Lock();
    const loop = getRunningLoop();
    let turned = false;
    loop.callSoon(() => {
      turned = true;
    });
    await lock.acquire();
    lock.release();
    await lock.use(async () => {});
    {
      using _held = await lock.hold();
    }
    assert.equal(turned, false);
  });

  testBoth(
    'serves those who wait first come, first served, one for each release (B-LOCK-002)',
    function* (spawn) {
      const lock = new Lock();
      yield* lock.acquire();
      const order: string[] = [];
      const tasks = ['a', 'b', 'c'].map((name) => {
        const task = spawn(() => lock.acquire());
        task.addDoneCallback(() => order.push(name));
        return task;
      });
      yield* settle();
      assert.deepEqual(order, []);
      for (const expected of [['a'], ['a', 'b'], ['a', 'b', 'c']]) {
        lock.release();
        yield* settle();
        assert.deepEqual(order, expected);
      }
      assert.ok(tasks.every((task) => task.result()));
      lock.release();
      assert.equal(lock.locked(), false);
    },
  );

  test('lets nobody overtake who waits, the releaser least of all (B-LOCK-003)', function* () {
    const lock = new Lock();
    yield* lock.acquire();
    const waiting = lock.acquire();
    lock.release();
    assert.equal(lock.locked(), true);
    const newcomer = lock.acquire();
    assert.deepEqual([waiting.done(), newcomer.done()], [true, false]);
    lock.release();
    assert.equal(yield* newcomer, true);
    lock.release();
  });

  test('takes no notice of those who were cancelled (B-LOCK-003)', function* () {
    const lock = new Lock();
    yield* lock.acquire();
    const waiting = [lock.acquire(), lock.acquire()];
    for (const future of waiting) future.cancel();
    assert.equal(String(lock), '<Lock locked>');
    lock.release();
    assert.equal(lock.locked(), false);
    assert.equal(lock.acquire().done(), true);
  });

  it('cannot be released when it is not locked (B-LOCK-004)', () => {
    const lock = new Lock();
    assert.throws(() => lock.release(), { name: 'StateError', code: 'ERR_NOT_LOCKED' });
  });

  testBoth('passes on what a task was given that is cancelled before it ran (B-LOCK-006)', function* (spawn) {
    const lock = new Lock();
    yield* lock.acquire();
    const first = spawn(() => lock.acquire());
    const second = spawn(() => lock.acquire());
    yield* settle();
    lock.release();
    first.cancel();
    yield* settle();
    assert.equal(first.cancelled(), true);
    assert.equal(second.result(), true);
    assert.equal(lock.locked(), true);
    lock.release();
    assert.equal(lock.locked(), false);
  });

  testBoth(
    'is free again if the last who waited is cancelled after it was given (B-LOCK-006)',
    function* (spawn) {
      const lock = new Lock();
      yield* lock.acquire();
      const task = spawn(() => lock.acquire());
      yield* settle();
      lock.release();
      task.cancel();
      assert.equal(lock.locked(), false);
      yield* settle();
      assert.equal(task.cancelled(), true);
    },
  );

  testBoth(
    'goes to the next if the first is cancelled in the turn of the release (B-LOCK-006)',
    function* (spawn) {
      const lock = new Lock();
      yield* lock.acquire();
      const first = spawn(() => lock.acquire());
      const second = spawn(() => lock.acquire());
      yield* settle();
      first.cancel();
      lock.release();
      yield* settle();
      assert.deepEqual([first.cancelled(), second.done()], [true, true]);
    },
  );

  test('is not taken back from whoever has looked (B-LOCK-006)', function* () {
    const lock = new Lock();
    yield* lock.acquire();
    const shared = lock.acquire();
    const task = createTask(() => shared);
    yield;
    lock.release();
    assert.equal(shared.result(), true);
    task.cancel();
    yield* settle();
    assert.equal(shared.cancelled(), false);
    assert.equal(lock.locked(), true);
  });

  test('is delivered before a timeout that strikes in the same turn (B-WF-006)', function* () {
    const lock = new Lock();
    yield* lock.acquire();
    let reschedule: () => void = () => {};
    const task = createTask(() =>
      timeout(60_000, function* (scope) {
        reschedule = () => scope.reschedule(0);
        return yield* lock.acquire();
      }),
    );
    yield* settle();
    getRunningLoop().callSoon(() => lock.release());
    reschedule();
    assert.equal(yield* task, true);
    assert.equal(lock.locked(), true);
  });

  testBoth('is not waited for any longer when a timeout strikes', function* (spawn) {
    const lock = new Lock();
    yield* lock.acquire();
    const task = spawn(() => timeout(0, () => lock.acquire()));
    yield* wait([task]);
    assert.ok(task.exception() instanceof TimeoutError);
    assert.equal(String(lock), '<Lock locked>');
  });

  test('is held for the length of a body, which it gives nothing (B-LOCK-007)', function* () {
    const lock = new Lock();
    const result = yield* lock.use(function* (given?: unknown) {
      assert.equal(given, undefined);
      assert.equal(lock.locked(), true);
      yield;
      return 'result';
    });
    assert.equal(result, 'result');
    assert.equal(lock.locked(), false);
  });

  test('takes bodies of every kind, and runs them inside the present task (B-LOCK-007)', async () => {
    const lock = new Lock();
    const here = currentTask();
    const isHere = async () => {
      await null;
      return lock.locked() && currentTask() === here;
    };
    assert.equal(await lock.use(isHere), true);
    const other = new Lock();
    assert.equal(await lock.use(() => other.use(isHere)), true);
    const generated = await lock.use(function* () {
      yield;
      return 'generated';
    });
    assert.equal(generated, 'generated');
    assert.equal(lock.locked(), false);
  });

  test('takes bodies of every kind in a coroutine too (B-LOCK-007)', function* () {
    const lock = new Lock();
    const here = currentTask();
    const isHere = function* () {
      yield;
      return lock.locked() && currentTask() === here;
    };
    assert.equal(yield* lock.use(isHere), true);
    const other = new Lock();
    assert.equal(yield* lock.use(() => other.use(isHere)), true);
    const awaited = yield* lock.use(async () => {
      await null;
      return lock.locked() && currentTask() === here;
    });
    assert.equal(awaited, true);
    assert.equal(lock.locked(), false);
  });

  test('runs a body once, in either spelling (B-LOCK-007)', async () => {
    const lock = new Lock();
    const reused = { code: 'ERR_COROUTINE_REUSED' };
    const awaited = lock.use(async () => 'awaited');
    assert.equal(await awaited, 'awaited');
    assert.throws(() => [...awaited], reused);
    await assert.rejects(async () => await awaited, reused);
    const made = lock.use(function* () {
      yield;
    });
    await createTask(made);
    await assert.rejects(async () => await made, reused);
    const closed = lock.use(async () => assert.fail('it was closed'));
    closed.close();
    await assert.rejects(async () => await closed, reused);
    assert.equal(lock.locked(), false);
  });

  testBoth('is released when the body throws (B-LOCK-007)', function* (spawn) {
    const lock = new Lock();
    const bodies = [
      function* () {
        yield;
        throw new Error('failed');
      },
      async () => {
        throw new Error('failed');
      },
    ];
    for (const body of bodies) {
      const task = spawn(() => lock.use(body));
      yield* wait([task]);
      assert.match(String(task.exception()), /failed/);
      assert.equal(lock.locked(), false);
    }
  });

  testBoth('is released when the body is cancelled (B-LOCK-007)', function* (spawn) {
    const lock = new Lock();
    const bodies = [
      function* () {
        yield* sleep(60_000);
      },
      async () => {
        await sleep(60_000);
      },
    ];
    for (const body of bodies) {
      const task = spawn(() => lock.use(body));
      yield* settle();
      assert.equal(lock.locked(), true);
      task.cancel();
      yield* settle();
      assert.deepEqual([lock.locked(), task.cancelled()], [false, true]);
    }
  });

  test('is held until the end of a block with `using`, and released once (B-LOCK-007)', function* () {
    const lock = new Lock();
    {
      using held = yield* lock.hold();
      assert.equal(lock.locked(), true);
      const next = lock.hold();
      held.release();
      assert.equal(next.done(), true);
      // The end of the block must not take it from the next.
    }
    assert.equal(lock.locked(), true);
    lock.release();
    assert.equal(lock.locked(), false);
  });

  test('is released by `using` in an async function (B-LOCK-007)', async () => {
    const lock = new Lock();
    await lock.acquire();
    const inside = createTask(async () => {
      using _held = await lock.hold();
      return lock.locked();
    });
    await sleep(0);
    lock.release();
    assert.equal(await inside, true);
    assert.equal(lock.locked(), false);
  });

  test('cannot itself be waited for (B-LOCK-007)', function* () {
    const lock = new Lock();
    // @ts-expect-error not iterable
    assert.throws(() => [...lock], TypeError);
    // @ts-expect-error nothing a task can drive
    assert.throws(() => createTask(lock), TypeError);
    assert.equal('then' in lock, false);
    yield;
  });

  it('belongs to the loop in which it was made, or first waited for (B-LOCK-008)', async () => {
    const otherLoop = { code: 'ERR_OTHER_LOOP', message: /is bound to a different event loop/ };
    const early = new Lock();
    let late = early;
    await runSimulated(function* () {
      late = new Lock();
      yield* early.acquire();
      early.release();
    });
    await runSimulated(function* () {
      yield;
      for (const lock of [early, late]) {
        assert.throws(() => lock.acquire(), otherLoop);
        assert.throws(() => lock.acquire(), StateError);
        assert.throws(() => lock.hold(), otherLoop);
      }
    });
    assert.throws(() => new Lock().acquire(), { code: 'ERR_NO_RUNNING_LOOP' });
  });

  test('waits that are cancelled in the middle of a long line leave at once', function* () {
    const count = 100_000;
    const lock = new Lock();
    yield* lock.acquire();
    const line = Array.from({ length: count }, () => lock.acquire());
    const start = performance.now();
    for (let i = count / 2; i < count; i += 2) line[i]?.cancel();
    for (let i = count / 2 - 1; i >= 0; i -= 2) line[i]?.cancel();
    for (let i = 0; i < count / 2; i++) lock.release();
    // A search for each of them would take minutes.
    assert.ok(performance.now() - start < 5_000);
    assert.equal(String(lock), '<Lock locked>');
    assert.ok(line.every((future) => future.done()));
    lock.release();
    assert.equal(lock.locked(), false);
  });

  it('says what it is', () =>
    runSimulated(function* () {
      const lock = new Lock();
      assert.equal(String(lock), '<Lock unlocked>');
      yield* lock.acquire();
      const task = createTask(() => lock.acquire());
      yield;
      assert.equal(inspect(lock), '<Lock locked waiting=1>');
      assert.match(String(task), /waitFor=<Acquisition pending>/);
      lock.release();
      assert.equal(inspect(lock), '<Lock locked>');
    }));

  testBoth('refuses a body that is none', function* (spawn) {
    const lock = new Lock();
    // @ts-expect-error no function
    assert.throws(() => lock.use(5), TypeError);
    // @ts-expect-error nothing to wait for
    const task = spawn(() => lock.use(() => 5));
    yield* wait([task]);
    assert.ok(task.exception() instanceof TypeError);
    assert.equal(lock.locked(), false);
  });

  test('lets nobody else set the outcome of a wait', function* () {
    const lock = new Lock();
    yield* lock.acquire();
    const waiting = lock.acquire();
    assert.throws(() => waiting.setResult(true), StateError);
    assert.throws(() => waiting.setException(new Error('not its')), StateError);
    assert.equal(waiting.done(), false);
    lock.release();
    assert.equal(waiting.exception(), null);
  });
});
