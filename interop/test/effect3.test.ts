import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { Clock, Context, Data, Effect, Exit, Fiber, Schedule } from 'effect3';
import { CancelledError, createTask, sleep, TimeoutError, timeout } from 'tulipa';
import { effectFrom, fx, loopLayer, loopScheduler } from 'tulipa/adapters/effect3';
import { assertRejects } from '../assert-rejects.ts';
import { row } from '../cells.ts';

class Wrong extends Data.TaggedError('Wrong')<{ readonly what: string }> {}

class Name extends Context.Tag('Name')<Name, string>() {}

// Its `Effect.never` keeps a timer of the host's.
row('effect 3', { globals: true }, (it) => {
  it('sleeps, races, retries and times out by the loop', function* (loop) {
    const begun = loop.time();
    let tries = 0;
    const flaky = Effect.suspend(() =>
      ++tries < 3 ? Effect.fail(new Wrong({ what: 'again' })) : Effect.succeed(tries),
    );
    const program = Effect.gen(function* () {
      yield* Effect.sleep('3 millis');
      const first = yield* Effect.race(
        Effect.as(Effect.sleep('2 millis'), 'fast'),
        Effect.as(Effect.sleep('1 hour'), 'slow'),
      );
      const retried = yield* Effect.retry(flaky, Schedule.spaced('2 millis'));
      const late = yield* Effect.exit(Effect.timeout(Effect.never, '2 millis'));
      const fibers = yield* Effect.forEach([1, 2, 3], (n) => Effect.as(Effect.sleep(n), n), {
        concurrency: 'unbounded',
      });
      return { first, retried, late: Exit.isFailure(late), fibers };
    });
    assert.deepEqual(yield* fx(program), { first: 'fast', retried: 3, late: true, fibers: [1, 2, 3] });
    assert.ok(loop.time() - begun >= 14, `${loop.time() - begun}`);
  });

  it('runs a whole program on the loop by the layer', function* (loop) {
    const begun = loop.time();
    const program = Effect.gen(function* () {
      const before = yield* Clock.currentTimeMillis;
      yield* Effect.sleep('5 millis');
      yield* Effect.yieldNow();
      return (yield* Clock.currentTimeMillis) - before;
    });
    const done = loop.createFuture<number>();
    Effect.runFork(program.pipe(Effect.provide(loopLayer()))).addObserver((exit) => {
      if (Exit.isSuccess(exit)) done.setResult(exit.value);
    });
    assert.ok((yield* done) >= 4.9);
    assert.ok(loop.time() - begun >= 5);
  });

  it('lets the loop turn between fibers that never wait', function* (loop) {
    let turned = false;
    loop.callSoon(() => {
      turned = true;
    });
    const busy = Effect.as(Effect.repeat(Effect.yieldNow(), { times: 50 }), 'done');
    const fiber = Effect.runFork(busy, { scheduler: loopScheduler() });
    assert.equal(turned, false);
    assert.equal(yield* fx(Fiber.join(fiber)), 'done');
    assert.equal(turned, true);
  });

  it('throws the error that an effect fails with, and its defect', function* () {
    yield* assertRejects(fx(Effect.fail(new Wrong({ what: 'it' }))), (error: unknown) => {
      return error instanceof Wrong && error.what === 'it';
    });
    const defect = new Error('defect');
    yield* assertRejects(fx(Effect.die(defect)), defect);
    yield* assertRejects(fx(Effect.interrupt), CancelledError);
    const exit: Exit.Exit<never, Wrong> = yield* fx(Effect.exit(Effect.fail(new Wrong({ what: 'typed' }))));
    assert.equal(Exit.isFailure(exit), true);
    assert.equal(
      yield* fx(
        Effect.catchTag(Effect.fail(new Wrong({ what: 'tag' })), 'Wrong', (e) => Effect.succeed(e.what)),
      ),
      'tag',
    );
  });

  it('runs effects that require services', async () => {
    const hello = Effect.map(Name, (name) => `Hello, ${name}`);
    assert.equal(await fx(hello, Context.make(Name, 'Tulip')), 'Hello, Tulip');
  });

  it('interrupts the fiber when the task is cancelled, and waits until it has cleaned up', function* () {
    const seen: string[] = [];
    const program = Effect.never.pipe(
      Effect.onInterrupt(() =>
        Effect.andThen(
          Effect.sleep('3 millis'),
          Effect.sync(() => seen.push('cleaned')),
        ),
      ),
    );
    const task = createTask(function* () {
      try {
        yield* fx(program);
      } catch (error) {
        seen.push(`thrown ${(error as CancelledError).reason}`);
        throw error;
      }
    });
    yield* sleep(1);
    task.cancel('enough');
    yield* assertRejects(task, CancelledError);
    assert.deepEqual(seen, ['cleaned', 'thrown enough']);
  });

  it('interrupts the fiber when a scope of an async function ends', async () => {
    let interrupted = false;
    const program = Effect.onInterrupt(Effect.never, () =>
      Effect.sync(() => {
        interrupted = true;
      }),
    );
    await assert.rejects(async () => {
      await timeout(2, async () => await fx(program));
    }, TimeoutError);
    assert.equal(interrupted, true);
  });

  it('waits for what cannot be interrupted', function* () {
    const seen: string[] = [];
    const region = Effect.andThen(
      Effect.sleep('20 millis'),
      Effect.sync(() => seen.push('ended')),
    );
    const task = createTask(function* () {
      yield* fx(Effect.uninterruptible(region));
    });
    yield* sleep(1);
    task.cancel();
    yield* assertRejects(task, CancelledError);
    assert.deepEqual(seen, ['ended']);
  });

  it('has futures, coroutines, functions and promises as effects', function* (loop) {
    const future = loop.createFuture<number>();
    loop.callLater(1, () => future.setResult(1));
    const counted = effectFrom(function* () {
      yield* sleep(1);
      return 3;
    });
    const program = Effect.gen(function* () {
      return [
        yield* effectFrom(future),
        yield* effectFrom(sleep(1, 2)),
        yield* counted,
        yield* counted,
        yield* effectFrom(async () => await sleep(1, 4)),
        yield* effectFrom(Promise.resolve(5)),
      ];
    });
    assert.deepEqual(yield* fx(program), [1, 2, 3, 3, 4, 5]);
  });

  it('has errors of ours as failures, typed where that is wished', function* () {
    const wrong = new Error('wrong');
    const failing = async () => {
      await sleep(1);
      throw wrong;
    };
    yield* assertRejects(fx(effectFrom(failing)), wrong);
    const typed: Effect.Effect<never, Wrong> = effectFrom<never, Wrong>(failing, {
      catch: (error) => new Wrong({ what: (error as Error).message }),
    });
    assert.equal(yield* fx(Effect.catchTag(typed, 'Wrong', (error) => Effect.succeed(error.what))), 'wrong');
    const broken = effectFrom(failing, {
      catch: () => {
        throw new RangeError('broken');
      },
    });
    yield* assertRejects(fx(broken), RangeError);
  });

  it('cancels the task when the fiber is interrupted, and waits until it has cleaned up', function* () {
    const seen: unknown[] = [];
    const program = effectFrom(function* () {
      try {
        yield* sleep(1000);
      } catch (error) {
        yield* sleep(2);
        seen.push(`cleaned ${(error as CancelledError).reason}`);
        throw error;
      }
    });
    const exit = yield* fx(
      Effect.gen(function* () {
        const fiber = yield* Effect.fork(program);
        yield* Effect.sleep('1 millis');
        yield* Fiber.interrupt(fiber);
        seen.push('interrupted');
        return yield* Fiber.await(fiber);
      }),
    );
    assert.equal(Exit.isInterrupted(exit), true);
    assert.deepEqual(seen, ['cleaned interrupted', 'interrupted']);
  });

  it('cancels by a time-out of Effect', async () => {
    let cancelled = false;
    const program = effectFrom(async () => {
      try {
        await sleep(1000);
      } finally {
        cancelled = true;
      }
    });
    await assert.rejects(async () => await fx(Effect.timeout(program, '2 millis')), {
      _tag: 'TimeoutException',
    });
    assert.equal(cancelled, true);
  });

  it('interrupts the fiber when somebody cancels what it waits for', function* (loop) {
    const future = loop.createFuture<void>();
    loop.callLater(1, () => future.cancel('by somebody'));
    const exit = yield* fx(Effect.exit(Effect.fork(effectFrom(future)).pipe(Effect.flatMap(Fiber.await))));
    assert.equal(Exit.isSuccess(exit) && Exit.isInterrupted(exit.value), true);
  });

  it('keeps the stores of AsyncLocalStorage: in effects, in tasks, and behind the await', async () => {
    const storage = new AsyncLocalStorage<string>();
    const look = Effect.sync(() => storage.getStore());
    await storage.run('ours', async () => {
      const seen = await fx(
        Effect.gen(function* () {
          const atOnce = yield* look;
          yield* Effect.yieldNow();
          const yielded = yield* look;
          yield* Effect.sleep('1 millis');
          const slept = yield* look;
          const inTask = yield* effectFrom(() => sleep(1, 'done'));
          const waited = yield* look;
          const child = yield* Effect.fork(Effect.andThen(Effect.yieldNow(), look));
          return [atOnce, yielded, slept, inTask, waited, yield* Fiber.join(child)];
        }),
      );
      assert.deepEqual(seen, ['ours', 'ours', 'ours', 'done', 'ours', 'ours']);
      assert.equal(storage.getStore(), 'ours');
    });
  });
});
