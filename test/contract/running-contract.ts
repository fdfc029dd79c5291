import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { coroutine, createTask, currentTask, Future, gather, sleep } from '../../src/coroutines/index.ts';
import { type ExceptionContext, StateError, type Suspension } from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { type EventLoop, run } from '../../src/runtime/index.ts';
import { runToEnd } from '../support/run-to-end.ts';
import type { LoopKind } from './kinds.ts';

type Steps<T = void> = Generator<Suspension, T, unknown>;
type Loop = EventLoop;

const farAway = 1e9;
const hasCode = (code: string) => (error: unknown) => error instanceof StateError && error.code === code;
const running = hasCode('ERR_LOOP_RUNNING');
const stopped = hasCode('ERR_LOOP_STOPPED');
const noMicrotasks = hasCode('ERR_NO_MICROTASKS');

/** Calls it from the host's loop, outside of any promise reaction: only there a blocked thread can run others. */
function fromHost(callback: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    setImmediate(() => {
      try {
        callback();
        resolve();
      } catch (error) {
        reject(error);
      }
    });
  });
}

/**
 * What a loop owes that owns its thread: PEP 3156's ways to run one, which a loop that is always a guest refuses
 * (test/runtime/not-supported.test.ts).
 */
export function testRunning(kind: LoopKind): void {
  const { makeLoop, outside } = kind;

  /** With a loop of its own, called by the host. */
  function test(name: string, body: (loop: Loop) => void): void {
    it(name, () =>
      fromHost(() => {
        const loop = makeLoop();
        try {
          body(loop);
          assert.equal(loop.isRunning(), false);
          assert.throws(() => getRunningLoop(), hasCode('ERR_NO_RUNNING_LOOP'));
        } finally {
          loop.close();
        }
      }),
    );
  }

  describe(`runForever on the ${kind} loop`, () => {
    test('goes on until stop, and with the turn that is under way: what this queues is kept for the next run (B-LOOP-009)', (loop) => {
      const log: string[] = [];
      const when = loop.time() + 2;
      loop.callAt(when, () => {
        loop.callSoon(() => log.push('next turn'));
        loop.stop();
        loop.stop();
        log.push(`stopped, running: ${loop.isRunning()}`);
        loop.callSoon(() => log.push('next turn, too'));
      });
      loop.callAt(when, () => log.push('same turn'));
      loop.runForever();
      assert.deepEqual(log.splice(0), ['stopped, running: true', 'same turn']);
      loop.callLater(2, () => loop.stop());
      loop.runForever();
      assert.deepEqual(log, ['next turn', 'next turn, too']);
    });

    test('stopped before it begins polls once, runs what is ready and returns (B-LOOP-009)', (loop) => {
      const log: string[] = [];
      loop.callSoon(() => {
        log.push('ready');
        loop.callSoon(() => log.push('queued'));
      });
      loop.callLater(farAway, () => {});
      loop.stop();
      loop.runForever();
      assert.deepEqual(log.splice(0), ['ready']);
      // That was for one run only.
      loop.callLater(2, () => loop.stop());
      loop.runForever();
      assert.deepEqual(log, ['queued']);
    });

    test('can be stopped from a microtask, a task and an async function', (loop) => {
      const log: string[] = [];
      loop.callSoon(() => queueMicrotask(() => loop.stop()));
      loop.runForever();
      loop.createTask(function* () {
        yield* sleep(1);
        log.push('task');
        loop.stop();
      });
      loop.runForever();
      loop.createTask(async () => {
        await sleep(1);
        await null;
        log.push('async function');
        loop.stop();
      });
      loop.runForever();
      assert.deepEqual(log, ['task', 'async function']);
    });

    test('is the running loop meanwhile, and cannot be closed (B-LOOP-002)', (loop) => {
      const seen: unknown[] = [];
      loop.callSoon(() => {
        seen.push(getRunningLoop(), loop.isRunning(), String(loop).includes('running'));
        assert.throws(() => loop.close(), running);
        loop.stop();
      });
      loop.runForever();
      assert.deepEqual(seen, [loop, true, true]);
      assert.equal(loop.isClosed(), false);
    });

    test('refuses to be nested, and so does any other loop; the running one stays it (B-LOOP-013)', (loop) => {
      const other = makeLoop();
      const refused: Promise<unknown>[] = [];
      loop.callSoon(() => {
        for (const [nested, why] of [
          [loop, /already running/],
          [other, /another loop is running in this thread/],
        ] as const) {
          for (const attempt of [
            () => nested.runForever(),
            () => nested.runUntilComplete(sleep(0)),
            () => nested.runUntilComplete(nested.createFuture()),
            () => nested.runOnce(0),
            () => nested.runOnce(),
          ]) {
            assert.throws(attempt, running);
            assert.throws(attempt, why);
          }
        }
        refused.push(assert.rejects(run(sleep(0), kind.options), running));
        assert.equal(getRunningLoop(), loop);
        loop.stop();
      });
      const reports: ExceptionContext[] = [];
      loop.setExceptionHandler((_, context) => void reports.push(context));
      loop.runForever();
      other.close();
      assert.deepEqual([reports, refused.length], [[], 1]);
    });

    test('goes on when a callback throws, which is reported (B-LOOP-014)', (loop) => {
      const reports: unknown[] = [];
      loop.setExceptionHandler((_, { exception }) => void reports.push(exception));
      const error = new Error('of a callback');
      loop.callSoon(() => {
        throw error;
      });
      loop.callLater(1, () => loop.stop());
      loop.runForever();
      assert.deepEqual(reports, [error]);
    });

    it('hands what ticks and microtasks throw to the process, and goes on (B-LOOP-012)', async () => {
      const listeners = process.listeners('uncaughtException');
      process.removeAllListeners('uncaughtException');
      const caught: string[] = [];
      process.on('uncaughtException', ({ message }) => void caught.push(message));
      try {
        await fromHost(() => {
          const loop = makeLoop();
          const fail = (message: string) => () => {
            throw new Error(message);
          };
          loop.callSoon(() => {
            process.nextTick(fail('tick'));
            process.nextTick(fail('second tick'));
            queueMicrotask(fail('microtask'));
          });
          loop.callSoon(() => caught.push('next callback'));
          loop.callLater(1, () => loop.stop());
          loop.runForever();
          assert.equal(caught.pop(), 'next callback');
          assert.deepEqual(caught.sort(), ['microtask', 'second tick', 'tick']);
          loop.close();
        });
        // What such an error leaves behind in Node shows in the next turn of its loop.
        await fromHost(() => {});
      } finally {
        process.removeAllListeners('uncaughtException');
        for (const listener of listeners) process.on('uncaughtException', listener);
      }
    });

    it('lets nothing of the host happen, which goes on afterwards', async () => {
      const log: string[] = [];
      let seen: Promise<void>[] = [];
      await fromHost(() => {
        const loop = makeLoop();
        seen = [
          new Promise((resolve) => setImmediate(() => resolve(void log.push('immediate')))),
          new Promise((resolve) => setTimeout(() => resolve(void log.push('timeout')), 0)),
        ];
        loop.runUntilComplete(sleep(5));
        log.push('ended');
        loop.close();
      });
      await Promise.all(seen);
      assert.equal(log[0], 'ended');
      assert.deepEqual([...log].sort(), ['ended', 'immediate', 'timeout']);
    });

    const windows = process.platform === 'win32' ? 'this system has no signals of this kind' : false;

    it('is woken from a long wait by a signal (B-EV-008)', { skip: windows }, async () => {
      let end = async () => {};
      await fromHost(() => {
        const loop = makeLoop();
        end = outside.raiseWhileWaiting(loop, 'SIGWINCH');
        const log: unknown[] = [];
        loop.addSignalHandler(
          'SIGWINCH',
          (...args) => {
            log.push(...args, getRunningLoop() === loop);
            loop.stop();
          },
          'argument',
        );
        loop.runForever();
        loop.close();
        assert.deepEqual(log, ['argument', true]);
      });
      await end();
    });
  });

  describe(`runUntilComplete on the ${kind} loop`, () => {
    test('returns what it is given, whatever can be waited for', (loop) => {
      const work = coroutine(function* (result: string): Steps<string> {
        yield* sleep(1);
        return result;
      });
      assert.equal(loop.runUntilComplete(work('coroutine')), 'coroutine');
      assert.equal(
        loop.runUntilComplete(function* () {
          return yield* work('generator function');
        }),
        'generator function',
      );
      assert.equal(
        loop.runUntilComplete(async () => {
          await null;
          return await work('async function');
        }),
        'async function',
      );
      assert.equal(loop.runUntilComplete(loop.createTask(work('task'))), 'task');
      const future = loop.createFuture<string>();
      loop.callLater(1, () => future.setResult('future'));
      assert.equal(loop.runUntilComplete(future), 'future');
      assert.equal(loop.runUntilComplete(future), 'future', 'a future that is done already');
      assert.equal(
        loop.runUntilComplete(new Promise<string>((resolve) => loop.callLater(1, resolve, 'promise'))),
        'promise',
      );
    });

    test('throws what it ends with', (loop) => {
      const error = new RangeError('of main');
      const generator = function* (): Steps {
        yield* sleep(0);
        throw error;
      };
      const asynchronous = async () => {
        await sleep(0);
        throw error;
      };
      for (const main of [generator, asynchronous])
        assert.throws(
          () => loop.runUntilComplete<void>(main),
          (thrown) => thrown === error,
        );
      const cancelled = loop.createTask(sleep(farAway));
      loop.callSoon(() => void cancelled.cancel());
      assert.throws(() => loop.runUntilComplete(cancelled), { code: 'ERR_CANCELLED' });
    });

    test('refuses what cannot be waited for, and futures of another loop (B-LOOP-011)', (loop) => {
      for (const wrong of [undefined, null, 1, 'main', {}, []])
        assert.throws(() => loop.runUntilComplete(wrong as never), TypeError);
      const other = makeLoop();
      assert.throws(() => loop.runUntilComplete(new Future({ loop: other })), RangeError);
      other.close();
    });

    test('that is stopped before leaves its task pending, for a later run to complete (B-TASK-041)', (loop) => {
      const gate = loop.createFuture<string>();
      const task = loop.createTask(function* () {
        return yield* gate;
      });
      loop.callLater(1, () => loop.stop());
      assert.throws(() => loop.runUntilComplete(task), stopped);
      assert.equal(task.done(), false);
      // Its end, in a later run, does not end that.
      gate.setResult('completed');
      assert.equal(
        loop.runUntilComplete(function* () {
          yield* sleep(2);
          return task.done();
        }),
        true,
      );
      assert.equal(loop.runUntilComplete(task), 'completed');
    });

    test('leaves other tasks where they are, and goes on with them in the next run', (loop) => {
      const log: string[] = [];
      loop.createTask(function* () {
        log.push('began');
        yield* sleep(5);
        log.push('went on');
        loop.stop();
      });
      loop.runUntilComplete(sleep(0));
      assert.deepEqual(log, ['began']);
      loop.runForever();
      assert.deepEqual(log, ['began', 'went on']);
    });

    test('lets promises make progress, as well as tasks of every kind', (loop) => {
      const results = loop.runUntilComplete(async () => {
        const main = currentTask();
        const found = await gather([
          createTask(function* () {
            yield* sleep(1);
            return 'generator';
          }),
          createTask(async () => {
            for (let i = 0; i < 10; i++) await Promise.resolve();
            return 'async';
          }),
        ]);
        assert.equal(currentTask(), main);
        return found;
      });
      assert.deepEqual(results, ['generator', 'async']);
    });
  });

  describe(`inside a promise reaction, on the ${kind} loop`, () => {
    /** There, where nothing runs another one before this returns. */
    async function inReaction(callback: (loop: Loop) => void): Promise<void> {
      await Promise.resolve();
      const loop = makeLoop();
      try {
        callback(loop);
      } finally {
        loop.close();
      }
    }

    it('coroutines of generators run as ever', () =>
      inReaction((loop) => {
        const main = function* (): Steps<string[]> {
          const found = loop.createTask(function* () {
            yield* sleep(1);
            return 'task';
          });
          const [address] = yield* loop.getaddrinfo('localhost', 80, { family: 4 });
          return [yield* found, address?.host ?? ''];
        };
        assert.deepEqual(loop.runUntilComplete(main), ['task', '127.0.0.1']);
        loop.callLater(1, () => loop.stop());
        loop.runForever();
      }));

    it('async functions and promises are refused at once, instead of waiting for ever', () =>
      inReaction((loop) => {
        let called = false;
        const asynchronous = async () => {
          called = true;
        };
        assert.throws(() => loop.runUntilComplete(asynchronous), noMicrotasks);
        assert.throws(() => loop.runUntilComplete(Promise.resolve()), noMicrotasks);
        loop.runUntilComplete(function* () {
          assert.throws(() => loop.createTask(asynchronous), noMicrotasks);
          yield;
        });
        assert.equal(called, false);
      }));

    it('they are made to tasks again afterwards', async () => {
      const loop = makeLoop();
      loop.runUntilComplete(sleep(0));
      const task = loop.createTask(async () => 'async');
      await fromHost(() => assert.equal(loop.runUntilComplete(task), 'async'));
      loop.close();
    });

    it('the top level of a module is one, and `await run` works there', async () => {
      const { stdout, stderr, code } = await runToEnd('test/support/programs/blocking-top-level.ts', [
        kind.driver,
      ]);
      assert.deepEqual([stdout, stderr, code], ['generator\nERR_NO_MICROTASKS\nawaited\n', '', 0]);
    });
  });

  describe(`runOnce on the ${kind} loop`, () => {
    test('waits as long as it is told, if nothing happens, and no shorter', (loop) => {
      for (const timeout of [3, 0.5]) {
        const before = loop.time();
        loop.runOnce(timeout);
        assert.ok(loop.time() >= before + timeout);
      }
      loop.callLater(farAway, () => assert.fail('the timer fired'));
      loop.runOnce(1);
    });

    test('does not wait with 0 or less, nor when something is queued', (loop) => {
      const log: string[] = [];
      loop.callLater(farAway, () => {});
      loop.runOnce(0);
      loop.runOnce(-1);
      loop.callSoon(() => log.push('queued'));
      loop.runOnce();
      loop.callSoon(() => log.push('queued'));
      loop.runOnce(farAway);
      assert.deepEqual(log, ['queued', 'queued']);
    });

    test('waits for the earliest timer without a limit, and runs it', (loop) => {
      const log: string[] = [];
      loop.callLater(2, () => log.push('timer'));
      loop.runOnce();
      assert.deepEqual(log, ['timer']);
      loop.callLater(2, () => log.push('timer'));
      loop.runOnce(farAway);
      assert.deepEqual(log, ['timer', 'timer']);
    });

    test('is woken by wakeUp, with nothing to do', (loop) => {
      loop.callLater(farAway, () => assert.fail('the timer fired'));
      loop.wakeUp();
      loop.wakeUp();
      loop.runOnce();
      loop.callSoonThreadsafe(() => {});
      loop.runOnce();
      // A wake is for one wait: this one is over by its limit.
      const before = loop.time();
      loop.runOnce(0);
      loop.runOnce(2);
      assert.ok(loop.time() >= before + 2);
    });

    test('must be given a time', (loop) => {
      for (const wrong of ['1', 1n, {}]) assert.throws(() => loop.runOnce(wrong as never), TypeError);
      assert.throws(() => loop.runOnce(NaN), RangeError);
    });

    test('turns once: what a callback queues is for the next (B-T13-002)', (loop) => {
      const log: string[] = [];
      loop.callSoon(() => {
        log.push('first');
        loop.callSoon(() => log.push('second'));
      });
      loop.runOnce();
      assert.deepEqual(log, ['first']);
      loop.runOnce();
      assert.deepEqual(log, ['first', 'second']);
    });
  });

  it(`a loop that was run by hand, on the ${kind} loop, can be run by run, which closes it`, async () => {
    const loop = makeLoop();
    await fromHost(() => loop.runUntilComplete(sleep(0)));
    assert.equal(
      await run(async () => getRunningLoop() === loop, { ...kind.options, loopFactory: () => loop }),
      true,
    );
    assert.equal(loop.isClosed(), true);
    await fromHost(() => {
      for (const attempt of [
        () => loop.runForever(),
        () => loop.runUntilComplete(sleep(0)),
        () => loop.runOnce(0),
      ])
        assert.throws(attempt, hasCode('ERR_LOOP_CLOSED'));
    });
  });
}
