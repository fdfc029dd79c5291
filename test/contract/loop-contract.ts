import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  coroutine,
  createTask,
  currentTask,
  Future,
  gather,
  sleep,
  Task,
  timeout,
  wrapFuture,
} from '../../src/coroutines/index.ts';
import {
  type EventLoop,
  type ExceptionContext,
  StateError,
  type Suspension,
  type TaskFactory,
  type TaskSource,
  type TimerHandle,
} from '../../src/interface/index.ts';
import { Context, ContextVar, copyContext, getEventLoop, getRunningLoop } from '../../src/loop/index.ts';
import { type RunnerOptions, run } from '../../src/runtime/index.ts';
import { collectGarbage } from '../support/collect-garbage.ts';
import { hostStandsStill, type LoopKind } from './kinds.ts';

type Steps<T = void> = Generator<Suspension, T, unknown>;

/** Longer than any test takes; ends one that would wait for ever. */
const limit = 20_000;
const farAway = 1e9;

const hasCode = (code: string) => (error: unknown) => error instanceof StateError && error.code === code;
const closed = hasCode('ERR_LOOP_CLOSED');
const running = hasCode('ERR_LOOP_RUNNING');

/** What every loop owes, whatever drives it: the standard without connections, which have suites of their own. */
export function testLoop(kind: LoopKind): void {
  const guestOnly = { skip: kind.blocks && hostStandsStill };
  const computingTakesTime = { skip: kind.simulated && 'what a simulated program computes takes it no time' };
  const { makeLoop, outside } = kind;
  const runHere = <T>(main: () => Steps<T>, options?: RunnerOptions) =>
    run(() => timeout(limit, main), { ...kind.options, ...options });
  const runAsync = <T>(main: () => Promise<T>, options?: RunnerOptions) =>
    run(() => timeout(limit, main), { ...kind.options, ...options });

  /** Keeps what is reported instead of printing it. */
  function collectReports(loop: EventLoop): ExceptionContext[] {
    const reports: ExceptionContext[] = [];
    loop.setExceptionHandler((_, context) => void reports.push(context));
    return reports;
  }

  describe(`the event loop on the ${kind} loop (B-EV-001, B-UV-001)`, () => {
    it('names its driver', () => {
      const loop = makeLoop();
      assert.equal(loop.driverName, kind.driver);
      assert.match(String(loop), new RegExp(`<EventLoop ${kind.driver} idle>`));
      loop.close();
      assert.match(String(loop), /closed/);
    });

    describe('callbacks', () => {
      it('run first in, first out, each exactly once, with their arguments (B-LOOP-003)', () => {
        const loop = makeLoop();
        const log: unknown[] = [];
        const say = (...args: unknown[]) => void log.push(args);
        loop.callSoon(say);
        loop.callSoon(say, 1);
        loop.callSoonThreadsafe(say, 2, 'b');
        loop.callSoonIn(undefined, say, 3);
        loop.enqueue({ run: say });
        assert.deepEqual(log, [], 'a callback ran inside the call that queued it');
        loop.runOnce(0);
        loop.runOnce(0);
        assert.deepEqual(log, [[], [1], [2, 'b'], [3], []]);
        loop.close();
      });

      it('do not run once cancelled, however often (B-LOOP-003)', () => {
        const loop = makeLoop();
        const log: string[] = [];
        const first = loop.callSoon(() => {
          log.push('first');
          third.cancel();
        });
        const second = loop.callSoon(() => log.push('second'));
        const third = loop.callSoon(() => log.push('third'));
        second.cancel();
        second.cancel();
        loop.runOnce(0);
        assert.deepEqual(log, ['first']);
        assert.deepEqual(
          [first, second, third].map((handle) => handle.cancelled()),
          [false, true, true],
        );
        first.cancel();
        assert.equal(first.cancelled(), false, 'a handle that has run was not cancelled');
        loop.close();
      });

      it('run in the next turn if a callback queued them (B-LOOP-004)', () => {
        const loop = makeLoop();
        const log: string[] = [];
        loop.callSoon(() => {
          log.push('a');
          loop.callSoon(() => log.push('queued by a'));
          loop.callAt(loop.time(), () => log.push('timer of a'));
        });
        loop.callSoon(() => log.push('b'));
        loop.runOnce(0);
        assert.deepEqual(log, ['a', 'b']);
        loop.runOnce(0);
        assert.deepEqual(log, ['a', 'b', 'queued by a', 'timer of a']);
        loop.close();
      });

      it('run one turn at a time by runOnce, though each queues the next (B-T13-002)', () => {
        const loop = makeLoop();
        let calls = 0;
        const again = () => {
          calls++;
          loop.callSoon(again);
        };
        loop.callSoon(again);
        for (let turns = 1; turns <= 3; turns++) {
          loop.runOnce(0);
          assert.equal(calls, turns);
        }
        loop.close();
      });

      it('keep order between callSoon and callSoonThreadsafe (B-EV-002)', () =>
        runHere(function* () {
          const loop = getRunningLoop();
          const log: number[] = [];
          const done = loop.createFuture<void>();
          for (let i = 0; i < 10; i++) {
            if (i % 2 === 0) loop.callSoon((n) => void log.push(n), i);
            else loop.callSoonThreadsafe((n) => void log.push(n), i);
          }
          loop.callSoon(() => done.setResult());
          yield* done;
          assert.deepEqual(log, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        }));

      it('must be functions', () => {
        const loop = makeLoop();
        for (const wrong of [undefined, null, {}, 'callback', coroutine(function* () {})()]) {
          const callback = wrong as unknown as () => void;
          assert.throws(() => loop.callSoon(callback), TypeError);
          assert.throws(() => loop.callSoonThreadsafe(callback), TypeError);
          assert.throws(() => loop.callSoonIn(undefined, callback), TypeError);
          assert.throws(() => loop.callLater(1, callback), TypeError);
          assert.throws(() => loop.callAt(1, callback), TypeError);
          assert.throws(() => loop.callAtIn(undefined, 1, callback), TypeError);
          assert.throws(() => loop.callRepeatedly(1, callback), TypeError);
          assert.throws(() => loop.addPrepare(callback), TypeError);
          assert.throws(() => loop.addCheck(callback), TypeError);
          assert.throws(() => loop.addSignalHandler('SIGWINCH', callback), TypeError);
          assert.throws(() => loop.runInExecutor(null, callback), TypeError);
        }
        assert.equal(loop.timeUntilNextTimer(), null);
        loop.close();
      });

      it('are released after the call and after the cancel (B-UV-002)', async () => {
        const loop = makeLoop();
        const scheduled = () => {
          const argument = {};
          const callback = (_argument: object) => {};
          return {
            soon: loop.callSoon(callback, argument),
            later: loop.callLater(farAway, callback, argument),
            refs: [new WeakRef(argument), new WeakRef(callback)],
          };
        };
        const { soon, later, refs } = scheduled();
        later.cancel();
        loop.runOnce(0);
        await collectGarbage();
        assert.deepEqual(
          refs.map((ref) => ref.deref()),
          [undefined, undefined],
        );
        assert.deepEqual([soon.cancelled(), later.cancelled()], [false, true]);
        loop.close();
      });

      it('leave an async function its microtasks before the next one runs', () =>
        runHere(function* () {
          const loop = getRunningLoop();
          const log: string[] = [];
          const done = loop.createFuture<void>();
          const resume = async () => {
            log.push('first');
            await null;
            log.push('first, after an await');
          };
          loop.callSoon(() => void resume());
          loop.callSoon(() => log.push('second'));
          loop.callSoon(() => process.nextTick(() => log.push('tick of the third')));
          loop.callLater(0, () => log.push('timer'));
          loop.callLater(0, () => done.setResult());
          yield* done;
          assert.deepEqual(log, ['first', 'first, after an await', 'second', 'tick of the third', 'timer']);
        }));

      it('survive a stress of threadsafe calls beside timers that are cancelled (B-UV-007)', () =>
        runHere(function* () {
          const loop = getRunningLoop();
          const count = 20_000;
          let called = 0;
          let fired = 0;
          const done = loop.createFuture<void>();
          const timers: TimerHandle[] = [];
          const next = () => {
            called++;
            timers.push(loop.callLater(called % 3, () => void fired++));
            if (called % 2 === 0) timers.pop()?.cancel();
            if (called === count) done.setResult();
            else loop.callSoonThreadsafe(next);
          };
          loop.callSoonThreadsafe(next);
          yield* done;
          while (loop.timeUntilNextTimer() !== null && fired < timers.length) yield* sleep(1);
          assert.deepEqual([called, fired], [count, count / 2]);
        }));
    });

    describe('timers', () => {
      it('fire in the order of their due times, equal ones in the order of the calls (B-EV-021)', () => {
        const loop = makeLoop();
        const now = loop.time();
        const log: string[] = [];
        for (const [when, name] of [
          [now, 'c'],
          [now - 5, 'a'],
          [now, 'd'],
          [now - 5, 'b'],
          [now, 'e'],
        ] as const) {
          loop.callAt(when, (said) => void log.push(said), name);
        }
        loop.runOnce(0);
        assert.equal(log.join(''), 'abcde');
        loop.close();
      });

      it('never fire before they are due, to the fraction of a millisecond (B-LOOP-006, B-UV-004)', () =>
        runHere(function* () {
          const loop = getRunningLoop();
          const early: string[] = [];
          const done = loop.createFuture<void>();
          let left = 60;
          const start = loop.time();
          for (let i = 0; i < left; i++) {
            const when = start + i * 0.137;
            loop.callAt(when, () => {
              const now = loop.time();
              if (now < when) early.push(`${when - now} ms`);
              if (--left === 0) done.setResult();
            });
          }
          yield* done;
          assert.deepEqual(early, []);
        }));

      it('are due at the next turn with a delay of 0 or less, never in the present one', () => {
        const loop = makeLoop();
        const log: string[] = [];
        loop.callSoon(() => {
          loop.callLater(0, () => log.push('zero'));
          loop.callLater(-5, () => log.push('negative'));
          loop.callLater(-Infinity, () => log.push('infinitely negative'));
        });
        loop.runOnce(0);
        assert.deepEqual(log, []);
        loop.runOnce(0);
        assert.deepEqual(log, ['infinitely negative', 'negative', 'zero']);
        loop.close();
      });

      it('fire behind what was queued', () => {
        const loop = makeLoop();
        const log: string[] = [];
        loop.callLater(0, () => log.push('timer'));
        loop.callSoon(() => log.push('queued'));
        loop.callAt(loop.time(), () => log.push('timer'));
        loop.runOnce(0);
        assert.deepEqual(log, ['queued', 'timer', 'timer']);
        loop.close();
      });

      it('are taken out when they are cancelled, and do not delay or hasten a wait (B-LOOP-007, B-LOOP-008)', () => {
        const loop = makeLoop();
        const timers = Array.from({ length: 250 }, (_, i) => loop.callLater(1000 + i, () => {}));
        const last = loop.callLater(farAway, () => {});
        assert.ok((loop.timeUntilNextTimer() as number) <= 1000);
        for (const timer of timers) timer.cancel();
        assert.ok((loop.timeUntilNextTimer() as number) > 2000);
        last.cancel();
        assert.equal(loop.timeUntilNextTimer(), null);
        loop.close();
      });

      it('tell their due time also when they are over, and were not cancelled if they fired (B-UV-006)', () => {
        const loop = makeLoop();
        const when = loop.time();
        const fired = loop.callAt(when, () => {});
        const cancelled = loop.callAt(when + 5, () => {});
        cancelled.cancel();
        loop.runOnce(0);
        fired.cancel();
        assert.deepEqual([fired.when(), fired.cancelled()], [when, false]);
        assert.deepEqual([cancelled.when(), cancelled.cancelled()], [when + 5, true]);
        loop.close();
      });

      it('do not fire if they are cancelled by a callback of the same turn', () => {
        const loop = makeLoop();
        const log: string[] = [];
        const timer = loop.callLater(0, () => log.push('timer'));
        loop.callSoon(() => timer.cancel());
        loop.runOnce(0);
        loop.runOnce(0);
        assert.deepEqual([log, timer.cancelled()], [[], true]);
        loop.close();
      });

      it('are refused for a time that is none', () => {
        const loop = makeLoop();
        const callback = () => {};
        for (const wrong of ['1', null, undefined, 1n] as unknown as number[]) {
          assert.throws(() => loop.callLater(wrong, callback), TypeError);
          assert.throws(() => loop.callAt(wrong, callback), TypeError);
          assert.throws(() => loop.callRepeatedly(wrong, callback), TypeError);
        }
        assert.throws(() => loop.callLater(NaN, callback), RangeError);
        assert.throws(() => loop.callAt(NaN, callback), RangeError);
        assert.throws(() => loop.callRepeatedly(NaN, callback), RangeError);
        assert.throws(() => loop.callRepeatedly(-1, callback), RangeError);
        assert.equal(loop.timeUntilNextTimer(), null);
        loop.close();
      });

      it('never fire with an infinite delay, and hold up no other', () =>
        runHere(function* () {
          const loop = getRunningLoop();
          const never = loop.callLater(Infinity, () => assert.fail('infinity has come'));
          yield* sleep(2);
          assert.equal(never.when(), Infinity);
          never.cancel();
        }));

      it('call again and again, one interval after each call, until cancelled (B-T13-003)', () =>
        runHere(function* () {
          const loop = getRunningLoop();
          const done = loop.createFuture<void>();
          const start = loop.time();
          let due = start + 2;
          const late: number[] = [];
          const timer = loop.callRepeatedly(
            2,
            (said: string) => {
              assert.equal(said, 'argument');
              late.push(loop.time() - due);
              if (late.length === 3) {
                timer.cancel();
                done.setResult();
              }
              due = loop.time() + 2;
            },
            'argument',
          );
          yield* done;
          yield* sleep(5);
          assert.equal(late.length, 3);
          assert.deepEqual(
            late.filter((lateness) => lateness < 0),
            [],
            'a call came before its interval was over',
          );
        }));

      it('end a repetition whose callback throws, and report it (B-T13-003)', () =>
        runHere(function* () {
          const loop = getRunningLoop();
          const reports = collectReports(loop);
          let calls = 0;
          const timer = loop.callRepeatedly(0, () => {
            calls++;
            throw new Error('of the callback');
          });
          while (!timer.cancelled()) yield* sleep(0);
          yield* sleep(2);
          assert.deepEqual([calls, reports.length], [1, 1]);
          assert.equal(reports[0]?.handle, timer);
        }));

      it('do not make the loop spin, however short the sleeps are (B-EV-018)', () =>
        runHere(function* () {
          const loop = getRunningLoop() as ReturnType<typeof makeLoop>;
          const delays = [1, 0.1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 0, -1];
          const before = loop.turns;
          for (const delay of delays) yield* sleep(delay);
          const turns = loop.turns - before;
          assert.ok(turns <= 5 * delays.length, `${turns} turns for ${delays.length} sleeps`);
        }));

      it('do not spin while the earliest is far away', () =>
        runHere(function* () {
          const loop = getRunningLoop() as ReturnType<typeof makeLoop>;
          const timers = [2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, 2 ** 40, farAway].map((delay) =>
            loop.callLater(delay, () => assert.fail(`the timer of ${delay} ms fired`)),
          );
          const before = loop.turns;
          yield* sleep(10);
          const turns = loop.turns - before;
          for (const timer of timers) timer.cancel();
          assert.ok(turns <= 10, `${turns} turns in 10 ms of sleep`);
        }));

      it(
        'see a clock that never goes back, and goes on during a callback (B-UV-003)',
        computingTakesTime,
        () =>
          runHere(function* () {
            const loop = getRunningLoop();
            yield;
            const start = loop.time();
            let last = start;
            for (let looks = 0; last === start; looks++) {
              assert.ok(looks < 1e8, 'the time stands still');
              const now = loop.time();
              assert.ok(now >= last);
              last = now;
            }
            assert.ok(last - start < limit, 'a look at the clock took no longer than the test');
          }),
      );
    });

    describe('stopping and closing', () => {
      it('stop ends a run after the present turn: what this turn queues is left (B-LOOP-009)', async () => {
        const log: string[] = [];
        const ended = run(function* () {
          const loop = getRunningLoop();
          loop.callSoon(() => {
            loop.callSoon(() => log.push('next turn'));
            loop.stop();
            loop.callSoon(() => log.push('next turn'));
            assert.equal(loop.isRunning(), true);
          });
          loop.callSoon(() => log.push(`same turn, running: ${loop.isRunning()}`));
          try {
            yield* loop.createFuture<void>();
          } finally {
            log.push('main was cancelled');
          }
        }, kind.options);
        await assert.rejects(ended, hasCode('ERR_LOOP_STOPPED'));
        // The run is closed after that, in turns of its own, which is when the queue is emptied.
        assert.equal(log[0], 'same turn, running: true');
        assert.deepEqual([...log].sort(), ['main was cancelled', 'next turn', 'next turn', log[0]].sort());
      });

      it('stop from outside any turn lets what is queued run first (B-LOOP-009)', guestOnly, async () => {
        const log: string[] = [];
        const ended = run(function* () {
          const loop = getRunningLoop();
          setImmediate(() => {
            loop.callSoon(() => {
              log.push('queued');
            });
            loop.stop();
            loop.stop();
          });
          yield* sleep(limit);
        }, kind.options);
        await assert.rejects(ended, hasCode('ERR_LOOP_STOPPED'));
        assert.deepEqual(log, ['queued']);
      });

      it('stop is harmless when nothing runs', () => {
        const loop = makeLoop();
        loop.stop();
        loop.runOnce(0);
        loop.close();
        loop.stop();
      });

      it('close is idempotent, and afterwards nothing can be scheduled or run (B-LOOP-001)', () => {
        const loop = makeLoop();
        const callback = () => assert.fail('a callback of a closed loop ran');
        loop.callSoon(callback);
        loop.callLater(0, callback);
        assert.equal(loop.isClosed(), false);
        loop.close();
        loop.close();
        assert.equal(loop.isClosed(), true);
        assert.equal(loop.isRunning(), false);
        const executor = { submit: () => assert.fail('submitted'), shutdown: () => Promise.resolve() };
        const refused: (() => unknown)[] = [
          () => loop.runForever(),
          () => loop.runUntilComplete(new Future({ loop })),
          () => loop.runOnce(0),
          () => loop.callSoon(callback),
          () => loop.callSoonIn(undefined, callback),
          () => loop.callSoonThreadsafe(callback),
          () => loop.enqueue({ run: callback }),
          () => loop.callLater(1, callback),
          () => loop.callAt(1, callback),
          () => loop.callAtIn(undefined, 1, callback),
          () => loop.callRepeatedly(1, callback),
          () => loop.addPrepare(callback),
          () => loop.addCheck(callback),
          () => loop.createTask(function* () {}),
          () => loop.runInExecutor(executor, callback),
          () => loop.addSignalHandler('SIGWINCH', callback),
          () => loop.addReader(0, callback),
          () => loop.addWriter(0, callback),
          () => loop.getaddrinfo('127.0.0.1', 80),
          () => loop.getnameinfo({ family: 4, host: '127.0.0.1', port: 80 }),
        ];
        for (const call of refused) assert.throws(call, closed, String(call));
        assert.equal(loop.removeReader(0), false);
        assert.equal(loop.removeWriter(0), false);
        assert.equal(loop.removeSignalHandler('SIGWINCH'), false);
        assert.equal(loop.timeUntilNextTimer(), null);
      });

      it('cannot run a closed loop (B-LOOP-001)', async () => {
        const loop = makeLoop();
        loop.close();
        await assert.rejects(
          run(function* () {}, { loopFactory: () => loop }),
          closed,
        );
      });

      it('cannot close a loop that runs (B-LOOP-002)', () =>
        runHere(function* () {
          const loop = getRunningLoop();
          assert.throws(() => loop.close(), running);
          loop.callSoon(() => assert.throws(() => loop.close(), running));
          yield;
          yield;
          assert.equal(loop.isClosed(), false);
        }));

      it('cannot close a loop in a turn made by hand (B-LOOP-002)', () => {
        const loop = makeLoop();
        const outcome: unknown[] = [];
        loop.callSoon(() => {
          try {
            loop.close();
          } catch (error) {
            outcome.push(error);
          }
        });
        loop.runOnce(0);
        assert.ok(running(outcome[0]));
        loop.close();
      });

      it('forgets a timer on close that is cancelled later', () => {
        const loop = makeLoop();
        const timer = loop.callLater(farAway, () => {});
        loop.close();
        timer.unref().ref();
        timer.cancel();
        assert.equal(timer.cancelled(), true);
      });

      it('refuses to run any loop while one runs, which goes on being the running one (B-LOOP-013)', () =>
        runAsync(async () => {
          const loop = getRunningLoop();
          const other = makeLoop();
          const refuse = async (where: string) => {
            for (const [nested, why] of [
              [loop, /already running/],
              [other, /another loop is running in this thread/],
            ] as const) {
              const attempts = [
                () => nested.runForever(),
                () => nested.runUntilComplete(sleep(0)),
                () => nested.runOnce(0),
              ];
              for (const attempt of attempts) {
                assert.throws(attempt, running, where);
                assert.throws(attempt, why, where);
              }
            }
            await assert.rejects(
              run(async () => {}, kind.options),
              running,
            );
            assert.equal(getRunningLoop(), loop);
          };
          await refuse('in a task');
          await new Promise<void>((resolve, reject) => {
            loop.callSoon(() => void refuse('in a callback').then(resolve, reject));
          });
          if (!kind.blocks) {
            await new Promise<void>((resolve, reject) => {
              setImmediate(() => void refuse('in a callback of the host').then(resolve, reject));
            });
          }
          other.close();
        }));

      it('can be turned by hand, but not from inside itself (B-LOOP-013)', () => {
        const loop = makeLoop();
        const outcomes: unknown[] = [];
        loop.callSoon(() => {
          try {
            loop.runOnce(0);
          } catch (error) {
            outcomes.push(error);
          }
          outcomes.push(getRunningLoop() === loop);
        });
        loop.runOnce(0);
        assert.ok(running(outcomes[0]));
        assert.equal(outcomes[1], true);
        assert.throws(() => getRunningLoop(), hasCode('ERR_NO_RUNNING_LOOP'));
        loop.close();
      });
    });

    describe('as the current loop', () => {
      it('is the running one everywhere in a run, and in no other place (B-EV-024)', async () => {
        assert.throws(() => getRunningLoop(), StateError);
        const seen: unknown[] = [];
        const look = () => seen.push(getRunningLoop(), getEventLoop());
        const loop = await runAsync(async () => {
          look();
          await sleep(0);
          look();
          await null;
          look();
          await new Promise<void>((resolve) => process.nextTick(resolve));
          look();
          const loop = getRunningLoop();
          await new Promise<void>((resolve) => {
            loop.callLater(0, () => {
              look();
              resolve();
            });
          });
          look();
          return loop;
        });
        assert.equal(seen.length, 12);
        assert.ok(seen.every((one) => one === loop));
        assert.throws(() => getRunningLoop(), StateError);
      });

      it('is the running one in callbacks of the host, too (B-EV-024)', guestOnly, () =>
        runAsync(async () => {
          const loop = getRunningLoop();
          for (const wait of [setImmediate, setTimeout]) {
            const seen = await new Promise<unknown>((resolve) => {
              wait(() => resolve(getRunningLoop()));
            });
            assert.equal(seen, loop);
            assert.equal(getRunningLoop(), loop);
          }
        }),
      );

      it('ends being it also when main, a callback and the exception handler throw', async () => {
        const ended = run(function* () {
          const loop = getRunningLoop();
          loop.setExceptionHandler(() => {
            throw new Error('of the handler');
          });
          loop.defaultExceptionHandler = () => {};
          loop.callSoon(() => {
            throw new Error('of a callback');
          });
          yield;
          yield;
          throw new RangeError('of main');
        }, kind.options);
        await assert.rejects(ended, /of main/);
        assert.throws(() => getRunningLoop(), hasCode('ERR_NO_RUNNING_LOOP'));
      });
    });

    describe('exceptions', () => {
      it('of a callback are reported with message, exception and handle, and the loop goes on (B-LOOP-014)', () => {
        const loop = makeLoop({ debug: false });
        const reports = collectReports(loop);
        const error = new Error('of the callback');
        let after = false;
        const handle = loop.callSoon(function failing() {
          throw error;
        });
        loop.callSoon(() => {
          after = true;
        });
        loop.runOnce(0);
        assert.equal(after, true);
        assert.deepEqual(reports, [{ message: 'Exception in callback failing', exception: error, handle }]);
        loop.close();
      });

      it('of timers, runnables and hooks are reported too (B-LOOP-014)', () => {
        const loop = makeLoop();
        const reports = collectReports(loop);
        const fail = (text: string) => () => {
          throw new Error(text);
        };
        loop.callLater(-1, fail('timer'));
        loop.enqueue({ run: fail('runnable') });
        const hooks = [loop.addPrepare(fail('prepare')), loop.addCheck(fail('check'))];
        loop.runOnce(0);
        for (const hook of hooks) hook.cancel();
        loop.runOnce(0);
        assert.deepEqual(
          reports.map(({ exception }) => (exception as Error).message),
          ['check', 'runnable', 'timer', 'prepare'],
        );
        loop.close();
      });

      it('that are no errors are reported as they are', () => {
        const loop = makeLoop();
        const reports = collectReports(loop);
        loop.callSoon(() => {
          // biome-ignore lint/style/useThrowOnlyError: what foreign code does
          throw null;
        });
        loop.runOnce(0);
        assert.equal(reports[0]?.exception, null);
        assert.ok('exception' in (reports[0] as ExceptionContext));
        loop.close();
      });

      it('come with the stack where the callback was scheduled in debug mode (B-LOOP-014)', () => {
        const loop = makeLoop({ debug: true });
        const reports = collectReports(loop);
        function schedulingFunction() {
          loop.callSoon(() => {
            throw new Error('of the callback');
          });
          loop.callLater(-1, () => {
            throw new Error('of the timer');
          });
        }
        schedulingFunction();
        loop.runOnce(0);
        assert.equal(reports.length, 2);
        for (const { sourceTrace } of reports) assert.match(sourceTrace ?? '', /schedulingFunction/);
        loop.close();
      });

      it('go to the handler that was set, with the loop; null restores the default (B-LOOP-016)', (t) => {
        const printed = t.mock.method(console, 'error', () => {});
        const loop = makeLoop();
        assert.equal(loop.getExceptionHandler(), null);
        const calls: unknown[][] = [];
        const handler = (...args: unknown[]) => void calls.push(args);
        loop.setExceptionHandler(handler);
        assert.equal(loop.getExceptionHandler(), handler);
        const context = { message: 'trouble' };
        loop.callExceptionHandler(context);
        assert.deepEqual(calls, [[loop, context]]);
        assert.equal(printed.mock.callCount(), 0);
        loop.setExceptionHandler(null);
        loop.callExceptionHandler(context);
        assert.equal(calls.length, 1);
        assert.equal(printed.mock.callCount(), 1);
        for (const wrong of [undefined, {}, 'print']) {
          assert.throws(() => loop.setExceptionHandler(wrong as unknown as null), TypeError);
        }
        loop.close();
      });

      it('of the handler go to the default one, with the original context (B-LOOP-017)', () => {
        const loop = makeLoop();
        const told: ExceptionContext[] = [];
        loop.defaultExceptionHandler = (context) => void told.push(context);
        const second = new Error('of the handler');
        loop.setExceptionHandler(() => {
          throw second;
        });
        const original = { message: 'original', exception: new Error('first') };
        loop.callExceptionHandler(original);
        assert.deepEqual(told, [
          { message: 'Unhandled error in exception handler', exception: second },
          original,
        ]);
        loop.close();
      });

      it('of the default handler are printed together with what it was told (B-LOOP-017)', (t) => {
        const printed = t.mock.method(console, 'error', () => {});
        const loop = makeLoop();
        loop.defaultExceptionHandler = () => {
          throw new Error('of the default handler');
        };
        let after = false;
        loop.callSoon(() => {
          throw new Error('of the callback');
        });
        loop.callSoon(() => {
          after = true;
        });
        loop.runOnce(0);
        const text = printed.mock.calls.map((call) => call.arguments.join(' ')).join('\n');
        assert.match(text, /of the default handler/);
        assert.match(text, /of the callback/);
        assert.equal(after, true);
        loop.close();
      });
    });

    describe('debug mode', () => {
      it('refuses functions of coroutines as callbacks (B-LOOP-021)', () => {
        const loop = makeLoop({ debug: true });
        for (const wrong of [function* () {}, async () => {}, async function* () {}]) {
          const callback = wrong as unknown as () => void;
          assert.throws(() => loop.callSoon(callback), TypeError);
          assert.throws(() => loop.callSoonThreadsafe(callback), TypeError);
          assert.throws(() => loop.callLater(1, callback), TypeError);
          assert.throws(() => loop.callAt(1, callback), TypeError);
          assert.throws(() => loop.callRepeatedly(1, callback), TypeError);
        }
        loop.close();
      });

      it('warns of a slow callback and names it (B-LOOP-022)', (t) => {
        const warned = t.mock.method(process, 'emitWarning', () => {});
        const loop = makeLoop();
        assert.equal(loop.slowCallbackDuration, 100);
        loop.slowCallbackDuration = 0;
        loop.callSoon(function silent() {});
        loop.runOnce(0);
        loop.setDebug(true);
        loop.callSoon(function culprit() {});
        loop.callLater(-1, function timer() {});
        loop.runOnce(0);
        loop.slowCallbackDuration = 1e9;
        loop.callSoon(function fast() {});
        loop.runOnce(0);
        const texts = warned.mock.calls.map((call) => call.arguments.join(' '));
        assert.equal(texts.length, 2);
        assert.match(texts[0] ?? '', /culprit.* took \d+\.\d ms.*SlowCallbackWarning/);
        assert.match(texts[1] ?? '', /timer/);
        loop.close();
      });

      it('warns of a slow step of a task and names the task (B-LOOP-022)', (t) => {
        const warned = t.mock.method(process, 'emitWarning', () => {});
        const loop = makeLoop({ debug: true });
        loop.slowCallbackDuration = 0;
        loop.createTask(
          (function* culprit(): Steps {
            yield;
          })(),
          { name: 'the slow task' },
        );
        loop.runOnce(0);
        assert.match(String(warned.mock.calls[0]?.arguments[0]), /the slow task/);
        loop.close();
      });

      it('can be switched at run time (B-LOOP-023)', () => {
        const loop = makeLoop({ debug: false });
        assert.equal(loop.getDebug(), false);
        loop.setDebug(true);
        assert.equal(loop.getDebug(), true);
        assert.match(String(loop), /debug/);
        loop.setDebug(false);
        assert.equal(loop.getDebug(), false);
        loop.close();
      });
    });

    describe('tasks', () => {
      it('are made by the task factory, which gets source, name and context (B-LOOP-018)', () =>
        runHere(function* () {
          const loop = getRunningLoop();
          const context = copyContext();
          const seen: unknown[][] = [];
          const factory: TaskFactory = (where, source, options) => {
            seen.push([where, source, options]);
            return new Task(source, { ...options, loop: where });
          };
          loop.setTaskFactory(factory);
          assert.equal(loop.getTaskFactory(), factory);
          function* body(): Steps<string> {
            yield;
            return 'result';
          }
          const source = body();
          const task = loop.createTask(source, { name: 'named', context });
          assert.deepEqual(seen, [[loop, source, { name: 'named', context }]]);
          assert.equal(task.getName(), 'named');
          assert.equal(yield* task, 'result');
          const awaited = createTask(body);
          assert.equal(seen.length, 2);
          yield* awaited;
          loop.setTaskFactory(null);
          assert.equal(loop.getTaskFactory(), null);
          yield* loop.createTask(body);
          assert.equal(seen.length, 2);
          for (const wrong of [undefined, {}, 1]) {
            assert.throws(() => loop.setTaskFactory(wrong as unknown as null), TypeError);
          }
        }));

      it('that a closed loop refuses leave the coroutine closed and unused (B-LOOP-019)', () => {
        const loop = makeLoop();
        loop.close();
        let ran = false;
        const refused = coroutine(function* () {
          ran = true;
          yield;
        })();
        assert.throws(() => loop.createTask(refused), closed);
        assert.throws(() => refused[Symbol.iterator](), hasCode('ERR_COROUTINE_REUSED'));
        assert.equal(ran, false);
      });

      it('keep context variables apart, each its own over its waits (B-CTX-001)', () =>
        runHere(function* () {
          const variable = new ContextVar('variable', { default: 'none' });
          variable.set('parent');
          const log: string[] = [];
          const generator = (name: string) =>
            function* (): Steps {
              log.push(variable.get());
              for (let i = 0; i < 3; i++) {
                variable.set(`${name}${i}`);
                yield* sleep(0);
                log.push(variable.get());
                yield* sleep(1);
                assert.equal(variable.get(), `${name}${i}`);
              }
            };
          const asynchronous = (name: string) => async () => {
            log.push(variable.get());
            for (let i = 0; i < 3; i++) {
              variable.set(`${name}${i}`);
              await sleep(0);
              log.push(variable.get());
              await new Promise<void>((resolve) => {
                if (kind.blocks) getRunningLoop().callSoon(resolve);
                else setImmediate(resolve);
              });
              assert.equal(variable.get(), `${name}${i}`);
              await null;
              assert.equal(variable.get(), `${name}${i}`);
            }
          };
          const names = ['a', 'b', 'c', 'd'];
          const sources: TaskSource<void>[] = names.map((name, i) =>
            i % 2 === 0 ? generator(name) : asynchronous(name),
          );
          yield* gather(sources.map((source) => createTask(source)));
          assert.equal(variable.get(), 'parent');
          assert.deepEqual(
            log.slice().sort(),
            [
              ...names.map(() => 'parent'),
              ...names.flatMap((name) => [0, 1, 2].map((i) => `${name}${i}`)),
            ].sort(),
          );
        }));
    });

    describe('context variables', () => {
      it('are seen in callbacks and timers as they were at the call, and set there for nobody else', () =>
        runHere(function* () {
          const loop = getRunningLoop();
          const variable = new ContextVar('variable', { default: 'none' });
          const log: string[] = [];
          const done = loop.createFuture<void>();
          const look = () => {
            log.push(variable.get());
            variable.set('changed');
          };
          variable.set('soon');
          loop.callSoon(look);
          variable.set('threadsafe');
          loop.callSoonThreadsafe(look);
          variable.set('later');
          loop.callLater(0, look);
          variable.set('at');
          loop.callAt(loop.time(), look);
          variable.set('end');
          loop.callLater(1, () => done.setResult());
          yield* done;
          assert.deepEqual(log, ['soon', 'threadsafe', 'later', 'at']);
          assert.equal(variable.get(), 'end');
        }));

      it('are inherited from callback to callback', () =>
        runHere(function* () {
          const loop = getRunningLoop();
          const variable = new ContextVar('depth', { default: 0 });
          const done = loop.createFuture<number>();
          const descend = () => {
            variable.set(variable.get() + 1);
            if (variable.get() === 5) done.setResult(variable.get());
            else loop.callSoon(descend);
          };
          loop.callSoon(descend);
          loop.callSoon(() => assert.equal(variable.get(), 0));
          assert.equal(yield* done, 5);
        }));

      it('are shared by callbacks and tasks that are given one context', () =>
        runHere(function* () {
          const loop = getRunningLoop();
          const variable = new ContextVar('variable', { default: 0 });
          const context = new Context();
          const increment = () => void variable.set(variable.get() + 1);
          loop.callSoonIn(context, increment);
          loop.callAtIn(context, loop.time(), increment);
          const task = loop.createTask(
            function* () {
              increment();
              yield* sleep(2);
              increment();
              return variable.get();
            },
            { context },
          );
          const result = yield* task;
          assert.deepEqual([result, context.get(variable), variable.get()], [4, 4, 0]);
          assert.equal(task.getContext(), context);
        }));

      it('are seen in done callbacks as they were when these were added', () =>
        runHere(function* () {
          const loop = getRunningLoop();
          const variable = new ContextVar('variable', { default: 'none' });
          const log: string[] = [];
          const future = loop.createFuture<void>();
          variable.set('added');
          future.addDoneCallback(() => void log.push(variable.get()));
          const context = new Context();
          context.run(() => variable.set('given'));
          future.addDoneCallback(() => void log.push(variable.get()), { context });
          variable.set('later');
          future.setResult();
          yield* sleep(1);
          assert.deepEqual(log, ['added', 'given']);
        }));

      it('are those of the failing callback or task in the exception handler', () =>
        runHere(function* () {
          const loop = getRunningLoop();
          const variable = new ContextVar('variable', { default: 'none' });
          const log: string[] = [];
          loop.setExceptionHandler(() => void log.push(variable.get()));
          const fail = () => {
            throw new Error('on purpose');
          };
          variable.set('callback');
          loop.callSoon(fail);
          variable.set('task');
          loop.createTask(function* (): Steps {
            yield;
            variable.set('inside the task');
            fail();
          });
          variable.set('main');
          yield* sleep(1);
          assert.deepEqual(log, ['callback', 'inside the task']);
        }));

      it('must be in a context of this library', () => {
        const loop = makeLoop();
        const foreign = { run() {}, copy() {} } as unknown as Context;
        assert.throws(() => loop.callSoonIn(foreign, () => {}), TypeError);
        assert.throws(() => loop.callAtIn(foreign, 1, () => {}), TypeError);
        assert.throws(() => loop.createTask(function* () {}, { context: foreign }), TypeError);
        assert.equal(loop.timeUntilNextTimer(), null);
        loop.close();
      });
    });

    const windows = process.platform === 'win32' ? 'this system has no signals of this kind' : false;

    describe('signal handlers', { skip: windows }, () => {
      it('run on the loop with their arguments, while it waits and while it works (B-EV-008)', () =>
        runHere(function* () {
          const loop = getRunningLoop();
          const received = loop.createFuture<unknown[]>();
          loop.addSignalHandler(
            'SIGWINCH',
            (...args) => received.setResult([...args, getRunningLoop()]),
            1,
            'b',
          );
          const longWait = loop.callLater(limit, () => {});
          outside.raise('SIGWINCH');
          assert.deepEqual(yield* received, [1, 'b', loop]);
          let twice = 0;
          loop.addSignalHandler('SIGWINCH', () => void twice++);
          outside.raise('SIGWINCH');
          while (twice === 0) yield;
          longWait.cancel();
          assert.equal(loop.removeSignalHandler('SIGWINCH'), true);
        }));

      it('are validated, and removing, by name and not by a handle, tells whether there was one (B-EV-007, B-T13-006)', () => {
        const loop = makeLoop();
        const add = (signal: unknown) => () => loop.addSignalHandler(signal as 'SIGWINCH', () => {});
        for (const wrong of [2, null, undefined, {}]) assert.throws(add(wrong), TypeError);
        for (const wrong of ['SIGNOTHING', 'sigusr2', '', 'constructor'])
          assert.throws(add(wrong), RangeError);
        for (const uncatchable of ['SIGKILL', 'SIGSTOP']) {
          assert.throws(add(uncatchable), hasCode('ERR_SIGNAL'));
          assert.equal(loop.removeSignalHandler(uncatchable as 'SIGKILL'), false);
        }
        const before = outside.caughtSignals(loop);
        assert.equal(loop.removeSignalHandler('SIGWINCH'), false);
        assert.equal(
          loop.addSignalHandler('SIGWINCH', () => {}),
          undefined,
        );
        assert.notEqual(outside.caughtSignals(loop), before);
        assert.equal(loop.removeSignalHandler('SIGWINCH'), true);
        assert.equal(loop.removeSignalHandler('SIGWINCH'), false);
        assert.equal(outside.caughtSignals(loop), before, 'the default action is not restored');
        loop.close();
      });

      it('are not coroutine functions, debug mode or not (B-UNIX-002)', () => {
        const loop = makeLoop({ debug: false });
        for (const wrong of [function* () {}, async () => {}]) {
          assert.throws(() => loop.addSignalHandler('SIGWINCH', wrong as () => void), TypeError);
        }
        assert.equal(loop.removeSignalHandler('SIGWINCH'), false);
        loop.close();
      });

      it('replace one another, and are not called once removed, though the signal has come (B-UNIX-002)', () =>
        runHere(function* () {
          const loop = getRunningLoop();
          const log: string[] = [];
          const done = loop.createFuture<void>();
          // None of these does anything by default. The first that is told removes the handler of the other.
          loop.addSignalHandler('SIGWINCH', () => void log.push('replaced'));
          for (const [signal, other] of [
            ['SIGWINCH', 'SIGCONT'],
            ['SIGCONT', 'SIGWINCH'],
          ] as const) {
            loop.addSignalHandler(signal, () => {
              log.push('called');
              loop.removeSignalHandler(other);
            });
          }
          loop.addSignalHandler('SIGURG', () => done.setResult());
          for (const signal of ['SIGWINCH', 'SIGCONT', 'SIGURG'] as const) outside.raise(signal);
          yield* done;
          assert.deepEqual(log, ['called']);
        }));

      it('run in the context of the call that added them', () =>
        runHere(function* () {
          const loop = getRunningLoop();
          const variable = new ContextVar('variable', { default: 'none' });
          const seen = loop.createFuture<string>();
          variable.set('added');
          loop.addSignalHandler('SIGWINCH', () => seen.setResult(variable.get()));
          variable.set('later');
          outside.raise('SIGWINCH');
          assert.equal(yield* seen, 'added');
        }));

      it('report what they throw', () =>
        runHere(function* () {
          const loop = getRunningLoop();
          const reported = loop.createFuture<ExceptionContext>();
          loop.setExceptionHandler((_, context) => reported.setResult(context));
          const error = new Error('of the handler');
          loop.addSignalHandler('SIGWINCH', () => {
            throw error;
          });
          outside.raise('SIGWINCH');
          assert.equal((yield* reported).exception, error);
        }));

      it('are all removed when the loop is closed (B-UNIX-003)', () => {
        // Node has handlers of its own for SIGINT and SIGTERM, and libuv never gives them back.
        const signals = ['SIGWINCH', 'SIGHUP', 'SIGUSR2'] as const;
        const loop = makeLoop();
        const before = outside.caughtSignals(loop);
        for (const signal of signals) loop.addSignalHandler(signal, () => {});
        assert.notEqual(outside.caughtSignals(loop), before);
        loop.close();
        assert.equal(outside.caughtSignals(loop), before);
      });
    });

    describe('being embedded', () => {
      it('tells how long its host may wait', () => {
        const loop = makeLoop();
        assert.equal(loop.timeUntilNextTimer(), null);
        loop.callLater(1000, () => {});
        const left = loop.timeUntilNextTimer() as number;
        assert.ok(left > 0 && left <= 1000);
        const due = loop.callLater(-1, () => {});
        assert.equal(loop.timeUntilNextTimer(), 0);
        due.cancel();
        loop.callSoon(() => {});
        assert.equal(loop.timeUntilNextTimer(), 0);
        loop.runOnce(0);
        assert.ok((loop.timeUntilNextTimer() as number) > 0);
        loop.wakeUp();
        loop.close();
      });

      it('calls its hooks around every turn, in order, until they are cancelled', () => {
        const loop = makeLoop();
        const log: string[] = [];
        const hooks = [
          loop.addPrepare(() => log.push('prepare')),
          loop.addCheck(() => log.push('check 1')),
          loop.addCheck(() => {
            log.push('check 2');
            assert.equal(getRunningLoop(), loop);
          }),
        ];
        loop.callSoon(() => log.push('callback'));
        loop.runOnce(0);
        assert.deepEqual(log.splice(0), ['check 1', 'check 2', 'callback', 'prepare']);
        hooks[1]?.cancel();
        assert.equal(hooks[1]?.cancelled(), true);
        loop.runOnce(0);
        assert.deepEqual(log.splice(0), ['check 2', 'prepare']);
        for (const hook of hooks) hook.cancel();
        loop.runOnce(0);
        assert.deepEqual(log, []);
        loop.close();
      });

      it('runs in the next turn what a hook queues', () =>
        runHere(function* () {
          const loop = getRunningLoop();
          const done = loop.createFuture<void>();
          const hook = loop.addPrepare(() => {
            hook.cancel();
            loop.callSoon(() => done.setResult());
          });
          yield* done;
        }));
    });

    describe('beside the host', () => {
      type Source = (queue: () => void) => void;

      /** Each of them queues callbacks, timers and results, and the loop sees it in time. */
      function* takesFrom(sources: readonly Source[]): Steps {
        const loop = getRunningLoop();
        for (const source of sources) {
          const soon = loop.createFuture<void>();
          source(() => loop.callSoon(() => soon.setResult()));
          yield* soon;
          const later = loop.createFuture<void>();
          source(() => loop.callLater(0, () => later.setResult()));
          yield* later;
          const direct = loop.createFuture<string>();
          source(() => direct.setResult('from outside'));
          assert.equal(yield* direct, 'from outside');
        }
      }

      it('takes what microtasks and ticks queue, at any time', () =>
        runHere(() =>
          takesFrom([
            (queue) => process.nextTick(queue),
            (queue) => queueMicrotask(queue),
            (queue) => void Promise.resolve().then(queue),
          ]),
        ));

      it('takes what callbacks of the host queue, at any time', guestOnly, () =>
        runHere(() =>
          takesFrom([
            (queue) => void setImmediate(queue),
            (queue) => void setTimeout(queue, 0),
            (queue) => void setImmediate(() => queueMicrotask(queue)),
            (queue) => void setTimeout(() => process.nextTick(queue), 0),
          ]),
        ),
      );

      it(
        'does not keep it from its timers and its I/O, though a task yields for ever (B-LOOP-004)',
        guestOnly,
        () =>
          runHere(function* () {
            let busy = true;
            const spinner = createTask(function* (): Steps {
              while (busy) yield;
            });
            const { readFile } = yield* wrapFuture(import('node:fs/promises'));
            const events = [
              new Promise<void>((resolve) => setTimeout(resolve, 5)),
              new Promise<void>((resolve) => setImmediate(resolve)),
              readFile(process.execPath, {
                flag: 'r',
                encoding: null,
                signal: AbortSignal.timeout(limit),
              }).then(() => {}),
            ];
            yield* wrapFuture(Promise.all(events));
            busy = false;
            yield* spinner;
          }),
      );

      it('does not let the host keep it from its turns', guestOnly, () =>
        runHere(function* () {
          let busy = true;
          const spin = () => {
            if (busy) setImmediate(spin);
          };
          spin();
          yield* sleep(2);
          for (let i = 0; i < 20; i++) yield;
          busy = false;
        }),
      );

      it('hands errors of microtasks and ticks to the process, not to a turn', () =>
        runHere(function* () {
          const loop = getRunningLoop();
          const caught = loop.createFuture<unknown>();
          const listeners = process.listeners('uncaughtException');
          process.removeAllListeners('uncaughtException');
          process.once('uncaughtException', (error) => caught.setResult(error));
          try {
            const error = new Error('of a tick');
            loop.callSoon(() =>
              process.nextTick(() => {
                throw error;
              }),
            );
            let after = false;
            loop.callSoon(() => {
              after = true;
            });
            assert.equal(yield* caught, error);
            assert.equal(after, true);
          } finally {
            process.removeAllListeners('uncaughtException');
            for (const listener of listeners) process.on('uncaughtException', listener);
          }
        }));
    });

    it('knows no task in a plain callback, and the right one in each step', () =>
      runHere(function* () {
        const loop = getRunningLoop();
        const seen = loop.createFuture<unknown>();
        const main = currentTask();
        assert.ok(main !== null);
        loop.callSoon(() => seen.setResult(currentTask()));
        assert.equal(yield* seen, null);
        assert.equal(currentTask(), main);
      }));
  });
}
