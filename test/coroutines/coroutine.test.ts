import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import {
  allTasks,
  Coroutine,
  coroutine,
  createTask,
  currentTask,
  Future,
  isCoroutine,
  sleep,
  Task,
  task,
} from '../../src/coroutines/index.ts';
import { StateError } from '../../src/interface/index.ts';
import { ContextVar } from '../../src/loop/index.ts';
import { both, inLoop, inTask, settle, thrown } from './spellings.ts';

const double = coroutine(function* double(n: number) {
  yield;
  return 2 * n;
});

describe('a coroutine', () => {
  both('does nothing until it is waited for', function* () {
    let ran = false;
    const idle = coroutine(function* () {
      ran = true;
      yield;
    })();
    yield* settle();
    assert.equal(ran, false);
    yield idle;
    assert.equal(ran, true);
  });

  both('gives its result', function* () {
    assert.equal(yield double(2), 4);
  });

  inTask('runs inside the present task where it is said `yield*`', function* () {
    const self = currentTask();
    const who = coroutine(function* () {
      yield;
      return currentTask();
    });
    assert.equal(yield* who(), self);
  });

  both('is a task of its own where it is awaited', function* (spelled) {
    const self = currentTask();
    const who = coroutine(function* () {
      yield;
      return [currentTask(), allTasks().size] as const;
    });
    const [inside, count] = (yield who()) as [Task<unknown>, number];
    const inline = spelled.spelling.name === 'yield*';
    assert.equal(inside === self, inline);
    assert.equal(count, inline ? 1 : 2);
  });

  both('can be used once (B-P492-004)', function* () {
    const used = double(1);
    assert.equal(yield used, 2);
    const error = yield* thrown(used);
    assert.ok(error instanceof StateError);
    assert.equal(error.message, 'Cannot run coroutine double: it has been run or closed');
  });

  both('that a task is running cannot be waited for (B-P492-004)', function* () {
    const end = new Future<void>();
    const running = coroutine(function* () {
      yield* end;
    })();
    const first = createTask(running);
    yield* settle();
    assert.ok((yield* thrown(running)) instanceof StateError);
    assert.throws(() => createTask(running), { code: 'ERR_COROUTINE_REUSED' });
    end.setResult();
    yield first;
  });

  both('that is closed never runs, and nobody is warned', function* () {
    let ran = false;
    const closed = coroutine(function* () {
      ran = true;
      yield;
    })();
    closed.close();
    closed.close();
    assert.ok((yield* thrown(closed)) instanceof StateError);
    assert.equal(ran, false);
  });

  both('that runs is not disturbed by being closed', function* () {
    const running = double(3);
    const task = createTask(running);
    yield;
    running.close();
    assert.equal(yield task, 6);
  });

  both('can be a method', function* () {
    class Counter {
      n = 0;
      readonly add = coroutine(Counter.prototype.adding);
      *adding(by: number) {
        yield;
        this.n += by;
        return this.n;
      }
    }
    const counter = new Counter();
    assert.equal(yield counter.add(2), 2);
    assert.equal(yield counter.add(3), 5);
  });

  both('may throw anything', function* () {
    for (const value of [null, undefined, new Error('hail')]) {
      const throwing = coroutine(function* () {
        yield;
        throw value;
      });
      assert.equal(yield* thrown(throwing()), value);
    }
  });

  inLoop('has a name and a text', () => {
    assert.equal(double.name, 'double');
    const one = double(1);
    assert.equal(one.name, 'double');
    assert.equal(String(one), '<Coroutine double>');
    assert.equal(inspect([one]), '[ <Coroutine double> ]');
    one.close();
    assert.equal(String(one), '<Coroutine double taken>');
    assert.equal(String(coroutine(function* () {})()), '<Coroutine (anonymous)>');
  });

  it('is known by isCoroutine', () => {
    assert.equal(isCoroutine(double(1)), true);
    assert.ok(double(1) instanceof Coroutine);
    for (const other of [double, (function* () {})(), Promise.resolve(), null, 5]) {
      assert.equal(isCoroutine(other), false);
    }
  });

  it('is made of a generator function only', () => {
    for (const make of [coroutine, task]) {
      assert.throws(() => make(5 as never), TypeError);
      assert.throws(
        () => make((async () => {}) as never),
        /an async function is awaited, or given to createTask/,
      );
    }
  });

  it('is awaited in a running loop only, and is used up by that', async () => {
    await assert.rejects(async () => await double(1), { code: 'ERR_NO_RUNNING_LOOP' });
  });
});

describe('task', () => {
  const decorated = task(function* decorated(n: number) {
    yield;
    yield* sleep(0);
    return n + 1;
  });

  both('makes a call give a started task (B-T13-007)', function* () {
    const started = decorated(1);
    assert.ok(started instanceof Task);
    assert.equal(started.done(), false);
    assert.match(String(started), / coroutine=decorated>/);
    assert.equal(yield started, 2);
    assert.equal(decorated.name, 'decorated');
  });

  both('is cancelled by a queued step, and cancelled() tells only then (B-T13-007, differs)', function* () {
    const started = task(function* () {
      yield* new Future<void>();
    })();
    yield* settle();
    assert.equal(started.cancel(), true);
    assert.equal(started.cancelled(), false);
    assert.equal(started.cancelling(), 1);
    yield* thrown(started);
    assert.equal(started.cancelled(), true);
  });

  both('copies the context at the call', function* () {
    const variable = new ContextVar('variable', { default: 'none' });
    const look = task(function* () {
      yield;
      return variable.get();
    });
    variable.set('at the call');
    const looking = look();
    variable.set('later');
    assert.equal(yield looking, 'at the call');
  });
});
