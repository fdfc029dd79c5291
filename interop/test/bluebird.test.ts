import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import Bluebird from 'bluebird';
import { CancelledError, createTask, sleep, wrapFuture } from 'tulipa';
import { bluebirdFrom, installLoop } from 'tulipa/adapters/bluebird';
import { assertRejects } from '../assert-rejects.ts';
import { row } from '../cells.ts';

Bluebird.config({ cancellation: true, longStackTraces: false, warnings: false });

// It looks for unhandled rejections by timers of the host's.
row('bluebird', { globals: true }, (it) => {
  it('runs its callbacks in turns of the loop', function* (loop) {
    const uninstall = installLoop(Bluebird);
    try {
      const seen: string[] = [];
      loop.callSoon(() => seen.push('before'));
      void Bluebird.resolve(1).then(() => seen.push('reaction'));
      loop.callSoon(() => seen.push('after'));
      yield* sleep(1);
      assert.deepEqual(seen, ['before', 'reaction', 'after']);
      assert.equal(yield* wrapFuture(Bluebird.map([1, 2], (n) => n * 2).get(1)), 4);
    } finally {
      uninstall();
    }
  });

  it('passes results and errors on, both ways', function* () {
    const uninstall = installLoop(Bluebird);
    try {
      assert.equal(yield* wrapFuture(bluebirdFrom(Bluebird, sleep(1, 'ours'))), 'ours');
      const wrong = new Error('wrong');
      yield* assertRejects(wrapFuture(Bluebird.reject(wrong)), wrong);
      const failing = bluebirdFrom(Bluebird, async () => {
        await sleep(1);
        throw wrong;
      });
      yield* assertRejects(wrapFuture(failing), wrong);
      assert.equal(yield* wrapFuture(Bluebird.resolve(sleep(1, 'thenable'))), 'thenable');
    } finally {
      uninstall();
    }
  });

  it('cancels the task when the promise is cancelled, and the promise when the task is', function* () {
    const uninstall = installLoop(Bluebird);
    try {
      const seen: string[] = [];
      const promise = bluebirdFrom(Bluebird, function* () {
        try {
          yield* sleep(1_000);
        } finally {
          seen.push('task');
        }
      });
      yield* sleep(1);
      promise.cancel();
      const task = createTask(function* () {
        yield* wrapFuture(
          new Bluebird<void>((_resolve, _reject, onCancel) => onCancel?.(() => seen.push('promise'))),
        );
      });
      yield* sleep(1);
      task.cancel();
      yield* assertRejects(task, CancelledError);
      yield* sleep(1);
      assert.deepEqual(seen, ['task', 'promise']);
    } finally {
      uninstall();
    }
  });

  it('keeps the stores of AsyncLocalStorage behind the await', async () => {
    const uninstall = installLoop(Bluebird);
    try {
      const storage = new AsyncLocalStorage<string>();
      await storage.run('ours', async () => {
        const seen: unknown[] = [];
        await bluebirdFrom(Bluebird, sleep(1)).then(() => seen.push(storage.getStore()));
        seen.push(storage.getStore());
        assert.deepEqual(seen, ['ours', 'ours']);
      });
    } finally {
      uninstall();
    }
  });
});
