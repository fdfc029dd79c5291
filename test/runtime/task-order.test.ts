import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { currentTask, Future } from '../../src/coroutines/index.ts';
import type { Runnable } from '../../src/interface/index.ts';
import { EventLoop } from '../../src/runtime/index.ts';
import { StubDriver } from '../loop/stub-driver.ts';

type Choose = (candidates: readonly Runnable[]) => number;

/** A loop that the test turns, with `choose` for its order. */
function setUp(choose: Choose | null) {
  const driver = new StubDriver();
  const loop = new EventLoop(driver);
  loop.attachStepped({ wanted() {} }, () => {});
  loop.setOrder(choose);
  const log: string[] = [];
  return {
    loop,
    driver,
    log,
    say: (text: string) => () => void log.push(text),
    task: (name: string) =>
      loop.createTask(
        function* () {
          log.push(name);
          yield* []; // one step
        },
        { name },
      ),
    end() {
      loop.detach(() => {});
      loop.close();
    },
  };
}

/** Calls `body` once for every course of choices. */
function everyCourse(body: (choose: Choose) => void): number {
  let course: number[] = [];
  for (let runs = 1; ; runs++) {
    const counts: number[] = [];
    body((candidates) => {
      const index = counts.push(candidates.length) - 1;
      course[index] ??= 0;
      return course[index] as number;
    });
    course = course.slice(0, counts.length);
    while (course.length > 0 && (course.at(-1) as number) + 1 >= (counts[course.length - 1] as number))
      course.pop();
    if (course.length === 0) return runs;
    course[course.length - 1] = (course.at(-1) as number) + 1;
  }
}

describe('the order of tasks', () => {
  it('is that in which they became ready, unless somebody chooses (B-LOOP-003)', () => {
    const { loop, log, task, end } = setUp(null);
    for (const name of ['a', 'b', 'c']) task(name);
    loop.step();
    assert.deepEqual(log, ['a', 'b', 'c']);
    end();
  });

  it('can be every one there is', () => {
    const seen = new Set<string>();
    const runs = everyCourse((choose) => {
      const { loop, log, task, end } = setUp(choose);
      for (const name of ['a', 'b', 'c', 'd']) task(name);
      loop.step();
      seen.add(log.join(''));
      end();
    });
    assert.equal(runs, 24);
    assert.equal(seen.size, 24);
  });

  it('is the plain one where the oldest is always chosen, and the others keep theirs behind one that is taken out', () => {
    const taken: number[] = [];
    const { loop, log, task, end } = setUp((candidates) => (taken.push(candidates.length) === 1 ? 2 : 0));
    for (const name of ['a', 'b', 'c', 'd']) task(name);
    loop.step();
    assert.deepEqual(log, ['c', 'a', 'b', 'd']);
    assert.deepEqual(taken, [4, 3, 2]);
    end();
  });

  it('is chosen between two callbacks: no task passes one', () => {
    const seen = new Set<string>();
    everyCourse((choose) => {
      const { loop, driver, log, say, task, end } = setUp(choose);
      loop.callSoon(say('1'));
      task('a');
      task('b');
      loop.callSoon(say('2'));
      driver.host?.enqueue({ run: say('3') });
      task('c');
      driver.host?.enqueue({ run: say('4') });
      task('d');
      task('e');
      loop.callAt(0, say('5'));
      loop.step();
      seen.add(log.join(''));
      end();
    });
    assert.deepEqual([...seen].sort(), ['1ab23c4de5', '1ab23c4ed5', '1ba23c4de5', '1ba23c4ed5']);
  });

  it('leaves who waits for a future behind the callbacks that it was given before', () => {
    everyCourse((choose) => {
      const { loop, log, say, end } = setUp(choose);
      const gate = new Future<void>({ loop });
      loop.createTask(function* () {
        yield;
      });
      gate.addDoneCallback(say('callback'));
      loop.createTask(function* () {
        yield* gate;
        log.push('waiter');
      });
      loop.step();
      gate.setResult();
      loop.step();
      assert.deepEqual(log, ['callback', 'waiter']);
      end();
    });
  });

  it('offers the tasks themselves, and the awaits of async functions', async () => {
    const offered: string[][] = [];
    const { loop, log, end } = setUp(null);
    const gate = new Future<void>({ loop });
    const wait = { name: 'generator' };
    loop.createTask(function* () {
      yield* gate;
      log.push(`${currentTask()?.getName()}`);
    }, wait);
    gate.addDoneCallback(() => log.push('callback'));
    const followed = gate.then(() => log.push('then'));
    loop.createTask(
      async () => {
        await gate;
        log.push(`${currentTask()?.getName()}`);
      },
      { name: 'async' },
    );
    await new Promise<void>((resolve) => {
      setImmediate(() => {
        loop.step();
        loop.setOrder((candidates) => {
          offered.push(candidates.map(String));
          return 1;
        });
        gate.setResult();
        loop.step();
        resolve();
      });
    });
    assert.deepEqual(log, ['callback', 'then', 'async', 'generator']);
    assert.equal(offered.length, 1);
    assert.match(offered[0]?.[0] ?? '', /"generator"/);
    assert.equal(offered[0]?.[1], 'await in async');
    assert.ok(followed.done());
    end();
  });

  it('is chosen within a turn: a task that is ready again waits for the next one', () => {
    everyCourse((choose) => {
      const { loop, log, end } = setUp(choose);
      for (const name of ['a', 'b']) {
        loop.createTask(function* () {
          log.push(`${name}1`);
          yield;
          log.push(`${name}2`);
        });
      }
      loop.step();
      assert.deepEqual(log.toSorted(), ['a1', 'b1']);
      loop.step();
      assert.deepEqual(log.slice(2).toSorted(), ['a2', 'b2']);
      end();
    });
  });

  it('looks at no more than sixteen', () => {
    let most = 0;
    const { loop, log, task, end } = setUp((candidates) => {
      most = Math.max(most, candidates.length);
      return candidates.length - 1;
    });
    for (let i = 0; i < 40; i++) task(String(i));
    loop.step();
    assert.equal(most, 16);
    assert.equal(log.length, 40);
    assert.equal(new Set(log).size, 40);
    end();
  });

  it('is chosen from the next turn on, and no more from the next one after', () => {
    let asked = 0;
    const { loop, task, end } = setUp(null);
    const offer = () => {
      task('a');
      task('b');
    };
    offer();
    loop.callSoon(() =>
      loop.setOrder(() => {
        asked++;
        return 0;
      }),
    );
    offer();
    loop.step();
    assert.equal(asked, 0);
    offer();
    loop.step();
    assert.equal(asked, 1);
    loop.setOrder(null);
    offer();
    loop.step();
    assert.equal(asked, 1);
    end();
  });
});
