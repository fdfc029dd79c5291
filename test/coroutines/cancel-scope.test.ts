import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, it } from 'node:test';
import {
  type CancelScope,
  cancelScope,
  createTask,
  Future,
  fromSignal,
  sleep,
  timeout,
} from '../../src/coroutines/index.ts';
import type { Coroutine } from '../../src/interface/index.ts';
import { CancelledError, TimeoutError } from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { both, inTask, type Script, type Spelled, settle, thrown } from './spellings.ts';

type Options = Parameters<typeof cancelScope>[1];

function scoped<T>(
  spelled: Spelled,
  body: (scope: CancelScope) => Script<T>,
  options?: Options,
): Coroutine<T | undefined> {
  return cancelScope<T>((scope) => spelled.source(() => body(scope))(), options);
}

describe('cancelScope', () => {
  both('gives what the body returns', function* (spelled) {
    const result = yield scoped(spelled, function* (scope) {
      yield;
      assert.equal(scope.cancelCalled, false);
      return 'result';
    });
    assert.equal(result, 'result');
  });

  both('cancelled from anywhere ends its body alone, without an error', function* (spelled) {
    const log: unknown[] = [];
    let scope: CancelScope | undefined;
    const task = yield* spelled.started(function* task() {
      const result = yield scoped(spelled, function* (entered) {
        scope = entered;
        try {
          yield new Future<never>();
        } catch (error) {
          log.push((error as CancelledError).reason, (error as CancelledError).scope === entered);
          yield; // cleaning up may wait
          throw error;
        }
      });
      log.push(result);
      yield;
      return 'went on';
    });
    scope?.cancel('why');
    scope?.cancel('again');
    assert.equal(yield task, 'went on');
    assert.deepEqual(log, ['why', true, undefined]);
    assert.deepEqual([scope?.cancelled, scope?.cancelCalled, scope?.reason], [true, true, 'why']);
  });

  both('ends at its deadline, which may be moved', function* (spelled) {
    let kept: CancelScope | undefined;
    const forever = function* (scope: CancelScope): Script<string> {
      kept = scope;
      return (yield new Future<never>()) as string;
    };
    assert.equal(yield scoped(spelled, forever, { timeout: 1 }), undefined);
    assert.ok(kept?.reason instanceof TimeoutError);
    assert.equal(yield scoped(spelled, forever, { deadline: getRunningLoop().time() - 1 }), undefined);

    const extended = yield scoped(
      spelled,
      function* (scope) {
        scope.deadline = null;
        yield sleep(3);
        return 'in time';
      },
      { timeout: 1 },
    );
    assert.equal(extended, 'in time');
  });

  both('lets a cancel of the task through, also one that comes after its own', function* (spelled) {
    let scope: CancelScope | undefined;
    const task = yield* spelled.started(function* task() {
      yield scoped(spelled, function* (entered) {
        scope = entered;
        yield new Future<never>();
      });
      yield new Future<never>();
    });
    scope?.cancel();
    task.cancel('stronger');
    const error = yield* thrown(task);
    assert.ok(error instanceof CancelledError);
    assert.equal(error.reason, 'stronger');
  });

  both('of several ends the one that is meant', function* (spelled) {
    const log: string[] = [];
    yield scoped(spelled, function* (outer) {
      yield scoped(spelled, function* () {
        yield scoped(spelled, function* (innermost) {
          innermost.cancel();
          yield new Future<never>();
        });
        log.push('innermost has ended');
        outer.cancel();
        yield new Future<never>();
      });
      log.push('not reached');
    });
    assert.deepEqual(log, ['innermost has ended']);
  });
});

describe('a shielded scope', () => {
  both('keeps a cancel of the task out until its body has ended', function* (spelled) {
    const log: string[] = [];
    const gate = new Future<void>();
    const task = yield* spelled.started(function* task() {
      const result = yield scoped(
        spelled,
        function* () {
          yield gate;
          yield;
          return 'cleaned up';
        },
        { shield: true },
      );
      log.push(result as string);
      yield new Future<never>();
      log.push('not reached');
    });
    assert.equal(task.cancel('held'), true);
    yield* settle();
    assert.equal(task.done(), false);
    gate.setResult();
    const error = yield* thrown(task);
    assert.ok(error instanceof CancelledError);
    assert.equal(error.reason, 'held');
    assert.deepEqual(log, ['cleaned up']);
  });

  both('keeps out the timeout around it, but not its own', function* (spelled) {
    const log: string[] = [];
    const error = yield* thrown(
      spelled.timeout(1, function* () {
        yield scoped(
          spelled,
          function* () {
            yield sleep(5);
            log.push('slept on');
          },
          { shield: true },
        );
        yield scoped(
          spelled,
          function* () {
            yield new Future<never>();
          },
          { shield: true, timeout: 1 },
        );
        log.push('its own deadline');
        yield new Future<never>();
      }),
    );
    assert.ok(error instanceof TimeoutError);
    assert.deepEqual(log, ['slept on', 'its own deadline']);
  });

  both('entered while a cancellation is due lets the cleaning up run first', function* (spelled) {
    const log: string[] = [];
    const task = yield* spelled.started(function* cleansUp() {
      try {
        yield new Future<never>();
      } finally {
        task.cancel('once more');
        yield scoped(
          spelled,
          function* () {
            yield sleep(1);
            log.push('cleaned up');
          },
          { shield: true },
        );
      }
    });
    task.cancel();
    assert.ok((yield* thrown(task)) instanceof CancelledError);
    assert.deepEqual(log, ['cleaned up']);
  });

  inTask('does not keep what uncancel took back', function* () {
    const task = createTask(function* () {
      yield* cancelScope(() => sleep(1), { shield: true });
      yield* sleep(1);
      return 'undisturbed';
    });
    yield;
    task.cancel();
    task.uncancel();
    assert.equal(yield* task, 'undisturbed');
  });
});

describe('signals and scopes', () => {
  both('a scope’s signal is aborted with it, or with its task', function* (spelled) {
    const signals: AbortSignal[] = [];
    yield scoped(spelled, function* (scope) {
      signals.push(scope.signal);
      scope.cancel('scope');
      yield new Future<never>();
    });
    const task = yield* spelled.started(function* task() {
      yield scoped(spelled, function* (scope) {
        signals.push(scope.signal);
        yield new Future<never>();
      });
    });
    task.cancel('task');
    yield* thrown(task);
    assert.equal(signals[0]?.reason, 'scope');
    const reason: unknown = signals[1]?.reason;
    assert.ok(reason instanceof CancelledError);
    assert.equal(reason.reason, 'task');
  });

  both('fromSignal cancels the body and throws the reason; no listener is left', function* (spelled) {
    const controller = new AbortController();
    const reason = new Error('aborted');
    const follow = (body: () => Script<unknown>) =>
      fromSignal(controller.signal, () => spelled.source(body)());
    assert.equal(
      yield follow(function* () {
        yield;
        return 'in time';
      }),
      'in time',
    );
    const error = yield* thrown(
      follow(function* () {
        getRunningLoop().callSoon(() => controller.abort(reason));
        yield new Future<never>();
      }),
    );
    assert.equal(error, reason);
    assert.equal(
      yield* thrown(
        follow(function* () {
          yield;
        }),
      ),
      reason,
    );
    assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
  });

  both('a scope with a signal that is aborted already ends at its first wait', function* (spelled) {
    const log: string[] = [];
    yield scoped(
      spelled,
      function* () {
        log.push('begun');
        yield new Future<never>();
      },
      { signal: AbortSignal.abort('early') },
    );
    assert.deepEqual(log, ['begun']);
  });
});

describe('bad arguments', () => {
  it('are refused at the call', () => {
    const body = function* () {};
    assert.throws(() => cancelScope(null as never), TypeError);
    assert.throws(() => cancelScope(body, { timeout: 1, deadline: 1 }), RangeError);
    assert.throws(() => cancelScope(body, { timeout: Number.NaN }), RangeError);
    assert.throws(() => fromSignal({} as never, body), TypeError);
    assert.throws(() => timeout('1' as never, body), TypeError);
  });
});
