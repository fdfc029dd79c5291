import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { Future, gather, shield } from '../../src/coroutines/index.ts';
import { CancelledError } from '../../src/interface/index.ts';
import { both, returns, settle, thrown } from './spellings.ts';

describe('shield', () => {
  both('cancelled leaves the inner one running, and lets go of it (B-TASK-071)', function* (spelled) {
    const inner = new Future<string>();
    const outer = shield(inner);
    const waiting = yield* spelled.started(function* waits() {
      yield outer;
    });
    waiting.cancel();
    assert.ok((yield* thrown(waiting)) instanceof CancelledError);
    assert.equal(outer.cancelled(), true);
    assert.equal(inner.done(), false);
    assert.deepEqual(inner.waiterNames(), []);
    inner.setResult('later');
    yield* settle();
  });

  both(
    'has a failure after its cancellation reported once, and a success never (B-TASK-072)',
    function* (spelled) {
      const gate = new Future<void>();
      const failing = yield* spelled.started(function* fails() {
        yield gate;
        throw new Error('unseen');
      });
      const succeeding = yield* spelled.started(function* succeeds() {
        yield gate;
      });
      for (const outer of [shield(failing), shield(failing), shield(succeeding)]) outer.cancel();
      gate.setResult();
      yield* settle();
      const reports = spelled.takeReports();
      assert.deepEqual(
        reports.map(({ exception }) => String(exception)),
        ['Error: unseen'],
      );
    },
  );

  both('of what is done is that itself (B-TASK-073)', function* (spelled) {
    const task = spelled.task(returns(1));
    yield task;
    assert.equal(shield(task), task);
  });

  both('passes result, error and cancellation of the inner one on', function* () {
    const futures = [new Future<string>(), new Future<string>(), new Future<string>()] as const;
    const outer = futures.map((future) => shield(future));
    futures[0].setResult('result');
    futures[1].setException(new RangeError('error'));
    futures[2].cancel('reason');
    assert.equal(yield outer[0], 'result');
    assert.ok((yield* thrown(outer[1])) instanceof RangeError);
    assert.ok((yield* thrown(outer[2])) instanceof CancelledError);
  });

  both('around a gather lets it finish with all results (B-TASK-074)', function* (spelled) {
    const gate = new Future<void>();
    const children = [1, 2].map((n) =>
      spelled.task(function* child() {
        yield gate;
        return n;
      }),
    );
    const all = gather(children);
    const outer = shield(all);
    yield* settle();
    outer.cancel();
    gate.setResult();
    assert.deepEqual(yield all, [1, 2]);
  });
});
