import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { currentTask, Future, sleep } from '../../src/coroutines/index.ts';
import { type ExceptionContext, StateError } from '../../src/interface/index.ts';
import { ContextVar, getRunningLoop, isAbandoned, runningLoop } from '../../src/loop/index.ts';
import { EventLoop, type LoopExtension, run, setLoopExtension } from '../../src/runtime/index.ts';
import { StubDriver } from '../loop/stub-driver.ts';
import { collectGarbage } from '../support/collect-garbage.ts';

const hasCode = (code: string) => (error: unknown) => error instanceof StateError && error.code === code;

/** A loop, turned by the test. */
class Stepped {
  readonly driver = new StubDriver();
  readonly loop = new EventLoop(this.driver);
  readonly reports: ExceptionContext[] = [];
  wanted = 0;
  stops = 0;

  constructor() {
    this.loop.setExceptionHandler((_loop, context) => void this.reports.push(context));
    this.attach();
  }

  attach(): void {
    this.loop.attachStepped({ wanted: () => void this.wanted++ }, () => {
      this.stops++;
    });
  }

  turnAll(): void {
    for (let turn = 0; this.loop.queued > 0; turn++) {
      assert.ok(turn < 100);
      this.loop.step();
    }
  }

  end(): void {
    this.loop.detach(() => {});
    this.loop.close();
    assert.deepEqual(this.reports, []);
  }
}

/** Outside of promise reactions, in which no other runs. */
function atHostsTurn(test: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    setImmediate(() => {
      try {
        test();
        resolve();
      } catch (error) {
        reject(error);
      }
    });
  });
}

describe('a stepped loop', () => {
  it('turns once for each step, and never by itself', () => {
    const { loop, ...one } = new Stepped();
    assert.ok(loop.isRunning());
    const log: string[] = [];
    loop.callSoon(() => {
      log.push('first');
      loop.callSoon(() => log.push('of the first'));
    });
    loop.callSoon(() => log.push('second'));
    assert.deepEqual(log, []);
    loop.step();
    assert.deepEqual(log, ['first', 'second']);
    assert.equal(loop.queued, 1);
    loop.step();
    assert.deepEqual(log, ['first', 'second', 'of the first']);
    assert.equal(loop.turns, 2);
    one.driver.close();
    loop.detach(() => {});
    loop.close();
  });

  it('neither waits nor asks its driver', () => {
    const one = new Stepped();
    one.driver.wait = () => assert.fail('the driver was asked');
    one.loop.callSoon(() => {});
    one.loop.step();
    one.loop.step();
    one.end();
  });

  it('tells its stepper what comes from outside of its turns, and nothing of what comes inside', () => {
    const one = new Stepped();
    assert.equal(one.wanted, 0);
    one.loop.callSoon(() => {
      one.loop.callSoon(() => {});
      one.loop.callLater(5, () => {});
    });
    assert.equal(one.wanted, 1);
    const timer = one.loop.callLater(1, () => {});
    assert.equal(one.wanted, 2);
    timer.cancel();
    assert.equal(one.wanted, 3);
    one.loop.step();
    assert.equal(one.wanted, 3);
    one.driver.host?.enqueue({ run: () => {} });
    assert.equal(one.wanted, 4);
    one.turnAll();
    one.end();
  });

  it('tells of what was queued before it was attached', () => {
    const one = new Stepped();
    one.loop.detach(() => {});
    one.loop.callSoon(() => {});
    assert.equal(one.wanted, 0);
    one.attach();
    assert.equal(one.wanted, 1);
    one.turnAll();
    one.end();
  });

  it('runs due timers by its driver’s clock', () => {
    const one = new Stepped();
    const log: number[] = [];
    one.loop.callLater(10, () => log.push(10));
    one.loop.callLater(5, () => log.push(5));
    assert.equal(one.loop.earliestTimer, one.driver.time + 5);
    one.loop.step();
    assert.deepEqual(log, []);
    one.driver.time += 10;
    one.loop.step();
    assert.deepEqual(log, [5, 10]);
    assert.equal(one.loop.earliestTimer, Infinity);
    one.end();
  });

  it('calls its hooks around each turn', () => {
    const one = new Stepped();
    const log: string[] = [];
    const hooks = [
      one.loop.addCheck(() => log.push('check')),
      one.loop.addPrepare(() => log.push('prepare')),
    ];
    one.loop.callSoon(() => log.push('turn'));
    one.loop.step();
    assert.deepEqual(log, ['check', 'turn', 'prepare']);
    for (const hook of hooks) hook.cancel();
    one.end();
  });

  it('stops after the turn that is under way, and can be attached again', () => {
    const one = new Stepped();
    const log: string[] = [];
    one.loop.callSoon(() => one.loop.stop());
    one.loop.callSoon(() => log.push('the same turn'));
    one.loop.step();
    assert.equal(one.stops, 1);
    assert.deepEqual(log, ['the same turn']);
    one.loop.stop();
    one.loop.step();
    assert.equal(one.stops, 2, 'asked from outside it stops after a turn');
    let detached = false;
    one.loop.callSoon(() =>
      one.loop.detach(() => {
        assert.ok(!one.loop.isRunning());
        detached = true;
      }),
    );
    one.loop.callSoon(() => log.push('behind it'));
    one.loop.step();
    assert.ok(detached);
    assert.deepEqual(log, ['the same turn', 'behind it']);
    assert.throws(() => one.loop.step(), hasCode('ERR_LOOP_STOPPED'));
    one.attach();
    one.loop.step();
    one.end();
  });

  it('refuses to be turned, run or closed otherwise', () => {
    const one = new Stepped();
    const { loop } = one;
    const running = hasCode('ERR_LOOP_RUNNING');
    const refusals = () => {
      assert.throws(() => loop.close(), running);
      assert.throws(() => loop.runOnce(0), running);
      assert.throws(() => loop.runForever(), running);
      assert.throws(() => loop.runUntilComplete(sleep(1)), running);
      assert.throws(() => loop.attachStepped({ wanted() {} }, () => {}), running);
    };
    refusals();
    let looked = false;
    loop.callSoon(() => {
      refusals();
      assert.throws(() => loop.step(), running);
      assert.throws(() => new EventLoop(new StubDriver()).runOnce(0), running);
      looked = true;
    });
    loop.step();
    assert.ok(looked);
    one.end();
    assert.throws(() => loop.step(), hasCode('ERR_LOOP_STOPPED'));
    assert.throws(() => one.attach(), hasCode('ERR_LOOP_CLOSED'));
    assert.throws(() => new EventLoop(new StubDriver()).step(), hasCode('ERR_LOOP_STOPPED'));
  });

  it('refuses to run another loop from inside', async () => {
    const one = new Stepped();
    let refused: unknown = null;
    one.loop.callSoon(() => {
      void run(sleep(1)).catch((error) => {
        refused = error;
      });
    });
    await atHostsTurn(() => one.loop.step());
    assert.ok(hasCode('ERR_LOOP_RUNNING')(refused), String(refused));
    one.end();
  });

  it('occupies no thread: a run and others live beside it', async () => {
    const one = new Stepped();
    const other = new Stepped();
    const seen: unknown[] = [];
    for (const { loop } of [one, other]) loop.callSoon(() => seen.push(getRunningLoop()));
    assert.equal(runningLoop(), null);
    await run(function* () {
      const loop = getRunningLoop();
      yield* sleep(1);
      one.loop.step();
      other.loop.step();
      assert.equal(getRunningLoop(), loop);
    });
    assert.deepEqual(seen, [one.loop, other.loop]);
    one.end();
    other.end();
  });

  it('is the running loop of its async functions, whoever’s turn resumes them', async () => {
    const one = new Stepped();
    const other = new Stepped();
    const { promise, resolve } = (() => {
      let resolve = () => {};
      const promise = new Promise<void>((settle) => {
        resolve = settle;
      });
      return { promise, resolve };
    })();
    const seen: unknown[] = [];
    const task = one.loop.createTask(async () => {
      seen.push(getRunningLoop());
      await promise;
      seen.push(getRunningLoop(), currentTask());
      await sleep(5);
      seen.push(getRunningLoop());
    });
    other.loop.createTask(function* () {
      yield* sleep(1);
      resolve();
      seen.push(getRunningLoop());
    });
    await atHostsTurn(() => {
      one.loop.step();
      other.loop.step();
      other.driver.time += 1;
      const before = one.wanted;
      other.loop.step();
      other.turnAll();
      assert.deepEqual(seen, [one.loop, other.loop, one.loop, task]);
      assert.ok(one.wanted > before, 'the timer of its sleep was told of');
      one.driver.time += 5;
      one.loop.step();
      one.turnAll();
      assert.equal(seen.at(-1), one.loop);
    });
    assert.ok(task.done());
    one.end();
    other.end();
  });

  it('is no running loop for an async function of a run beside it', async () => {
    const one = new Stepped();
    await run(async () => {
      const loop = getRunningLoop();
      await sleep(1);
      one.loop.callSoon(() => assert.equal(getRunningLoop(), one.loop));
      one.loop.step();
      assert.equal(getRunningLoop(), loop);
    });
    one.end();
  });

  describe('and debugging', () => {
    const told: string[] = [];
    const extension: LoopExtension = {
      running: () => void told.push('running'),
      stopped: () => void told.push('stopped'),
      windsDown: () => void told.push('windsDown'),
      closed: () => void told.push('closed'),
    };
    afterEach(() => {
      setLoopExtension(null);
      told.length = 0;
    });

    it('meet in debug mode only', () => {
      setLoopExtension(extension);
      const one = new Stepped();
      one.loop.step();
      one.end();
      assert.deepEqual(told, ['closed']);
      const other = new Stepped();
      other.loop.setDebug(true);
      other.end();
      assert.deepEqual(told, ['closed', 'running', 'stopped', 'closed']);
    });
  });
});

describe('an abandoned loop', () => {
  it('runs nothing any more, no cleaning up either', async () => {
    const one = new Stepped();
    const log: string[] = [];
    for (const main of [
      function* () {
        try {
          yield* sleep(1);
        } finally {
          log.push('generator');
        }
      },
      async () => {
        try {
          await sleep(1);
        } finally {
          log.push('async');
        }
      },
    ]) {
      one.loop.createTask<void>(main);
    }
    const reached = new Future<void>({ loop: one.loop });
    reached.addDoneCallback(() => log.push('callback'));
    await atHostsTurn(() => one.turnAll());
    one.loop.callSoon(() => log.push('queued'));
    one.loop.addCheck(() => log.push('hook'));
    one.loop.abandon();
    one.loop.abandon();
    assert.ok(isAbandoned(one.loop));
    assert.ok(one.loop.isClosed());
    assert.ok(!one.loop.isRunning());
    reached.setResult();
    one.driver.time += 1_000;
    assert.throws(() => one.loop.step(), hasCode('ERR_LOOP_STOPPED'));
    assert.throws(() => one.attach(), hasCode('ERR_LOOP_CLOSED'));
    assert.throws(() => one.loop.runForever(), hasCode('ERR_LOOP_CLOSED'));
    one.loop.close();
    await atHostsTurn(() => {});
    assert.deepEqual(log, []);
    assert.equal(one.stops, 0);
  });

  it('is gone in the middle of its own turn', () => {
    const one = new Stepped();
    const log: string[] = [];
    one.loop.addPrepare(() => log.push('hook'));
    one.loop.createTask(function* () {
      one.loop.abandon();
      one.loop.callSoon(() => log.push('queued after'));
      log.push('the rest of the step');
      yield;
      log.push('the next step');
    });
    one.loop.callSoon(() => log.push('same turn'));
    one.loop.step();
    assert.deepEqual(log, ['the rest of the step']);
    assert.throws(() => one.loop.step(), hasCode('ERR_LOOP_STOPPED'));
  });

  it('takes what is asked of it and never does it', () => {
    const one = new Stepped();
    one.loop.abandon();
    const fail = () => assert.fail('it was done');
    one.loop.callSoon(fail);
    one.loop.callLater(0, fail);
    one.loop.callSoonThreadsafe(fail);
    const task = one.loop.createTask(function* () {
      fail();
      yield;
    });
    task.cancel();
    assert.ok(!task.done());
    one.driver.host?.enqueue({ run: fail });
    assert.equal(one.wanted, 0);
  });

  it('stops an async function at its next wait, whoever settles the promise it waited for', async () => {
    const one = new Stepped();
    const other = new Stepped();
    const log: string[] = [];
    let settle = () => {};
    const promise = new Promise<void>((resolve) => {
      settle = resolve;
    });
    one.loop.createTask(async () => {
      try {
        await promise;
        log.push('resumed');
        await sleep(0);
        log.push('went on');
      } finally {
        log.push('cleaned up');
      }
    });
    await atHostsTurn(() => {
      one.turnAll();
      one.loop.abandon();
      other.loop.callSoon(settle);
      other.turnAll();
      other.driver.time += 10;
      other.loop.step();
      other.turnAll();
    });
    assert.deepEqual(log, ['resumed']);
    other.end();
  });

  it('reports nothing, not even what nobody has asked for', async () => {
    const one = new Stepped();
    one.loop.createTask(function* () {
      yield;
      throw new Error('of a task');
    });
    one.loop.step();
    one.loop.step(); // failed; the report is queued
    one.loop.abandon();
    (() => {
      new Future<void>({ loop: one.loop }).setException(new Error('of a future'));
    })();
    await collectGarbage();
    one.loop.callExceptionHandler({ message: 'whatever' });
    assert.deepEqual(one.reports, []);
  });

  it('must not be one that somebody else turns', async () => {
    await run(function* () {
      const loop = getRunningLoop() as EventLoop;
      assert.throws(() => loop.abandon(), hasCode('ERR_LOOP_RUNNING'));
      yield;
    });
  });

  it('keeps no context of its own alive', () => {
    const variable = new ContextVar<string>('variable');
    const one = new Stepped();
    one.loop.createTask(function* () {
      variable.set('inside');
      one.loop.abandon();
      yield;
    });
    one.loop.step();
    assert.equal(variable.get('none'), 'none');
    assert.equal(runningLoop(), null);
  });
});
