/**
 * Every order in which a few tasks can go on, with a cancellation at every point: tasks that acquire, wait, put and get, and
 * one that cancels a victim after so many turns. Whatever the order, nobody sleeps who could go on, nothing is held at the
 * end, and nothing was lost or doubled.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createTask, sleep, type Task } from '../../src/coroutines/index.ts';
import { isCancellation, type Suspension } from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { Barrier, Condition, Event, Lock, Queue, Semaphore } from '../../src/sync/index.ts';
import { explore } from '../../src/testing/index.ts';

type Steps<T = void> = Generator<Suspension, T, unknown>;

/** The later turns in which a victim can still be caught waiting, and one more. */
const turnsMax = 5;

/** How many orders there are, of all victims and turns together. */
async function everyOrder(scenario: (cancelLater: CancelLater) => Steps): Promise<number> {
  let runs = 0;
  for (const victim of [null, 0, 1, 2]) {
    for (let turn = 0; turn <= (victim === null ? 0 : turnsMax); turn++) {
      const report = await explore({
        exhaustive: true,
        *scenario() {
          yield* scenario((tasks) => {
            const task = victim === null ? undefined : tasks[victim];
            if (task !== undefined) cancelAfter(turn, task);
          });
        },
      });
      assert.equal(report.exhaustive?.complete, true);
      runs += report.runs;
    }
  }
  return runs;
}

/** Has another task cancel one of these. */
type CancelLater = (tasks: readonly Task<unknown>[]) => void;

/** Turns are counted by a callback, whose order is none to choose: the cancellation itself is a step like all others. */
function cancelAfter(turns: number, task: Task<unknown>): void {
  if (turns > 0) getRunningLoop().callSoon(cancelAfter, turns - 1, task);
  else createTask(async () => void task.cancel());
}

/** Waits until all that can happen has, and tells which are done; no error but a cancellation is one of these. */
function* ended(tasks: readonly Task<unknown>[]): Steps<boolean[]> {
  // Time passes only when nothing else is left to do.
  yield* sleep(1);
  return tasks.map((task) => {
    if (task.done() && !task.cancelled() && task.exception() !== null) throw task.exception();
    return task.done();
  });
}

function* swallow(task: Task<unknown>): Steps {
  try {
    yield* task;
  } catch (error) {
    if (!isCancellation(error)) throw error;
  }
}

describe('in every order of three tasks, one of which may be cancelled at any point', () => {
  for (const [name, make, units] of [
    ['a lock', () => new Lock(), 1],
    ['a semaphore', () => new Semaphore(2), 2],
  ] as const) {
    it(`${name} is never held by too many, and is handed on and free at the end`, async (context) => {
      const runs = await everyOrder(function* (cancelLater) {
        const resource = make();
        let inside = 0;
        let most = 0;
        const worker = function* () {
          yield* resource.acquire();
          most = Math.max(most, ++inside);
          try {
            yield;
          } finally {
            inside--;
            resource.release();
          }
        };
        const tasks = [createTask(worker), createTask(worker), createTask(worker)];
        cancelLater(tasks);
        assert.deepEqual(yield* ended(tasks), [true, true, true], 'somebody sleeps');
        assert.ok(most <= units, `${most} at once`);
        assert.equal(resource.locked(), false);
        for (const task of tasks) yield* swallow(task);
      });
      context.diagnostic(`${runs} orders`);
      assert.ok(runs > 100, `${runs} orders`);
    });
  }

  it('a queue loses nothing, doubles nothing, and wakes whoever something is there for', async (context) => {
    const runs = await everyOrder(function* (cancelLater) {
      const queue = new Queue<number>(1);
      const put: number[] = [];
      const got: number[] = [];
      const tasks = [
        createTask(function* () {
          for (const item of [1, 2]) {
            yield* queue.put(item);
            put.push(item);
          }
        }),
        createTask(function* () {
          got.push(yield* queue.get());
        }),
        createTask(function* () {
          got.push(yield* queue.get());
        }),
      ];
      cancelLater(tasks);
      const done = yield* ended(tasks);
      const left: number[] = [];
      while (!queue.empty()) {
        left.push(queue.getNowait());
        yield* sleep(1);
      }
      assert.deepEqual([...got, ...left].sort(), put, `${got} were taken, ${left} are left`);
      // One who waits for an item does so only while there is none.
      assert.ok(left.length === 0 || (done[1] && done[2]), 'an item is there, and somebody waits for one');
      for (const task of tasks) {
        task.cancel();
        yield* swallow(task);
      }
    });
    context.diagnostic(`${runs} orders`);
    assert.ok(runs > 100, `${runs} orders`);
  });

  it('an event wakes all who wait, whenever it is set', async (context) => {
    const runs = await everyOrder(function* (cancelLater) {
      const event = new Event();
      const tasks = [
        createTask(() => event.wait()),
        createTask(() => event.wait()),
        createTask(function* () {
          yield;
          event.set();
        }),
      ];
      cancelLater(tasks);
      const done = yield* ended(tasks);
      if (event.isSet()) assert.deepEqual(done, [true, true, true]);
      else assert.equal(tasks[2]?.cancelled(), true);
      for (const task of tasks) {
        task.cancel();
        yield* swallow(task);
      }
    });
    context.diagnostic(`${runs} orders`);
    assert.ok(runs > 50, `${runs} orders`);
  });

  it('a condition loses no wake-up: one who is cancelled with it passes it on', async (context) => {
    const runs = await everyOrder(function* (cancelLater) {
      const condition = new Condition();
      let tokens = 0;
      const taker = function* () {
        yield* condition.acquire();
        try {
          while (tokens === 0) yield* condition.wait();
          tokens--;
        } finally {
          condition.release();
        }
      };
      const tasks = [
        createTask(taker),
        createTask(taker),
        createTask(function* () {
          yield* condition.acquire();
          try {
            tokens++;
            condition.notify();
          } finally {
            condition.release();
          }
        }),
      ];
      cancelLater(tasks);
      const done = yield* ended(tasks);
      assert.ok(tokens === 0 || (done[0] && done[1]), 'there is a token, and somebody waits for one');
      assert.equal(condition.locked(), false);
      for (const task of tasks) {
        task.cancel();
        yield* swallow(task);
      }
      assert.equal(condition.locked(), false);
    });
    context.diagnostic(`${runs} orders`);
    assert.ok(runs > 100, `${runs} orders`);
  });

  it('a barrier lets all of its parties through, or none', async (context) => {
    const runs = await everyOrder(function* (cancelLater) {
      const barrier = new Barrier(2);
      const passed: number[] = [];
      const party = function* () {
        passed.push(yield* barrier.wait());
      };
      const tasks = [createTask(party), createTask(party)];
      cancelLater(tasks);
      const done = yield* ended(tasks);
      const stopped = tasks.filter((task) => task.cancelled()).length;
      if (stopped === 0) assert.deepEqual(passed.toSorted(), [0, 1]);
      // One who was cancelled before the other came leaves that one waiting; after that, both have met.
      else assert.ok(passed.length < 2);
      assert.equal(barrier.nWaiting, done.filter((over) => !over).length);
      for (const task of tasks) {
        task.cancel();
        yield* swallow(task);
      }
    });
    context.diagnostic(`${runs} orders`);
    assert.ok(runs > 20, `${runs} orders`);
  });
});
