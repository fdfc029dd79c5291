import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import {
  asapScheduler,
  bufferTime,
  concat,
  defer,
  delay,
  EMPTY,
  EmptyError,
  finalize,
  firstValueFrom,
  from,
  interval,
  lastValueFrom,
  map,
  NEVER,
  Observable,
  of,
  scheduled,
  take,
  throwError,
  timeout as timeoutOf,
  timer,
  timestamp,
  toArray,
} from 'rxjs';
import {
  CancelledError,
  createTask,
  openConnection,
  sleep,
  startServer,
  TimeoutError,
  timeout,
} from 'tulipa';
import { futureFrom, installLoop, loopScheduler, observableFrom } from 'tulipa/adapters/rxjs';
import { assertRejects } from '../assert-rejects.ts';
import { row } from '../cells.ts';

row('rxjs', {}, (it) => {
  it('waits on the loop in operators that are given the scheduler', function* (loop) {
    const scheduler = loopScheduler();
    const begun = loop.time();
    const values = yield* futureFrom(interval(2, scheduler).pipe(take(3), delay(4, scheduler), toArray()));
    assert.deepEqual(values, [0, 1, 2]);
    assert.ok(loop.time() - begun >= 10, `${loop.time() - begun}`);
  });

  it('runs work without a delay in order, after the call, and lets it schedule itself again', function* () {
    const scheduler = loopScheduler();
    const seen: string[] = [];
    const ended = new Observable<void>((subscriber) => {
      scheduler.schedule(() => seen.push('a'));
      scheduler.schedule<number>(
        function (count) {
          seen.push(`b${count}`);
          if (count === 3) subscriber.complete();
          else this.schedule((count ?? 0) + 1);
        },
        0,
        1,
      );
      seen.push('now');
    });
    yield* futureFrom(ended, { defaultValue: null });
    assert.deepEqual(seen, ['now', 'a', 'b1', 'b2', 'b3']);
  });

  it('takes back what is unsubscribed, from inside of the work too', function* () {
    const scheduler = loopScheduler();
    const seen: string[] = [];
    scheduler.schedule(() => seen.push('never'), 1).unsubscribe();
    scheduler.schedule(() => seen.push('never')).unsubscribe();
    scheduler.schedule(function () {
      seen.push('once');
      this.schedule(undefined, 1);
      this.unsubscribe();
    });
    yield* sleep(3);
    assert.deepEqual(seen, ['once']);
  });

  it('tells what work throws to the loop, and does not run it again', function* (loop) {
    const told: unknown[] = [];
    loop.setExceptionHandler((_, context) => void told.push(context.exception));
    const wrong = new Error('wrong');
    let runs = 0;
    loopScheduler().schedule(function () {
      runs++;
      this.schedule(undefined, 1);
      throw wrong;
    });
    yield* sleep(3);
    loop.setExceptionHandler(null);
    assert.deepEqual(told, [wrong]);
    assert.equal(runs, 1);
  });

  it('has timestamps and time-outs by the loop, dates included', function* (loop) {
    const scheduler = loopScheduler();
    const [first, second] = yield* futureFrom(
      timer(2, 3, scheduler).pipe(take(2), timestamp(scheduler), toArray()),
    );
    assert.ok((second?.timestamp ?? 0) - (first?.timestamp ?? 0) >= 2.9);
    yield* assertRejects(futureFrom(NEVER.pipe(timeoutOf({ each: 2, scheduler }))), {
      name: 'TimeoutError',
    });
    const begun = loop.time();
    yield* futureFrom(timer(new Date(scheduler.now() + 20), scheduler));
    assert.ok(loop.time() - begun >= 18);
  });

  it('waits on the loop everywhere once that is installed, and no longer when it is not', function* (loop) {
    const uninstall = installLoop();
    try {
      assert.throws(() => installLoop(), { code: 'ERR_INSTALLED' });
      const begun = loop.time();
      const buffers = yield* futureFrom(interval(2).pipe(take(4), bufferTime(5), toArray()));
      assert.deepEqual(buffers.flat(), [0, 1, 2, 3]);
      assert.ok(loop.time() - begun >= 8);
      assert.equal(yield* futureFrom(scheduled(of(1, 2, 3), asapScheduler)), 3);
    } finally {
      uninstall();
      uninstall();
    }
    installLoop()();
  });

  it('may be installed, and removed, while RxJS waits', function* (loop) {
    const seen: string[] = [];
    const before = interval(1, loopScheduler()).subscribe(() => seen.push('before'));
    const uninstall = installLoop();
    const pending = [
      interval(1).subscribe(() => seen.push('never')),
      scheduled(of(1), asapScheduler).subscribe(() => seen.push('never')),
    ];
    const kept = futureFrom(timer(2));
    before.unsubscribe();
    uninstall();
    for (const subscription of pending) subscription.unsubscribe();
    assert.equal(yield* kept, 0);
    yield* sleep(5);
    assert.deepEqual(seen, []);
    assert.equal(loop.isRunning(), true);
  });

  it('gives the last value, the default, or an EmptyError, as lastValueFrom does', function* () {
    assert.equal(yield* futureFrom(of(1, 2, 3)), 3);
    assert.equal(yield* futureFrom(EMPTY, { defaultValue: 'nothing' }), 'nothing');
    assert.equal(yield* futureFrom(EMPTY, { defaultValue: undefined }), undefined);
    yield* assertRejects(futureFrom(EMPTY), EmptyError);
  });

  it('throws what the observable fails with', async () => {
    const wrong = new Error('wrong');
    await assert.rejects(
      async () =>
        await futureFrom(
          concat(
            of(1),
            throwError(() => wrong),
          ),
        ),
      wrong,
    );
  });

  it('unsubscribes when the task that waits is cancelled, before the task goes on', function* () {
    const seen: string[] = [];
    const source = NEVER.pipe(finalize(() => seen.push('unsubscribed')));
    const task = createTask(function* () {
      try {
        yield* futureFrom(source);
      } catch (error) {
        seen.push('cancelled');
        throw error;
      }
    });
    yield;
    task.cancel('enough');
    yield* assertRejects(task, (error: unknown) => {
      return error instanceof CancelledError && error.reason === 'enough';
    });
    assert.deepEqual(seen, ['unsubscribed', 'cancelled']);
  });

  it('throws what goes wrong while it unsubscribes', function* () {
    const source = NEVER.pipe(
      finalize(() => {
        throw new Error('wrong');
      }),
    );
    const task = createTask(function* () {
      yield* futureFrom(source);
    });
    yield;
    task.cancel();
    yield* assertRejects(task, { name: 'UnsubscriptionError' });
  });

  it('unsubscribes when a scope of an async function ends', async () => {
    let unsubscribed = false;
    const source = NEVER.pipe(finalize(() => (unsubscribed = true)));
    await assert.rejects(async () => {
      await timeout(2, async () => await futureFrom(source));
    }, TimeoutError);
    assert.equal(unsubscribed, true);
  });

  it('emits the result of a function that is run at each subscription', async () => {
    let runs = 0;
    const source = observableFrom(function* () {
      yield* sleep(1);
      return ++runs;
    });
    assert.equal(runs, 0);
    assert.deepEqual(await futureFrom(concat(source, source).pipe(toArray())), [1, 2]);
    assert.equal(await lastValueFrom(observableFrom(async () => await sleep(1, 'async'))), 'async');
    assert.equal(await firstValueFrom(from(sleep(1, 'thenable'))), 'thenable');
  });

  it('passes errors of ours on, and cancellations as errors', function* (loop) {
    const wrong = new Error('wrong');
    yield* assertRejects(
      futureFrom(
        observableFrom(async () => {
          await sleep(1);
          throw wrong;
        }),
      ),
      wrong,
    );
    const future = loop.createFuture<number>();
    const seen = futureFrom(observableFrom(future).pipe(map((value) => value + 1)));
    future.cancel('by somebody');
    yield* assertRejects(seen, CancelledError);
  });

  it('cancels the task or the future when it is unsubscribed', function* (loop) {
    const seen: unknown[] = [];
    const subscription = observableFrom(function* () {
      try {
        yield* sleep(1000);
      } catch (error) {
        seen.push((error as CancelledError).reason);
        throw error;
      }
    }).subscribe();
    const future = loop.createFuture<void>();
    const other = observableFrom(future).subscribe();
    yield;
    subscription.unsubscribe();
    other.unsubscribe();
    yield* sleep(1);
    assert.deepEqual(seen, ['unsubscribed']);
    assert.equal(future.cancelled(), true);
  });

  it('emits the lines of a stream, and closes the iteration when it is unsubscribed', async () => {
    const server = await startServer(
      async (reader, writer) => {
        await writer.write('one\ntwo\nthree\n');
        await reader.read();
        writer.close();
      },
      { host: '127.0.0.1', port: 0 },
    );
    const [address] = server.sockets;
    const { reader, writer } = await openConnection({
      host: '127.0.0.1',
      port: (address as { port: number }).port,
    });
    const lines = await futureFrom(
      observableFrom(reader).pipe(
        map((line) => new TextDecoder().decode(line).trim()),
        take(3),
        toArray(),
      ),
    );
    assert.deepEqual(lines, ['one', 'two', 'three']);
    writer.close();
    server.close();
    await server.waitClosed();
  });

  it('keeps the stores of AsyncLocalStorage: in operators, in tasks, and behind the await', async () => {
    const storage = new AsyncLocalStorage<string>();
    const scheduler = loopScheduler();
    const seen: (string | undefined)[] = [];
    await storage.run('ours', async () => {
      const source = defer(() =>
        timer(1, 1, scheduler).pipe(
          take(2),
          map(() => seen.push(storage.getStore())),
        ),
      );
      await futureFrom(source);
      seen.push(storage.getStore());
      await lastValueFrom(
        observableFrom(async () => await sleep(1)).pipe(map(() => seen.push(storage.getStore()))),
      );
      seen.push(storage.getStore());
    });
    assert.deepEqual(seen, ['ours', 'ours', 'ours', 'ours', 'ours']);
  });
});
