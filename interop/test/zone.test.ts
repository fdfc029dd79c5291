import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { CancelledError, createTask, sleep, wrapFuture } from 'tulipa';
import { loopZone } from 'tulipa/adapters/zone';
import { assertRejects } from '../assert-rejects.ts';
import { row } from '../cells.ts';
import 'zone.js';

row('zone.js', {}, (it) => {
  it('has its timers on the loop, in the zone in which they were set', function* (loop) {
    const begun = loop.time();
    const zone = Zone.current.fork(loopZone());
    const seen: unknown[] = [];
    const done = loop.createFuture<void>();
    zone.run(() => {
      setTimeout((word: string) => seen.push(word, Zone.current.name), 4, 'timeout');
      setImmediate(() => seen.push('immediate', Zone.current.name));
      let times = 0;
      const interval = setInterval(() => {
        if (++times < 3) return;
        clearInterval(interval);
        done.setResult();
      }, 3);
    });
    assert.deepEqual(seen, []);
    yield* done;
    yield* sleep(5);
    assert.deepEqual(seen, ['immediate', 'tulipa', 'timeout', 'tulipa']);
    assert.ok(loop.time() - begun >= 14);
  });

  it('takes timers back', function* () {
    const seen: string[] = [];
    Zone.current.fork(loopZone()).run(() => {
      clearTimeout(setTimeout(() => seen.push('never'), 1));
      const timer = setTimeout(() => seen.push('never'), 2);
      timer.unref();
      timer.ref();
      setTimeout(() => clearTimeout(timer), 1);
      clearImmediate(setImmediate(() => seen.push('never')));
    });
    yield* sleep(4);
    assert.deepEqual(seen, []);
  });

  it('hands what a callback throws to the zone', function* () {
    const wrong = new Error('wrong');
    const seen: unknown[] = [];
    const watched = Zone.current.fork({
      name: 'watched',
      onHandleError(_delegate, _current, _target, error) {
        seen.push(error);
        return false;
      },
    });
    watched.fork(loopZone()).run(() => {
      setTimeout(() => {
        throw wrong;
      }, 1);
    });
    yield* sleep(3);
    assert.deepEqual(seen, [wrong]);
  });

  it('has its promises waited for, with their errors, and gives up the wait when it is cancelled', function* () {
    const zone = Zone.current.fork(loopZone());
    const promise = zone.run<Promise<string>>(
      () => new Promise<string>((resolve) => void setTimeout(() => resolve(Zone.current.name), 1)),
    );
    assert.equal(yield* wrapFuture(promise), 'tulipa');
    const wrong = new Error('wrong');
    const failing = zone.run<Promise<never>>(
      () => new Promise<never>((_resolve, reject) => void setTimeout(() => reject(wrong), 1)),
    );
    yield* assertRejects(wrapFuture(failing), wrong);
    const task = createTask(function* () {
      yield* wrapFuture(new Promise<never>(() => {}));
    });
    yield* sleep(1);
    task.cancel();
    yield* assertRejects(task, CancelledError);
  });

  it('lets callbacks of the loop keep their zone by wrapping them', function* (loop) {
    const zone = Zone.current.fork({ name: 'theirs' });
    const seen: string[] = [];
    zone.run(() => {
      loop.callSoon(Zone.current.wrap(() => seen.push(Zone.current.name), 'tulipa'));
    });
    yield* sleep(1);
    assert.deepEqual(seen, ['theirs']);
  });

  it('keeps the stores of AsyncLocalStorage', function* (loop) {
    const storage = new AsyncLocalStorage<string>();
    const seen = loop.createFuture<string | undefined>();
    Zone.current.fork(loopZone()).run(() => {
      storage.run('ours', () => setTimeout(() => seen.setResult(storage.getStore()), 1));
    });
    assert.equal(yield* seen, 'ours');
  });
});
