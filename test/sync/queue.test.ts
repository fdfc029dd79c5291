import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { createTask, gather, timeout, wait } from '../../src/coroutines/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import {
  LifoQueue,
  PriorityQueue,
  Queue,
  QueueEmpty,
  QueueFull,
  QueueShutDown,
} from '../../src/sync/index.ts';
import { runSimulated } from '../support/simulated.ts';
import { settle, test, testBoth } from './in-loop.ts';

/** Everything that is in the queue now. */
function drain<T>(queue: Queue<T>): T[] {
  const items: T[] = [];
  while (!queue.empty()) items.push(queue.getNowait());
  return items;
}

describe('Queue', () => {
  test('gives the oldest first, or the newest, or the smallest, by its kind (B-Q-001)', function* () {
    for (const [queue, expected] of [
      [new Queue<number>(), [2, 3, 1]],
      [new LifoQueue<number>(), [1, 3, 2]],
      [new PriorityQueue<number>(), [1, 2, 3]],
    ] as const) {
      yield* queue.put(2);
      queue.putNowait(3);
      yield* queue.put(1);
      assert.equal(queue.qsize(), 3);
      const items = [yield* queue.get(), queue.getNowait(), yield* queue.get()];
      assert.deepEqual(items, expected);
      assert.equal(queue.empty(), true);
    }
  });

  testBoth('gives what its order says to those who waited, too (B-Q-001)', function* (spawn) {
    for (const [queue, expected] of [
      [new Queue<number>(), [2, 3, 1]],
      [new LifoQueue<number>(), [1, 3, 2]],
      [new PriorityQueue<number>(), [1, 2, 3]],
    ] as const) {
      const getters = [1, 2, 3].map(() => spawn(() => queue.get()));
      yield* settle();
      for (const item of [2, 3, 1]) queue.putNowait(item);
      assert.deepEqual(yield* gather(getters), expected);
    }
  });

  it('holds as many as it may, any number for 0 or less (B-Q-002)', () => {
    for (const maxsize of [0, -1]) {
      const queue = new Queue<number>(maxsize);
      for (let i = 0; i < 1000; i++) queue.putNowait(i);
      assert.deepEqual([queue.full(), queue.qsize(), queue.maxsize], [false, 1000, maxsize]);
    }
    for (const [maxsize, fits] of [
      [1, 1],
      [2, 2],
      [1.3, 2],
      [0.5, 1],
    ] as const) {
      const queue = new Queue<number>(maxsize);
      for (let i = 0; i < fits; i++) {
        assert.equal(queue.full(), false);
        queue.putNowait(i);
      }
      assert.equal(queue.full(), true);
    }
    assert.throws(() => new Queue(Number.NaN), RangeError);
    // @ts-expect-error no number
    assert.throws(() => new Queue('3'), TypeError);
  });

  testBoth('waits while it is empty; each item lets one go on (B-Q-003)', function* (spawn) {
    const queue = new Queue<string>();
    const getters = [1, 2, 3].map(() => spawn(() => queue.get()));
    yield* settle();
    queue.putNowait('a');
    yield* settle();
    assert.deepEqual(
      getters.map((getter) => getter.done()),
      [true, false, false],
    );
    queue.putNowait('b');
    yield* queue.put('c');
    assert.deepEqual(yield* gather(getters), ['a', 'b', 'c']);
  });

  testBoth('waits while it is full; each item taken lets one go on (B-Q-003)', function* (spawn) {
    const queue = new Queue<string>(1);
    yield* queue.put('a');
    const putters = ['b', 'c'].map((item) => spawn(() => queue.put(item)));
    yield* settle();
    assert.ok(putters.every((putter) => !putter.done()));
    assert.equal(queue.qsize(), 1);
    assert.equal(yield* queue.get(), 'a');
    yield* settle();
    assert.deepEqual(
      putters.map((putter) => putter.done()),
      [true, false],
    );
    assert.equal(queue.getNowait(), 'b');
    assert.equal(yield* queue.get(), 'c');
    yield* gather(putters);
    assert.equal(queue.empty(), true);
  });

  test('costs no turn where nothing must be waited for (B-Q-003)', async () => {
    const queue = new Queue<number>(1);
    let turned = false;
    getRunningLoop().callSoon(() => {
      turned = true;
    });
    await queue.put(1);
    assert.equal(await queue.get(), 1);
    assert.equal(turned, false);
  });

  test('promises an item to who waits, so that nobody else can take it (B-Q-003)', function* () {
    const queue = new Queue<string>(1);
    const waiting = queue.get();
    queue.putNowait('promised');
    assert.deepEqual([queue.qsize(), queue.empty(), queue.full()], [0, true, false]);
    assert.throws(() => queue.getNowait(), QueueEmpty);
    const newcomer = queue.get();
    assert.equal(newcomer.done(), false);
    queue.putNowait('next');
    assert.equal(yield* waiting, 'promised');
    assert.equal(yield* newcomer, 'next');
  });

  it('refuses what cannot be done without waiting (B-Q-004)', () => {
    const queue = new Queue<number>(1);
    assert.throws(() => queue.getNowait(), { name: 'QueueEmpty', code: 'ERR_QUEUE_EMPTY' });
    queue.putNowait(1);
    assert.throws(() => queue.putNowait(2), QueueFull);
    assert.throws(() => queue.putNowait(2), { name: 'QueueFull', code: 'ERR_QUEUE_FULL' });
    assert.equal(queue.getNowait(), 1);
    assert.throws(() => queue.getNowait(), QueueEmpty);
  });

  testBoth('keeps the item for others when a getter is cancelled (B-Q-006)', function* (spawn) {
    const queue = new Queue<number>();
    const getter = spawn(() => queue.get());
    yield* settle();
    getter.cancel();
    queue.putNowait(1);
    yield* settle();
    assert.equal(getter.cancelled(), true);
    assert.deepEqual(drain(queue), [1]);
  });

  testBoth('keeps the item of a getter that is cancelled before it ran (B-Q-006)', function* (spawn) {
    const queue = new Queue<number>();
    const getter = spawn(() => queue.get());
    yield* settle();
    queue.putNowait(1);
    queue.putNowait(2);
    getter.cancel();
    yield* settle();
    assert.equal(getter.cancelled(), true);
    assert.deepEqual(drain(queue), [1, 2]);
  });

  testBoth('hands what a cancelled getter was promised to the next, in order (B-Q-007)', function* (spawn) {
    const queue = new Queue<number>();
    const getters = [1, 2, 3].map(() => spawn(() => queue.get()));
    yield* settle();
    queue.putNowait(1);
    queue.putNowait(2);
    getters[0]?.cancel();
    yield* settle();
    assert.equal(getters[0]?.cancelled(), true);
    assert.deepEqual([getters[1]?.result(), getters[2]?.result()], [1, 2]);
    assert.equal(queue.empty(), true);
  });

  testBoth('does not put the item of a putter that is cancelled (B-Q-008)', function* (spawn) {
    const queue = new Queue<string>(1);
    queue.putNowait('a');
    const putters = ['b', 'c'].map((item) => spawn(() => queue.put(item)));
    yield* settle();
    putters[0]?.cancel();
    assert.equal(queue.getNowait(), 'a');
    yield* settle();
    assert.deepEqual([putters[0]?.cancelled(), putters[1]?.done()], [true, true]);
    assert.deepEqual(drain(queue), ['c']);
  });

  testBoth(
    'takes the item out again of a putter that is cancelled before it ran (B-Q-008)',
    function* (spawn) {
      for (const queue of [new Queue<string>(2), new LifoQueue<string>(2), new PriorityQueue<string>(2)]) {
        queue.putNowait('a');
        queue.putNowait('a');
        const putters = ['b', 'c'].map((item) => spawn(() => queue.put(item)));
        yield* settle();
        assert.equal(queue.getNowait(), 'a');
        assert.equal(queue.qsize(), 2);
        putters[0]?.cancel();
        yield* settle();
        assert.deepEqual([putters[0]?.cancelled(), putters[1]?.done()], [true, true]);
        assert.deepEqual(drain(queue).sort(), ['a', 'c']);
        for (let i = 0; i < 3; i++) queue.taskDone();
        assert.throws(() => queue.taskDone(), RangeError);
      }
    },
  );

  testBoth('lets a put stand whose item has been taken when it is cancelled (B-Q-008)', function* (spawn) {
    const queue = new Queue<string>(1);
    queue.putNowait('a');
    const putter = spawn(() => queue.put('b'));
    yield* settle();
    queue.getNowait();
    assert.equal(queue.getNowait(), 'b');
    putter.cancel();
    yield* settle();
    assert.equal(putter.cancelled(), false);
  });

  testBoth(
    'lets a put stand whose item somebody was promised when it is cancelled (B-Q-008)',
    function* (spawn) {
      const queue = new Queue<string>(1);
      const getter = spawn(() => queue.get());
      yield* settle();
      // All in one turn, so that neither task has learnt of anything when the putter is cancelled.
      const putter = spawn(() => queue.put('c'));
      getRunningLoop().callSoon(() => {
        assert.deepEqual([queue.getNowait(), queue.getNowait()], ['a', 'b']);
        putter.cancel();
      });
      queue.putNowait('a');
      queue.putNowait('b');
      yield* settle();
      assert.equal(getter.result(), 'c');
      assert.deepEqual([putter.done(), putter.cancelled(), queue.qsize()], [true, false, 0]);
    },
  );

  testBoth('counts well what is done before it was got, and then withdrawn (B-Q-011)', function* (spawn) {
    const queue = new Queue<string>(1);
    queue.putNowait('a');
    const putter = spawn(() => queue.put('b'));
    yield* settle();
    queue.getNowait();
    queue.taskDone();
    queue.taskDone();
    putter.cancel();
    assert.equal(queue.qsize(), 0);
    queue.putNowait('c');
    assert.equal(queue.join().done(), false);
    queue.taskDone();
    assert.throws(() => queue.taskDone(), RangeError);
  });

  test('delivers an item before a timeout that strikes in the same turn (B-WF-006)', function* () {
    const queue = new Queue<number>();
    let expire: () => void = () => {};
    const getter = createTask(() =>
      timeout(60_000, function* (scope) {
        expire = () => scope.reschedule(0);
        return yield* queue.get();
      }),
    );
    yield* settle();
    getRunningLoop().callSoon(() => queue.putNowait(1));
    expire();
    assert.equal(yield* getter, 1);
  });

  test('forgets those who are cancelled while they wait (B-Q-009)', function* () {
    const queue = new Queue<number>(1);
    const getters = Array.from({ length: 3 }, () => queue.get());
    assert.equal(String(queue), '<Queue size=0 maxsize=1 getters=3>');
    for (const getter of getters) getter.cancel();
    assert.equal(String(queue), '<Queue size=0 maxsize=1>');
    yield* queue.put(0);
    const putters = Array.from({ length: 3 }, () => queue.put(1));
    assert.equal(String(queue), '<Queue size=1 maxsize=1 putters=3 tasks=1>');
    for (const putter of putters) putter.cancel();
    assert.equal(String(queue), '<Queue size=1 maxsize=1 tasks=1>');
  });

  for (const Kind of [Queue, LifoQueue, PriorityQueue]) {
    it(`of kind ${Kind.name} is told at most once for each item that it is done (B-Q-011)`, () => {
      const queue = new Kind<number>();
      assert.throws(() => queue.taskDone(), RangeError);
      queue.putNowait(1);
      queue.taskDone();
      assert.throws(() => queue.taskDone(), RangeError);
    });

    testBoth(`of kind ${Kind.name} is joined once all is done (B-Q-012)`, function* (spawn) {
      const queue = new Kind<number>();
      assert.equal(queue.join().done(), true);
      for (let i = 0; i < 3; i++) queue.putNowait(i);
      const joiners = [spawn(() => queue.join()), spawn(() => queue.join())];
      for (let i = 0; i < 3; i++) {
        yield* queue.get();
        yield* settle();
        assert.ok(joiners.every((joiner) => !joiner.done()));
        queue.taskDone();
      }
      yield* gather(joiners);
      yield* queue.join();
    });

    testBoth(
      `of kind ${Kind.name}, shut down, takes nothing and gives what it has (B-Q-013)`,
      function* (spawn) {
        const queue = new Kind<number>();
        queue.putNowait(1);
        queue.putNowait(1);
        queue.shutdown();
        assert.throws(() => queue.putNowait(2), { name: 'QueueShutDown', code: 'ERR_QUEUE_SHUT_DOWN' });
        yield* expectShutDown(spawn(() => queue.put(2)));
        assert.equal(yield* queue.get(), 1);
        assert.equal(queue.getNowait(), 1);
        assert.throws(() => queue.getNowait(), QueueShutDown);
        yield* expectShutDown(spawn(() => queue.get()));
      },
    );

    testBoth(`of kind ${Kind.name} tells those who wait that it is shut down (B-Q-014)`, function* (spawn) {
      const empty = new Kind<number>();
      const full = new Kind<number>(1);
      full.putNowait(1);
      const outcomes = gather([spawn(() => empty.get()), spawn(() => full.put(2))], {
        returnExceptions: true,
      });
      yield* settle();
      empty.shutdown();
      full.shutdown();
      for (const outcome of yield* outcomes) assert.ok(outcome instanceof QueueShutDown);
      assert.deepEqual(drain(full), [1]);
    });

    testBoth(
      `of kind ${Kind.name}, shut down at once, drops what it has as done (B-Q-016)`,
      function* (spawn) {
        const queue = new Kind<number>(3);
        for (let i = 0; i < 3; i++) queue.putNowait(i);
        yield* queue.get();
        const joiner = spawn(() => queue.join());
        yield* settle();
        queue.shutdown(true);
        assert.equal(queue.qsize(), 0);
        yield* expectShutDown(spawn(() => queue.get()));
        assert.equal(joiner.done(), false);
        queue.taskDone();
        yield* joiner;
      },
    );

    it(`of kind ${Kind.name} counts what is done when it is shut down, too (B-Q-017)`, () => {
      for (const immediate of [false, true]) {
        const queue = new Kind<number>();
        queue.putNowait(1);
        queue.putNowait(2);
        queue.getNowait();
        queue.shutdown(immediate);
        queue.taskDone();
        if (!immediate) {
          queue.getNowait();
          queue.taskDone();
        }
        assert.throws(() => queue.taskDone(), RangeError);
      }
    });
  }

  testBoth('leaves items that were promised to those they were promised to (B-Q-016)', function* (spawn) {
    const queue = new Queue<number>();
    const getters = [1, 2].map(() => spawn(() => queue.get()));
    yield* settle();
    queue.putNowait(1);
    queue.shutdown(true);
    assert.equal(yield* getters[0] ?? queue.get(), 1);
    yield* expectShutDown(getters[1]);
    assert.equal(queue.join().done(), false);
    queue.taskDone();
    assert.equal(queue.join().done(), true);
  });

  test('may be shut down twice, the second time at once (B-Q-016)', function* () {
    const queue = new Queue<number>();
    queue.putNowait(1);
    queue.shutdown();
    queue.shutdown(true);
    assert.throws(() => queue.getNowait(), QueueShutDown);
    yield* queue.join();
  });

  it('can be filled before a loop runs, and belongs to the first in which somebody waits', async () => {
    const queue = new Queue<number>();
    queue.putNowait(1);
    await runSimulated(function* () {
      assert.equal(yield* queue.get(), 1);
    });
    await runSimulated(function* () {
      yield;
      for (const use of [
        () => queue.get(),
        () => queue.put(1),
        () => queue.join(),
        () => queue.putNowait(1),
        () => queue.getNowait(),
        () => queue.shutdown(),
      ]) {
        assert.throws(use, /is bound to a different event loop/);
      }
    });
  });

  it('says what it is', () => {
    const queue = new Queue<number>();
    assert.equal(inspect(queue), '<Queue size=0>');
    queue.putNowait(1);
    queue.shutdown();
    assert.equal(inspect(queue), '<Queue size=1 tasks=1 shutdown>');
    assert.equal(String(new LifoQueue(2)), '<LifoQueue size=0 maxsize=2>');
    assert.equal(String(new PriorityQueue(2)), '<PriorityQueue size=0 maxsize=2>');
  });
});

describe('PriorityQueue', () => {
  it('gives of equal items the one that was put first', () => {
    const queue = new PriorityQueue<{ priority: number; name: string }>(0, {
      compare: (a, b) => a.priority - b.priority,
    });
    for (const [priority, name] of [
      [2, 'a'],
      [1, 'b'],
      [2, 'c'],
      [1, 'd'],
      [1, 'e'],
    ] as const) {
      queue.putNowait({ priority, name });
    }
    assert.deepEqual(
      drain(queue).map(({ name }) => name),
      ['b', 'd', 'e', 'a', 'c'],
    );
  });

  it('orders numbers, strings, dates and arrays as one expects', () => {
    const sorted = (items: unknown[]) => {
      const queue = new PriorityQueue<unknown>();
      for (const item of items) queue.putNowait(item);
      return drain(queue);
    };
    assert.deepEqual(sorted([10, 9, -1, 2n, Infinity]), [-1, 2n, 9, 10, Infinity]);
    assert.deepEqual(sorted(['b', 'a', 'B']), ['B', 'a', 'b']);
    assert.deepEqual(sorted([new Date(2), new Date(1)]), [new Date(1), new Date(2)]);
    const same = { of: 'no order' };
    assert.deepEqual(sorted([[10, 'x'], [9, 'y'], [9], [9, 'b', same], [9, 'b', same]]), [
      [9],
      [9, 'b', same],
      [9, 'b', same],
      [9, 'y'],
      [10, 'x'],
    ]);
  });

  it('refuses what has no place in its order, and is as it was', () => {
    const queue = new PriorityQueue<unknown>();
    queue.putNowait(1);
    for (const item of ['a', {}, null, Number.NaN, [1]]) {
      assert.throws(() => queue.putNowait(item), /^TypeError: Cannot order .* and .*: give .* `compare`/);
    }
    queue.putNowait(0);
    assert.deepEqual(drain(queue), [0, 1]);
    queue.taskDone();
    queue.taskDone();
    assert.throws(() => queue.taskDone(), RangeError);
    // @ts-expect-error no function
    assert.throws(() => new PriorityQueue(0, { compare: 'priority' }), TypeError);
  });

  testBoth('tells a putter that waited that its item has no place, and lets in the next', function* (spawn) {
    const queue = new PriorityQueue<unknown>(2);
    queue.putNowait(1);
    queue.putNowait(2);
    const wrong = spawn(() => queue.put('a'));
    const right = spawn(() => queue.put(3));
    yield* settle();
    assert.equal(queue.getNowait(), 1);
    yield* wait([wrong]);
    assert.ok(wrong.exception() instanceof TypeError);
    yield* right;
    assert.deepEqual(drain(queue), [2, 3]);
  });

  testBoth('tells a getter what comparing has thrown, and keeps all items', function* (spawn) {
    let broken = false;
    const queue = new PriorityQueue<number>(0, {
      compare: (a, b) => {
        if (broken) throw new Error('broken');
        return a - b;
      },
    });
    const getters = [1, 2].map(() => spawn(() => queue.get()));
    yield* settle();
    for (const item of [3, 1, 2]) queue.putNowait(item);
    broken = true;
    yield* wait(getters);
    assert.match(String(getters[0]?.exception()), /broken/);
    assert.match(String(getters[1]?.exception()), /broken/);
    broken = false;
    assert.deepEqual(drain(queue), [1, 2, 3]);
  });
});

function* expectShutDown(task: ReturnType<typeof createTask<unknown>> | undefined) {
  assert.ok(task);
  yield* wait([task]);
  assert.ok(task.exception() instanceof QueueShutDown);
}
