import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { createTask, Future, gather, isFuture, sleep, type Task } from '../../src/coroutines/index.ts';
import {
  CancelledError,
  type ExceptionContext,
  futureMarker,
  InvalidStateError,
  StateError,
  type Suspension,
} from '../../src/interface/index.ts';
import { type Context, ContextVar, copyContext, getRunningLoop, setEventLoop } from '../../src/loop/index.ts';
import { newEventLoop, run } from '../../src/runtime/index.ts';
import { collectGarbage } from '../support/collect-garbage.ts';
import { both, collectReports, inLoop, inTask, settle, thrown } from './spellings.ts';

class BadWeather extends Error {}

describe('Future', () => {
  inLoop('is iterated to its end once, and has nothing more to give', () => {
    const future = new Future<string>();
    const iterator = future[Symbol.iterator]();
    assert.equal(iterator.next().value, future);
    future.setResult('result');
    const last = iterator.next();
    assert.deepEqual([last.done, last.value], [true, 'result']);
    const after = iterator.next();
    assert.deepEqual([after.done, after.value], [true, undefined]);
  });

  describe('the outcome', () => {
    inLoop('of a fresh one is none, and asking for it throws (B-FUT-001)', () => {
      const future = new Future();
      assert.equal(future.done(), false);
      assert.equal(future.cancelled(), false);
      assert.throws(() => future.result(), InvalidStateError);
      assert.throws(() => future.exception(), { code: 'ERR_INVALID_STATE', message: /^Cannot get / });
    });

    inLoop('is settled by the first cancel, and by no later one (B-FUT-002)', () => {
      const future = new Future();
      assert.equal(future.cancel('one'), true);
      assert.equal(future.cancelled(), true);
      assert.equal(future.done(), true);
      assert.equal(future.cancel('two'), false);
      assert.throws(() => future.result(), { reason: 'one' });
    });

    inLoop('of a cancelled one is thrown by both getters (B-FUT-003)', () => {
      const future = new Future();
      future.cancel();
      assert.throws(() => future.result(), CancelledError);
      assert.throws(() => future.exception(), CancelledError);
    });

    inLoop('cannot be set twice, and the first stands (B-FUT-004)', () => {
      const finished = new Future<number>();
      finished.setResult(1);
      assert.throws(() => finished.setResult(2), InvalidStateError);
      assert.throws(() => finished.setException(new BadWeather()), InvalidStateError);
      assert.equal(finished.cancel(), false);
      assert.equal(finished.result(), 1);

      const failed = new Future<number>();
      const error = new BadWeather();
      failed.setException(error);
      assert.throws(() => failed.setResult(2), InvalidStateError);
      assert.equal(failed.exception(), error);

      const cancelled = new Future<number>();
      cancelled.cancel();
      assert.throws(() => cancelled.setResult(2), {
        message: 'Cannot set the result: the future is cancelled',
      });
      assert.throws(() => cancelled.setException(new BadWeather()), InvalidStateError);
      assert.equal(cancelled.cancelled(), true);
    });

    inLoop('of a result has no exception (B-FUT-006)', () => {
      const future = new Future<number>();
      future.setResult(1);
      assert.equal(future.exception(), null);
    });

    inLoop('given as the class of an error is an instance of it (B-FUT-007)', () => {
      const future = new Future();
      future.setException(BadWeather);
      assert.ok(future.exception() instanceof BadWeather);
      const plain = new Future();
      plain.setException(Error);
      assert.ok(plain.exception() instanceof Error);
    });

    both('may be any thrown value: in JavaScript none corrupts a wait (B-FUT-008, differs)', function* () {
      const notAnError = () => {};
      for (const value of [undefined, null, 0, 'text', { then: 1 }, notAnError, new StateError('X', 'x')]) {
        const future = new Future();
        future.setException(value);
        assert.equal(yield* thrown(future), value);
        assert.throws(
          () => future.result(),
          (error) => error === value,
        );
      }
    });

    both('carries the reason of a cancel to whoever waits (B-FUT-009)', function* (spelled) {
      const future = new Future();
      const waiting = yield* spelled.started(function* () {
        const error = yield* thrown(future);
        assert.ok(error instanceof CancelledError);
        assert.equal(error.reason, 'enough');
        assert.equal(error.message, 'Cancelled: enough');
        assert.equal(error.scope, null);
      });
      future.cancel('enough');
      yield waiting;
    });

    inLoop('of a cancelled one is the same error each time', () => {
      const future = new Future();
      future.cancel();
      let first: unknown;
      try {
        future.result();
      } catch (error) {
        first = error;
      }
      assert.throws(
        () => future.result(),
        (error) => error === first,
      );
    });
  });

  describe('the loop', () => {
    both('is the running one (B-FUT-011)', function* () {
      yield;
      assert.equal(new Future().getLoop(), getRunningLoop());
    });

    it('is the one that was given, or set, where none runs (B-FUT-011)', () => {
      const loop = newEventLoop();
      assert.equal(new Future({ loop }).getLoop(), loop);
      assert.throws(() => new Future(), { code: 'ERR_NO_EVENT_LOOP' });
      setEventLoop(loop);
      try {
        assert.equal(new Future().getLoop(), loop);
      } finally {
        setEventLoop(null);
        loop.close();
      }
    });

    it('may be closed when the outcome comes: nobody is left to be told', () => {
      const loop = newEventLoop();
      const future = new Future<number>({ loop });
      future.addDoneCallback(() => assert.fail('called back on a closed loop'));
      loop.close();
      future.setResult(1);
      assert.equal(future.result(), 1);
    });
  });

  describe('waiting', () => {
    both('for one that is done gives the result at once, each time (B-FUT-012)', function* () {
      const future = new Future<number>();
      future.setResult(5);
      let turns = 0;
      getRunningLoop().callSoon(() => turns++);
      assert.equal(yield future, 5);
      assert.equal(yield future, 5);
      assert.equal(turns, 0);
    });

    both(
      'for one that fails throws the very error, each time, with its first stack (B-FUT-033)',
      function* () {
        const future = new Future<never>();
        const error = new BadWeather('hail');
        const { stack } = error;
        future.setException(error);
        for (let i = 0; i < 10; i++) assert.equal(yield* thrown(future), error);
        assert.equal(error.stack, stack);
      },
    );

    both('several tasks may wait for one', function* (spelled) {
      const future = new Future<number>();
      const seen: string[] = [];
      for (const name of ['a', 'b', 'c']) {
        spelled.task(function* () {
          seen.push(`${name}${yield future}`);
        });
      }
      yield* settle();
      future.setResult(1);
      yield* settle();
      assert.deepEqual(seen, ['a1', 'b1', 'c1']);
    });
  });

  describe('done callbacks', () => {
    for (const [what, settleIt] of [
      ['setResult', (future: Future<void>) => future.setResult()],
      ['setException', (future: Future<void>) => future.setException(new BadWeather())],
      ['cancel', (future: Future<void>) => void future.cancel()],
    ] as const) {
      inTask(`are called in the turn after ${what}, not by it (B-FUT-013)`, function* () {
        const future = new Future<void>();
        const seen: unknown[] = [];
        future.addDoneCallback((done) => seen.push(done));
        settleIt(future);
        assert.deepEqual(seen, []);
        yield;
        assert.deepEqual(seen, [future]);
        future.markRetrieved();
      });
    }

    inTask('are called in the next turn where it is done already (B-FUT-013)', function* () {
      const future = new Future<void>();
      future.setResult();
      let called = false;
      future.addDoneCallback(() => {
        called = true;
      });
      assert.equal(called, false);
      yield;
      assert.equal(called, true);
    });

    inTask('are called in their order, with the future alone (B-FUT-014)', function* () {
      const future = new Future<void>();
      const seen: unknown[] = [];
      for (let i = 0; i < 5; i++) future.addDoneCallback((...args) => seen.push(i, args));
      future.setResult();
      yield;
      assert.deepEqual(
        seen,
        [0, 1, 2, 3, 4].flatMap((i) => [i, [future]]),
      );
    });

    inLoop('must be functions', () => {
      const future = new Future<void>();
      assert.throws(() => future.addDoneCallback(5 as never), TypeError);
    });

    inTask('are removed, all registrations of one at once (B-FUT-016)', function* () {
      const future = new Future<void>();
      const seen: string[] = [];
      const a = () => void seen.push('a');
      const b = () => void seen.push('b');
      for (const callback of [a, b, a]) future.addDoneCallback(callback);
      assert.equal(future.removeDoneCallback(a), 2);
      assert.equal(future.removeDoneCallback(a), 0);
      assert.equal(
        future.removeDoneCallback(() => {}),
        0,
      );
      assert.equal(future.removeDoneCallback(b), 1);
      assert.equal(future.removeDoneCallback(b), 0);
      future.addDoneCallback(b);
      future.setResult();
      assert.equal(future.removeDoneCallback(b), 0, 'what is queued cannot be removed');
      yield;
      assert.deepEqual(seen, ['b']);
    });

    inTask('may add and remove others while they are called (B-FUT-017)', function* () {
      const future = new Future<void>();
      const seen: string[] = [];
      const removed = () => void seen.push('removed');
      future.addDoneCallback(() => {
        seen.push('first');
        future.removeDoneCallback(removed);
        future.addDoneCallback(() => void seen.push('added'));
      });
      future.addDoneCallback(() => void seen.push('second'));
      future.setResult();
      yield;
      assert.deepEqual(seen, ['first', 'second']);
      yield;
      assert.deepEqual(seen, ['first', 'second', 'added']);
    });

    inTask('are those there were at completion: a removal then comes too late (B-FUT-018)', function* () {
      const future = new Future<void>();
      const seen: string[] = [];
      const second = () => void seen.push('second');
      future.addDoneCallback(() => seen.push(`removed ${future.removeDoneCallback(second)}`));
      future.addDoneCallback(second);
      future.setResult();
      yield;
      assert.deepEqual(seen, ['removed 0', 'second']);
    });

    inTask('that throw are reported, and stop neither the others nor the loop', function* () {
      const reports: ExceptionContext[] = [];
      collectReports(getRunningLoop(), reports);
      const future = new Future<void>();
      const error = new BadWeather();
      let called = false;
      future.addDoneCallback(function stumbles() {
        throw error;
      });
      future.addDoneCallback(() => {
        called = true;
      });
      future.setResult();
      yield;
      assert.equal(called, true);
      assert.deepEqual(reports, [
        { message: 'Exception in done callback stumbles', exception: error, future },
      ]);
    });

    inTask(
      'run in the context of their registration, and keep to themselves what they set (B-TASK-044)',
      function* () {
        const variable = new ContextVar('variable', { default: 'none' });
        const future = new Future<void>();
        const seen: string[] = [];
        const look = () => {
          seen.push(variable.get());
          variable.set('changed by a callback');
        };
        variable.set('first');
        future.addDoneCallback(look);
        variable.set('second');
        future.addDoneCallback(look);
        const context = copyContext();
        context.run(() => variable.set('given'));
        future.addDoneCallback(look, { context });
        variable.set('third');
        future.setResult();
        yield;
        assert.deepEqual(seen, ['first', 'second', 'given']);
        assert.equal(variable.get(), 'third');
        assert.equal(
          context.run(() => variable.get()),
          'changed by a callback',
        );
      },
    );

    inLoop('refuse a context that was not made here', () => {
      const future = new Future<void>();
      assert.throws(() => future.addDoneCallback(() => {}, { context: {} as Context }), TypeError);
      assert.deepEqual(future.waiterNames(), []);
    });
  });

  describe('an exception that nobody asks for', () => {
    /** What is reported of a future that `make` makes and lets go. */
    async function reportsOf(make: () => void): Promise<ExceptionContext[]> {
      const reports: ExceptionContext[] = [];
      const loop = newEventLoop();
      collectReports(loop, reports);
      await run(
        function* () {
          make();
          yield;
        },
        { loopFactory: () => loop },
      );
      await collectGarbage();
      return reports;
    }

    it('is reported once the future is collected (B-FUT-019)', async () => {
      const error = new BadWeather();
      const reports = await reportsOf(() => new Future().setException(error));
      assert.deepEqual(reports, [{ message: 'Future exception was never retrieved', exception: error }]);
    });

    it('is reported also where a done callback has not looked at it (B-FUT-019)', async () => {
      const reports = await reportsOf(() => {
        const future = new Future();
        future.addDoneCallback(() => {});
        future.setException(new BadWeather());
      });
      assert.equal(reports.length, 1);
    });

    it('is reported with the stack of its making in debug mode', async () => {
      const reports = await reportsOf(function makeInDebugMode() {
        getRunningLoop().setDebug(true);
        new Future().setException(new BadWeather());
      });
      assert.match(reports[0]?.sourceTrace ?? '', /^ +at makeInDebugMode/);
    });

    it('is not reported once it was looked at', async () => {
      const reports = await reportsOf(() => {
        const futures = [0, 1, 2, 3].map(() => new Future());
        for (const future of futures) future.setException(new BadWeather());
        assert.throws(() => futures[0]?.result(), BadWeather);
        futures[1]?.exception();
        futures[2]?.markRetrieved();
        void futures[3]?.catch(() => {});
      });
      assert.deepEqual(reports, []);
    });

    it('is the only thing reported: pending, cancelled and unread ones are not (B-FUT-021)', async () => {
      const reports = await reportsOf(() => {
        new Future();
        new Future().cancel();
        new Future<number>().setResult(1);
      });
      assert.deepEqual(reports, []);
    });

    it('counts as looked at by who cancels afterwards (B-FUT-022)', async () => {
      const reports = await reportsOf(() => {
        const future = new Future();
        future.setException(new BadWeather());
        assert.equal(future.cancel(), false);
      });
      assert.deepEqual(reports, []);
    });

    it('can be marked as looked at, and never as not (B-FUT-023)', async () => {
      const reports = await reportsOf(() => {
        const future = new Future();
        future.markRetrieved(); // no exception yet: says nothing about a later one
        future.setException(new BadWeather());
        future.markRetrieved();
        future.markRetrieved();
      });
      assert.deepEqual(reports, []);
    });

    both('of a task is reported in the context of that task (B-FUT-034)', function* (spelled) {
      const loop = getRunningLoop();
      const variable = new ContextVar('variable', { default: 'none' });
      const seen: unknown[] = [];
      loop.setExceptionHandler((_loop, context) =>
        seen.push(variable.get(), context.message, context.exception),
      );
      const error = new BadWeather();
      spelled.task(
        function* () {
          variable.set('of the task');
          yield;
          throw error;
        },
        { name: 'forecast' },
      );
      yield* settle();
      assert.deepEqual(seen, ['of the task', 'Exception in task forecast was never retrieved', error]);
    });
  });

  describe('text', () => {
    inLoop('shows the state and the outcome (B-FUT-024)', () => {
      const pending = new Future();
      assert.equal(String(pending), '<Future pending>');
      assert.equal(inspect({ pending }), '{ pending: <Future pending> }');
      const cancelled = new Future();
      cancelled.cancel();
      assert.equal(String(cancelled), '<Future cancelled>');
      const failed = new Future();
      failed.setException(new RangeError('too far'));
      assert.equal(String(failed), '<Future finished exception=RangeError: too far>');
      failed.markRetrieved();
    });

    inLoop('shows results of all kinds shortly (B-FUT-024)', () => {
      const shown = (result: unknown) => {
        const future = new Future<unknown>();
        future.setResult(result);
        return String(future).replace(/^<Future finished result=(.*)>$/, '$1');
      };
      assert.equal(shown(42), '42');
      assert.equal(shown('42'), '"42"');
      assert.equal(shown(undefined), 'undefined');
      assert.equal(shown(null), 'null');
      assert.equal(shown([1, 2, 3]), '[array of 3]');
      assert.equal(shown(new Map()), '[Map]');
      assert.equal(shown(Object.create(null)), '[object]');
      assert.equal(shown(Symbol('s')), 'Symbol(s)');
      assert.equal(shown(run), '[run]');
      assert.equal(shown({ exception: 'a field of the result' }), '[Object]');
      assert.equal(shown(new RangeError('a result')), 'RangeError: a result');
      assert.equal(shown('x'.repeat(100)).length, 60);
    });

    inLoop('shows exceptions that are no errors (B-FUT-024)', () => {
      for (const [exception, text] of [
        [null, 'null'],
        [undefined, 'undefined'],
        [Object.create(null), '[object]'],
        ['text', '"text"'],
      ]) {
        const future = new Future();
        future.setException(exception);
        assert.equal(String(future), `<Future finished exception=${text}>`);
        future.markRetrieved();
      }
    });

    inLoop('shows the first and the last callback, and how many are between (B-FUT-024)', () => {
      const future = new Future<void>();
      const texts: string[] = [];
      for (let i = 0; i < 4; i++) {
        future.addDoneCallback(Object.defineProperty(() => {}, 'name', { value: `callback${i}` }));
        texts.push(String(future).replace('<Future pending ', '').replace('>', ''));
      }
      future.addDoneCallback(() => {});
      assert.deepEqual(texts, [
        'callbacks=[callback0]',
        'callbacks=[callback0, callback1]',
        'callbacks=[callback0, <1 more, callback2]>',
        'callbacks=[callback0, <2 more, callback3]>',
      ]);
      assert.match(String(future), /callback0, <3 more>, \(anonymous\)\]/);
    });

    inTask('shows who waits, also where they wait in a circle', function* () {
      const first: Task<void> = createTask(
        function* (): Generator<Suspension, void, unknown> {
          yield* sleep(0);
          yield* gather([second]);
        },
        { name: 'first' },
      );
      const second: Task<void> = createTask(
        function* (): Generator<Suspension, void, unknown> {
          yield* first;
        },
        { name: 'second' },
      );
      yield;
      yield;
      yield;
      assert.match(
        String(first),
        /^<Task pending name="first" waitFor=<GatheringFuture pending> .*\[second\]>$/,
      );
      assert.match(String(second), /waitFor=first /);
      first.cancel();
      yield* gather([first, second], { returnExceptions: true });
    });

    both('shows an await', function* (spelled) {
      const future = new Future<void>();
      const waiting = yield* spelled.started(
        function* () {
          yield future;
        },
        { name: 'Fred' },
      );
      const who = spelled.spelling.name === 'await' ? 'await in Fred' : 'Fred';
      assert.equal(String(future), `<Future pending callbacks=[${who}]>`);
      future.setResult();
      yield waiting;
    });
  });

  describe('isFuture', () => {
    inTask('knows what carries the marker, and nothing else (B-FUT-026)', function* () {
      const task = createTask(sleep(0));
      assert.equal(isFuture(new Future()), true);
      assert.equal(isFuture(task), true);
      assert.equal(isFuture({ [futureMarker]: true }), true);
      for (const other of [
        Future,
        sleep(0),
        Promise.resolve(),
        { [futureMarker]: 1 },
        null,
        undefined,
        5,
        {},
      ]) {
        assert.equal(isFuture(other), false, String(other));
      }
      yield* task;
    });
  });

  describe('a copy made by `then`', () => {
    both('gets the result, the exception or the cancellation (B-FUT-031)', function* () {
      const original = () => new Future<number>();
      const [finished, failed, cancelled] = [original(), original(), original()];
      const copies = [finished.then(), failed.then(), cancelled.then()] as const;
      const error = new BadWeather();
      finished.setResult(1);
      failed.setException(error);
      cancelled.cancel('enough');
      assert.equal(yield copies[0], 1);
      assert.equal(yield* thrown(copies[1]), error);
      assert.equal(copies[1].exception(), error);
      assert.ok((yield* thrown(copies[2])) instanceof CancelledError);
      assert.equal(copies[2].cancelled(), true);
      assert.throws(() => copies[2].result(), { reason: 'enough' });
    });

    both(
      'that was cancelled meanwhile stays cancelled, and nothing is thrown (B-FUT-031, B-FUT-032)',
      function* () {
        const finished = new Future<number>();
        const failed = new Future<number>();
        const copies = [finished.then(), failed.then()];
        for (const copy of copies) copy.cancel();
        finished.setResult(1);
        failed.setException(new BadWeather());
        yield* settle();
        assert.deepEqual(
          copies.map((copy) => copy.cancelled()),
          [true, true],
        );
      },
    );
  });

  describe('then', () => {
    inTask('calls back in the order of the calls, also of those made while it calls back', function* () {
      const future = new Future<void>();
      const seen: number[] = [];
      future.then(() => {
        seen.push(1);
        future.then(() => seen.push(4));
      });
      future.then(() => seen.push(2));
      future.setResult();
      future.then(() => seen.push(3));
      yield* sleep(0);
      yield* sleep(0);
      assert.deepEqual(seen, [1, 2, 3, 4]);
    });

    inTask('calls back in the context of the call, and keeps to itself what is set', function* () {
      const variable = new ContextVar('variable', { default: 'none' });
      variable.set('at the call');
      const future = new Future<void>();
      const derived = future.then(() => {
        const seen = variable.get();
        variable.set('changed');
        return seen;
      });
      variable.set('later');
      future.setResult();
      assert.equal(yield* derived, 'at the call');
      assert.equal(variable.get(), 'later');
    });

    inTask('does so where one of the callbacks is a promise’s own', function* () {
      const variable = new ContextVar('variable', { default: 'none' });
      for (const when of ['before', 'after'] as const) {
        const future = new Future<void>();
        const seen: string[] = [];
        const end = () => future.setException(new BadWeather());
        if (when === 'before') end();
        variable.set('at the call');
        void new Promise<void>((resolve) => {
          void future.then(resolve, () => {
            seen.push(variable.get());
            resolve();
          });
        });
        variable.set('later');
        if (when === 'after') end();
        assert.deepEqual(seen, [], 'called back from inside');
        yield* sleep(0);
        yield* sleep(0);
        assert.deepEqual(seen, ['at the call'], when);
      }
    });

    both('makes one that fails with what the callback throws, reported if nobody waits', function* (spelled) {
      const error = new BadWeather();
      const future = new Future<void>();
      const derived = future.then(() => {
        throw error;
      });
      future.setResult();
      yield* settle();
      assert.deepEqual(spelled.takeReports(), [
        {
          message: 'Exception in a reaction to a future was never retrieved',
          exception: error,
          future: derived,
        },
      ]);
      assert.equal(yield* thrown(derived), error);
    });

    both('hands a cancellation on as one, also where a callback lets it through', function* () {
      const future = new Future<void>();
      const seen: unknown[] = [];
      const through = future.catch((error) => {
        seen.push(error);
        throw error;
      });
      const last = future.finally(() => void seen.push('finally'));
      const caught = future.catch(() => 'caught');
      future.cancel('enough');
      yield* thrown(through);
      yield* thrown(last);
      assert.equal(yield caught, 'caught');
      assert.ok(seen[0] instanceof CancelledError);
      assert.equal(seen[1], 'finally');
      assert.equal(through.cancelled() && last.cancelled(), true);
    });

    both('finally passes the outcome on, once what it calls has ended', function* () {
      const future = new Future<number>();
      const closed = new Future<string>();
      const last = future.finally(() => closed as unknown as undefined);
      future.setResult(1);
      yield* settle();
      assert.equal(last.done(), false);
      closed.setResult('ignored');
      assert.equal(yield last, 1);
    });

    both('waits for what the callback gives', function* () {
      const future = new Future<number>();
      const next = new Future<string>();
      const derived = future.then(() => next);
      future.setResult(1);
      yield* settle();
      assert.equal(derived.done(), false);
      next.setResult('next');
      assert.equal(yield derived, 'next');
      const wrong = future.then((): unknown => wrong);
      assert.match(String(yield* thrown(wrong)), /TypeError: Cannot resolve a future with itself/);
      const throwing = {
        get then(): unknown {
          throw new BadWeather();
        },
      };
      assert.ok((yield* thrown(future.then(() => throwing))) instanceof BadWeather);
    });
  });
});
