import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, it } from 'node:test';
import {
  currentTask,
  Future,
  type OpenCancelScope,
  openCancelScope,
  openTimeout,
  sleep,
  type Task,
} from '../../src/coroutines/index.ts';
import { CancelledError, TimeoutError } from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { runSimulated } from '../support/simulated.ts';
import { both, type Script, settle, thrown } from './spellings.ts';

function* forever(): Script<never> {
  return (yield new Future<never>()) as never;
}

describe('openCancelScope', () => {
  both('cancels its block, whose error it knows again', function* (spelled) {
    const log: unknown[] = [];
    const scopes: OpenCancelScope[] = [];
    const task = yield* spelled.started(function* () {
      const scope = openCancelScope();
      scopes.push(scope);
      try {
        using _ = scope;
        yield* forever();
      } catch (error) {
        log.push(scope.caught(error), (error as CancelledError).reason);
        if (!scope.caught(error)) throw error;
      }
      yield sleep(1);
      return 'went on';
    });
    scopes[0]?.cancel('why');
    scopes[0]?.cancel('again');
    assert.equal(yield task, 'went on');
    assert.deepEqual(log, [true, 'why']);
    assert.deepEqual([scopes[0]?.cancelCalled, scopes[0]?.reason], [true, 'why']);
    assert.equal(scopes[0]?.caught(new CancelledError()), false);
  });

  both('that nobody knows again ends the task cancelled', function* (spelled) {
    const task = spelled.task(function* () {
      using scope = openCancelScope();
      scope.cancel('why');
      yield* forever();
    });
    const error = yield* thrown(task);
    assert.ok(error instanceof CancelledError);
    assert.equal(error.reason, 'why');
    assert.equal(task.cancelled(), true);
  });

  both('ends by its deadline and by its signal; no listener and no timer is left', function* (spelled) {
    const controller = new AbortController();
    const log: unknown[] = [];
    for (const options of [
      { timeout: 1 },
      { deadline: getRunningLoop().time() - 1 },
      { signal: controller.signal },
      { signal: AbortSignal.abort('early') },
    ]) {
      if (options.signal === controller.signal) getRunningLoop().callSoon(() => controller.abort('aborted'));
      const scope = yield spelled.call(function* () {
        const scope = openCancelScope(options);
        const error = yield* thrown(
          spelled.call(function* () {
            using _ = scope;
            yield* forever();
          }),
        );
        assert.equal(scope.caught(error), true);
        return scope;
      });
      const { reason } = scope as OpenCancelScope;
      log.push(reason instanceof TimeoutError ? 'TimeoutError' : reason);
    }
    assert.deepEqual(log, ['TimeoutError', 'TimeoutError', 'aborted', 'early']);
    yield spelled.call(function* () {
      const { signal } = new AbortController();
      {
        using _scope = openCancelScope({ signal, timeout: 60_000 });
        yield;
        assert.equal(getEventListeners(signal, 'abort').length, 1);
      }
      assert.equal(getEventListeners(signal, 'abort').length, 0);
    });
  });

  both('with a shield keeps cancellations out until its block has ended', function* (spelled) {
    const log: string[] = [];
    const gate = new Future<void>();
    const task = yield* spelled.started(function* () {
      {
        using _shield = openCancelScope({ shield: true });
        yield gate;
        log.push('cleaned up');
      }
      yield* forever();
    });
    task.cancel('held');
    yield* settle();
    assert.equal(task.done(), false);
    gate.setResult();
    const error = yield* thrown(task);
    assert.ok(error instanceof CancelledError);
    assert.equal(error.reason, 'held');
    assert.deepEqual(log, ['cleaned up']);
  });

  both('with a shield for cleaning up in a timeout that has struck', function* (spelled) {
    const log: string[] = [];
    const error = yield* thrown(
      spelled.call(function* () {
        using _limit = openTimeout(1);
        try {
          yield* forever();
        } finally {
          using _shield = openCancelScope({ shield: true, timeout: 60_000 });
          yield sleep(1);
          log.push('cleaned up');
        }
      }),
    );
    assert.ok(error instanceof TimeoutError);
    assert.deepEqual(log, ['cleaned up']);
  });

  both('ended in the wrong order lifts its shield with the outermost', function* (spelled) {
    const task = yield* spelled.started(function* () {
      const outer = openCancelScope({ shield: true });
      const inner = openCancelScope({ shield: true });
      assert.throws(() => outer[Symbol.dispose](), {
        code: 'ERR_SCOPE_STATE',
        message: 'Cannot end the OpenCancelScope: a scope that was opened after it has not ended',
      });
      inner[Symbol.dispose]();
      assert.equal((currentTask() as Task<unknown>).scopes, 0);
      yield* forever();
    });
    task.cancel('not kept out');
    assert.ok((yield* thrown(task)) instanceof CancelledError);
  });

  both('cancelled after its block does nothing, and so does one that was forgotten', function* (spelled) {
    const scopes: OpenCancelScope[] = [];
    yield spelled.call(function* () {
      using scope = openCancelScope();
      scopes.push(scope);
      yield;
    });
    yield spelled.timeout(60_000, function* () {
      scopes.push(openCancelScope());
      yield;
    });
    for (const scope of scopes) scope.cancel();
    yield* settle();
    yield sleep(1);
  });

  it('is refused outside a task, and with bad options', async () => {
    assert.throws(() => openCancelScope(), { code: 'ERR_SCOPE_STATE' });
    assert.throws(() => openCancelScope({ timeout: 1 }), { code: 'ERR_NO_RUNNING_LOOP' });
    await runSimulated(async () => {
      assert.throws(() => openCancelScope({ timeout: 1, deadline: 1 }), RangeError);
      assert.throws(() => openCancelScope({ timeout: Number.NaN }), RangeError);
    });
  });
});
